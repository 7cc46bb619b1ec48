"""The studio in headless Chromium: how long until it is open, and until an edit shows, with 10 to 10,000 leaves.

    python -m benchmarks.studio [--rounds 7] [--pictures FOLDER]

A fresh server, a draft made beforehand. Opening is from the navigation to the first node drawn. An edit is from the key
press that asks for it (Alt+Down on the selected leaf) to the frame with Python's answer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks import machine
from benchmarks.browser import app, chromium
from benchmarks.random_trees import random_tree
from hierapp import LabelTree
from hierapp.trees import generators, library as tree_library
from hierapp.trees.drafts import Draft

# The editor, in whichever shadow root it is.
EDITOR = """function find(root) {
    return root.querySelector('.editor') ||
        [...root.querySelectorAll('*')].map(e => e.shadowRoot && find(e.shadowRoot)).find(Boolean);
}"""


def trees() -> dict[str, LabelTree]:
    """Over so many leaves."""
    thousand = [f"class {i}" for i in range(1000)]
    return {
        "10": tree_library.load("cifar10"),
        "100": tree_library.load("cifar100"),
        "1,000": generators.random(thousand, seed=0),
        "10,000": random_tree(112, 8, 1.97, 10_000, 10),
    }


def opening(browser: Browser, address: str) -> tuple[Page, float]:
    """A page with the editor, and the seconds until the first node was drawn."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    start = time.perf_counter()
    page.goto(address)
    # Looked for every 20 ms: the browser's own waiting grows to a second a turn.
    page.wait_for_function(f"({EDITOR})(document)?.querySelector('.node')", polling=20, timeout=60_000)
    return page, time.perf_counter() - start


def edit(page: Page) -> float:
    """Milliseconds from the key press to the answer's frame, by the browser's clock."""
    page.evaluate(
        """() => {
            const editor = (FIND)(document), before = editor.dataset.done;
            window.took = null;
            editor.addEventListener('keydown', () => {
                const start = performance.now();
                new MutationObserver((_, watch) => {
                    if (editor.dataset.done === before) return;
                    watch.disconnect();
                    requestAnimationFrame(() => { window.took = performance.now() - start; });
                }).observe(editor, { attributes: true });
            }, { once: true, capture: true });
        }""".replace("FIND", EDITOR)
    )
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_function("window.took !== null", timeout=60_000)
    return float(page.evaluate("window.took"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    print(machine.describe())
    print(f"{options.rounds} rounds; median, least to most")
    print()
    print("| leaves | nodes | opens | an edit shows |")
    print("| ---: | ---: | --- | --- |")
    with tempfile.TemporaryDirectory() as home, app(home) as url, chromium() as browser:
        os.environ["HIERAPP_HOME"] = home
        first = Draft.begin(tree_library.load("digits"), "first")
        opening(browser, f"{url}/studio?draft={first.id}")[0].close()  # what a server does once
        for name, tree in trees().items():
            opens, shows = [], []
            for _ in range(options.rounds):
                draft = Draft.begin(tree, name)
                page, seconds = opening(browser, f"{url}/studio?draft={draft.id}")
                opens.append(seconds)
                page.wait_for_timeout(1500)
                page.locator("svg[role=tree]").focus()
                for key in ("ArrowDown", "ArrowRight"):  # the root, then its first child
                    page.keyboard.press(key)
                shows += [edit(page) for _ in range(3)]
                if options.pictures:
                    options.pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=str(options.pictures / f"studio-{name.replace(',', '')}.png"))
                page.close()
            print(
                f"| {name} | {len(tree.nodes):,} | {statistics.median(opens):.2f} s ({min(opens):.2f} to"
                f" {max(opens):.2f}) | {statistics.median(shows):.0f} ms ({min(shows):.0f} to {max(shows):.0f}) |"
            )


if __name__ == "__main__":
    main()
