"""Pages that show a tree, in headless Chromium, with large trees: how long they take, and how much memory.

    python -m benchmarks.large_trees [--rounds 3] [--pictures FOLDER]

A fresh server that has shown every page once with the tree of the digits. Time is from the navigation until the page's
script has ended and the browser has drawn what it sent; "processor" is the time that the server and the browser
computed meanwhile, which depends less on what else the machine does. Memory is what the server has grown by.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.sync_api import Browser

from benchmarks import machine
from benchmarks.browser import app, chromium
from benchmarks.random_trees import random_tree
from benchmarks.studio import EDITOR
from benchmarks.visitors import megabytes
from hierapp import LabelTree
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft

# A page is ready when its script has ended, its texts are drawn and its plots are, too.
READY = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    if (app?.dataset.testScriptState !== 'notRunning' || !document.querySelector('h1')) return false;
    if (document.querySelector('[data-testid=stSkeleton]')) return false;
    return [...document.querySelectorAll('.hierapp-plot')].every(e => e.querySelector('.main-svg'));
}"""
EDITED = f"() => ({EDITOR})(document)?.querySelector('.node')"


PAGES = ("Trees", "Studio", "Lab", "Similarities", "Train", "Search")


class Visit(NamedTuple):
    """What a visit cost: seconds until the page is ready, seconds of processor time, MB of the server."""

    seconds: float
    processor: float
    megabytes: float


def trees() -> dict[str, LabelTree]:
    """By name; "wordnet" has as many leaves as ImageNet's tree, and about as many nodes (1,372)."""
    return {
        "digits": tree_library.load("digits"),
        "wordnet": random_tree(30, 8, 1.21, 1_000, 3, seed=1),
        "wide": random_tree(112, 8, 1.97, 10_000, 10),
    }


def addresses(tree: str, draft: str) -> dict[str, str]:
    """The addresses of the pages with a tree."""
    shown = f"data=digits&label-tree={tree}"
    return {
        "Trees": f"trees?tree={tree}",
        "Studio": f"studio?draft={draft}",
        "Lab": f"lab?tree={tree}",
        "Similarities": f"similarities?{shown}&source=tree&of-tree={tree}",
        "Train": f"train?{shown}",
        "Search": f"search?{shown}",
    }


def processor() -> dict[int, float]:
    """Seconds of processor time of this process's children and theirs, the server and the browser, by process."""
    spent = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent[process.pid] = times.user + times.system
    return spent


def visit(browser: Browser, address: str, picture: Path | None = None) -> Visit:
    """Open an address in a page of its own."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    memory, before, started = megabytes(), processor(), time.perf_counter()
    page.goto(address)
    page.wait_for_function(READY, polling=20, timeout=300_000)
    if "/studio" in address:
        page.wait_for_function(EDITED, polling=20, timeout=300_000)
    seconds = time.perf_counter() - started
    spent = sum(now - before.get(process, 0.0) for process, now in processor().items())
    found = Visit(seconds, spent, megabytes() - memory)
    if picture:
        page.screenshot(path=str(picture))
    page.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", nargs="+", default=PAGES, choices=PAGES)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as home, app(home) as url, chromium() as browser:
        os.environ["HIERAPP_HOME"] = home
        places = {}
        for name, tree in trees().items():
            if name != "digits":
                tree_library.keep(tree, name, data="digits")
            places[name] = addresses(name, Draft.begin(tree, name, "digits").id)
        for address in places["digits"].values():
            visit(browser, f"{url}/{address}")  # what a server does once
        print("| page | leaves | nodes | time | processor | server's memory, most |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for page in options.pages:
            for name, tree in trees().items():
                picture = options.pictures / f"{page.lower()}-{name}.png" if options.pictures else None
                found = [visit(browser, f"{url}/{places[name][page]}", picture) for _ in range(options.rounds)]
                seconds, computed = (statistics.median(each[place] for each in found) for place in (0, 1))
                print(
                    f"| {page} | {len(tree.leaves):,} | {len(tree.nodes):,} | {seconds:.2f} s | {computed:.2f} s |"
                    f" {max(each.megabytes for each in found):.0f} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
