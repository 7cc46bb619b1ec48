"""How long the Start page takes to appear, cold: a fresh server, its first visitor, an empty browser.

    python -m benchmarks.first_paint [--rounds 5]

"paint" is the browser's first contentful paint, "headline" the moment when the page's headline, which comes from
Python, is visible; both from the request on, which is made as soon as the server answers. Needs the tests' packages.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

from playwright.sync_api import Browser

from benchmarks import machine
from benchmarks.browser import app, chromium


def visit(browser: Browser, address: str) -> tuple[float, float]:
    """Seconds to the first contentful paint and to the headline."""
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("h1")
    headline = time.perf_counter() - started
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    return paint, headline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home, app(home) as address, chromium() as browser:
            times.append(visit(browser, address))
    print(machine.describe())
    for name, values in zip(("paint", "headline"), zip(*times, strict=True), strict=True):
        print(
            f"{name}: median {statistics.median(values):.2f} s, {min(values):.2f} to {max(values):.2f}, {rounds} rounds"
        )


if __name__ == "__main__":
    main()
