"""The Loss lab in headless Chromium: how long from a bar's move to the frame with its numbers.

    python -m benchmarks.lab [--drags 60]

A fresh server. A move is one of a drag across a bar: from the pointer's event to the frame that has the answer to it,
by the browser's clock; while it is waited for, the pointer rests. On the first visit "readable" is until the tree is
drawn, "numbers" until the losses are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

from playwright.sync_api import Page

from benchmarks import machine
from benchmarks.browser import app, chromium
from hierapp.losses import LOSSES

ALL = "!".join(LOSSES)
VIEWS = {
    "five classes, as the lab opens": "",
    "five classes, thirteen losses, four decoders": f"loss={ALL}",
    "ten classes, thirteen losses, four decoders": f"tree=cifar10&loss={ALL}",
    "a story with one decoder": "lesson=one-path&step=3",
    "slice of three losses and their surfaces": "lesson=convex&step=2",
}
BOARD = """function find(root) {
    return root.querySelector('.board') ||
        [...root.querySelectorAll('*')].map(e => e.shadowRoot && find(e.shadowRoot)).find(Boolean);
}"""
WATCH = """() => {
    const board = (FIND)(document);
    window.took = null;
    const before = board.dataset.drawn, start = performance.now();
    new MutationObserver((_, watch) => {
        if (board.dataset.drawn === before) return;
        watch.disconnect();
        requestAnimationFrame(() => { window.took = performance.now() - start; });
    }).observe(board, { attributes: true });
}""".replace("FIND", BOARD)


def drags(page: Page, count: int) -> list[float]:
    """Milliseconds of each move of drags to and fro over the first bar."""
    bar = page.locator(".board .bar").first.locator(".track")
    bar.scroll_into_view_if_needed()
    track = bar.bounding_box()
    assert track is not None
    y = track["y"] + track["height"] / 2
    page.mouse.move(track["x"] + track["width"] / 2, y)
    page.mouse.down()
    page.wait_for_timeout(500)
    found = []
    for number in range(count):
        share = 0.2 + 0.6 * ((number * 7) % 20) / 20 + 0.001 * number
        # From the next event on; the watch is set in the page as the pointer moves.
        page.evaluate(
            "() => window.addEventListener('pointermove', WATCH, { once: true, capture: true })".replace("WATCH", WATCH)
        )
        page.mouse.move(track["x"] + track["width"] * share, y)
        page.wait_for_function("window.took !== null", polling=10, timeout=20_000)
        found.append(float(page.evaluate("window.took")))
        page.evaluate("window.took = null")
        page.wait_for_timeout(60)
    page.mouse.up()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drags", type=int, default=60)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as home, app(home) as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        start = time.perf_counter()
        page.goto(f"{url}/lab?lesson=cat-truck&step=3")
        page.wait_for_function(f"({BOARD})(document)?.querySelector('.node')", polling=20, timeout=60_000)
        readable = time.perf_counter() - start
        page.wait_for_function(f"({BOARD})(document)?.dataset.ready === 'yes'", polling=20, timeout=60_000)
        print(f"The first visit: readable after {readable:.2f} s, numbers after {time.perf_counter() - start:.2f} s")
        print()
        print(f"| view | a move shows: median of {options.drags}, least to most |")
        print("| --- | --- |")
        for name, query in VIEWS.items():
            page.goto(f"{url}/lab?{query}")
            page.wait_for_function(f"({BOARD})(document)?.dataset.ready === 'yes'", polling=20, timeout=60_000)
            # The page is at rest once Python's numbers have been compared.
            page.wait_for_function(f"({BOARD})(document)?.dataset.agrees === 'yes'", polling=20, timeout=60_000)
            page.wait_for_timeout(2500)
            took = drags(page, options.drags)
            print(f"| {name} | {statistics.median(took):.0f} ms ({min(took):.0f} to {max(took):.0f}) |", flush=True)


if __name__ == "__main__":
    main()
