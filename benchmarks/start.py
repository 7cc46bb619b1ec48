"""How soon runs start: ten losses on the digits from the queue, with forked workers and with new processes in turn.
Then the app: from a click on Start to the first point of a curve, and from a click on the menu to a page's content.

    python -m benchmarks.start [--rounds 3] [--epochs 20] [--pages-only | --queue-only]

"wall" is the time of `python -m hierapp run`, from its start to its end; "training" the sum of the runs' times from the
start of training to the end; "claim to training" the median of the runs. Memory is proportional set size: memory that
processes share is divided among them. The click is on a server and a store of their own. CPU time is that of the
server, the browser and the processes that they start; it depends less on what else the machine does, and where each
waits for the other it is about the time on a machine with nothing else to do. Needs the tests' packages.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from app import MENU
from benchmarks import machine
from benchmarks.browser import app, chromium
from hierapp.execution.fork_server import VARIABLE
from hierapp.losses import LOSSES
from hierapp.runs import Store

WAYS = {"forked": "1", "new process": "0"}
TEN = list(LOSSES)[:10]
CURVE = ".js-plotly-plot .scatterlayer path.js-line"
# What a visitor came for: the first element of a page's own, below its title.
KINDS = (
    *("stDataFrame", "stTable", "stButton", "stSelectbox", "stMultiSelect", "stAlert", "stImage"),
    *("stBidiComponentRegular", "stBidiComponentIsolated"),
)
HEADING = "document.querySelector('[data-testid=stMain] h1')?.textContent"
CONTENT = ", ".join(f"[data-testid=stMain] [data-testid={kind}]" for kind in KINDS)


@dataclass(frozen=True)
class Round:
    """Seconds of one round, and the most memory of the template and of a worker, in MB."""

    wall: float
    training: float
    to_training: float
    template: float
    worker: float


class Memory(threading.Thread):
    """Looks at the memory of the processes of a home while they are there."""

    def __init__(self, home: str) -> None:
        super().__init__(daemon=True)
        self.home, self.over = home, threading.Event()
        self.most: dict[str, float] = {"template": 0.0, "worker": 0.0}

    def run(self) -> None:
        while not self.over.wait(0.2):
            for process in psutil.process_iter():
                try:
                    kind = self._kind(process)
                    if kind:
                        self.most[kind] = max(self.most[kind], process.memory_full_info().pss / 1e6)
                except psutil.Error:
                    pass

    def _kind(self, process: psutil.Process) -> str | None:
        words = " ".join(process.cmdline())
        if "forkserver" in words:
            return "template" if process.environ().get("HIERAPP_HOME") == self.home else None
        if "hierapp.execution.worker" in words:
            return "worker" if process.environ().get("HIERAPP_HOME") == self.home else None
        return None


def queue(way: str, epochs: int) -> Round:
    """Run the losses by the command line, in a home of their own."""
    with tempfile.TemporaryDirectory() as home:
        memory = Memory(home)
        memory.start()
        started = time.perf_counter()
        chosen = [word for loss in TEN for word in ("--loss", loss)]
        subprocess.run(
            [sys.executable, "-m", "hierapp", "run", "--data", "digits", "--epochs", str(epochs), *chosen, "--json"],
            env={**os.environ, "HIERAPP_HOME": home, VARIABLE: WAYS[way]},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - started
        memory.over.set()
        memory.join()
        runs = Store(Path(home)).runs()
        assert [run.state for run in runs] == ["finished"] * len(TEN)
        times = [(run.claimed or 0.0, run.started or 0.0, run.ended or 0.0) for run in runs]
        return Round(
            wall,
            sum(end - begun for _, begun, end in times),
            statistics.median(begun - claimed for claimed, begun, _ in times),
            memory.most["template"],
            memory.most["worker"],
        )


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """The median, and least and most in parentheses."""
    each = sorted(values)
    return f"{statistics.median(each):{form}} ({each[0]:{form}} to {each[-1]:{form}})"


def queues(rounds: int, epochs: int) -> None:
    """Both ways in turn, so that other work on the machine meets both."""
    found: dict[str, list[Round]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, known in found.items():
            known.append(queue(way, epochs))
    print(f"\n| {len(TEN)} losses, digits, {epochs} epochs | {' | '.join(WAYS)} |\n| --- | ---: | ---: |")
    rows = {
        "wall, s": lambda one: one.wall,
        "sum of training, s": lambda one: one.training,
        "wall / sum of training": lambda one: one.wall / one.training,
        "claim to training, median of the runs, s": lambda one: one.to_training,
        "template, MB": lambda one: one.template,
        "largest worker, MB": lambda one: one.worker,
    }
    for name, value in rows.items():
        print(f"| {name} | {' | '.join(spread(map(value, found[way])) for way in WAYS)} |")


class Clock:
    """Seconds on the wall, and CPU seconds of the processes below this one, since it was made."""

    def __init__(self) -> None:
        self.began, self.used = time.perf_counter(), self._used()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.began, self._used() - self.used

    def _used(self) -> float:
        seconds = 0.0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds


def curve(browser: Browser) -> tuple[float, float]:
    """From the click on Start to the first curve, on a fresh server."""
    with tempfile.TemporaryDirectory() as home, app(home) as address:
        page = browser.new_page()
        page.goto(f"{address}/train?data=digits&loss=cross-entropy&loss=hierarchical&epochs=200")
        button = page.locator("button", has_text="Start 2 runs")
        button.wait_for()
        page.wait_for_timeout(5_000)  # a visitor looks at the form; the app imports what runs need meanwhile
        clock = Clock()
        button.click()
        page.wait_for_selector(CURVE, state="attached", timeout=240_000)
        found = clock.read()
        page.close()
        for run in Store(Path(home)).runs():
            Store(Path(home)).request_cancel(run.id)
        while any(run.is_open for run in Store(Path(home)).runs()):
            time.sleep(0.1)
        return found


def visit(page: Page, section: str, title: str) -> tuple[float, float]:
    """From a click on an entry of the menu to the page's title with the first element of its content."""
    link = page.get_by_test_id("stTopNavLink").get_by_text(title, exact=True)
    if section:
        page.get_by_test_id("stTopNavSection").nth([name for name in MENU if name].index(section)).click()
        link = page.get_by_role("menuitem", name=title)
    link.wait_for()
    before = page.evaluate(HEADING)
    clock = Clock()
    link.click()
    page.wait_for_function(
        f"""([title, content, before]) => {{
            const fresh = !document.querySelector('[data-testid=stMain] [data-stale=true]');
            const heading = {HEADING};
            const isNew = heading && heading !== before && document.title.startsWith(title);
            return fresh && isNew && document.querySelector(content);
        }}""",
        arg=[title, CONTENT, before],
        polling="raf",
        timeout=120_000,
    )
    return clock.read()


def pages(browser: Browser, rounds: int) -> None:
    """Each page by the menu, on a server that has shown it before."""
    entries = [(section, title) for section, pages in MENU.items() for title, _ in pages.values()]
    with tempfile.TemporaryDirectory() as home, app(home) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/settings")  # the last one of the menu: each visit comes from another page
        page.get_by_role("heading", level=1).wait_for()
        print("\n| page, after a click on the menu | seconds | CPU seconds |\n| --- | ---: | ---: |")
        visited: dict[str, list[tuple[float, float]]] = {title: [] for _, title in entries}
        for turn in range(rounds + 1):
            for section, title in entries:
                found = visit(page, section, title)
                if turn:
                    visited[title].append(found)
        for title, found in visited.items():
            print(f"| {title} | {' | '.join(map(spread, zip(*found, strict=True)))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pages-only", action="store_true")
    which.add_argument("--queue-only", action="store_true")
    options = parser.parse_args()
    print(machine.describe(), f"; load {os.getloadavg()[0]:.0f}")
    if not options.pages_only:
        queues(options.rounds, options.epochs)
    if not options.queue_only:
        with chromium() as browser:
            wall, used = zip(*(curve(browser) for _ in range(options.rounds)), strict=True)
            print(f"\nFrom the click on Start to the first curve: {spread(wall)} s, {spread(used)} s of CPU time")
            pages(browser, options.rounds)


if __name__ == "__main__":
    main()
