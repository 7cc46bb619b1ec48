"""A store with 1,000 runs and 2 million rows of metrics: writers, pollers and the Runs page on it.

    python -m benchmarks.store [--seconds 60] [--runs 1000] [--rounds 5]

Four processes record 100 rows a second each, a row a transaction, as workers do; meanwhile 20 pollers, in four
processes, look every second at eight runs, the four that are written among them. Then the Runs page of a server in
headless Chromium, from the navigation on, showing eight runs that have ended; the same of a store with twenty runs
tells what the size costs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext

from benchmarks import machine
from benchmarks.browser import app, chromium
from hierapp import metrics
from hierapp.runs import Store, writer
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

EPOCHS = 200
LOSSES = ("cross-entropy", "hierarchical", "conditional", "hxe", "soft-labels", "simloss", "tree-wasserstein")
NAMES = (
    *("train_loss", "val_loss", "val_accuracy", "images_per_second", "epoch_seconds"),
    *("mean_distance", "severity", "learning_rate", "gradient_norm", "memory"),
)
WRITERS, RATE = 4, 100.0
POLLER_PROCESSES, POLLERS_EACH = 4, 5
SHOWN = 8
FEW = 20


def fill(store: Store, runs: int) -> None:
    """Finished runs of 200 epochs with ten metrics each, through the store's own tables."""
    tree = tree_library.load("digits")
    store.add(
        [
            RunConfig.make(data="digits", tree="digits", loss=LOSSES[number % len(LOSSES)], seed=number, epochs=EPOCHS)
            for number in range(runs)
        ],
        tree,
    )
    generator = np.random.default_rng(0)
    confusion = generator.integers(0, 6, (10, 10)) + 30 * np.eye(10, dtype=np.int64)
    test = json.dumps({"loss": 0.5, **metrics.report(confusion, tree)})
    chance = random.Random(0)

    def points() -> Iterator[tuple[int, str, float, float]]:
        for run in range(1, runs + 1):
            for epoch in range(1, EPOCHS + 1):
                for name in NAMES:
                    yield run, name, epoch, chance.random() / epoch

    with store.database.write() as db:
        db.executemany("INSERT INTO metrics (run, name, epoch, value) VALUES (?, ?, ?, ?)", points())
        writer.add_confusion(db, 1, "validation", 1, confusion)
        db.execute(
            "INSERT OR IGNORE INTO confusions WITH RECURSIVE epochs(epoch) AS"
            " (SELECT 1 UNION ALL SELECT epoch + 1 FROM epochs WHERE epoch < ?)"
            " SELECT runs.id, 'validation', epochs.epoch, counts FROM runs, epochs, confusions",
            (EPOCHS,),
        )
        db.execute(
            "UPDATE runs SET state = 'finished', epoch = ?, progress = 1, attempt = 1, started = created,"
            " ended = created + 60, created = created - 100 * (? - id), device = 'cpu', test = ?, last = ?",
            (EPOCHS, runs, test, json.dumps(dict.fromkeys(NAMES, 0.9))),
        )


def load(store: Store, seconds: float) -> None:
    """Writers and pollers at once, and what they met."""
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=10_000)
    written = store.add([config] * WRITERS, tree_library.load("digits"))
    for run in written:
        store.claim()
        store.writer(run).take(os.getpid(), f"the worker of {run}")
    ids = ",".join([*(str(number) for number in range(1, SHOWN - WRITERS + 1)), *written])
    jobs = [["write", run, "1", str(seconds), str(RATE)] for run in written]
    jobs += [["poll", ids, str(seconds), "1", str(POLLERS_EACH)]] * POLLER_PROCESSES
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.store_load", *job],
            env={**os.environ, "HIERAPP_HOME": str(store.folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for job in jobs
    ]
    said = [json.loads(each.communicate()[0]) for each in started]
    writers, pollers = said[:WRITERS], [poller for group in said[WRITERS:] for poller in group]
    errors = [error for each in (*writers, *pollers) for error in each["errors"]]
    rows = sum(writer["rows"] for writer in writers)
    print(f"{WRITERS} writers: {rows:,} rows in {max(writer['seconds'] for writer in writers):.0f} s,", end=" ")
    print(f"each kept: {all(writer['kept'] for writer in writers)}; errors of anybody: {errors or 'none'};", end=" ")
    print(f"longest transaction {max(writer['slowest'] for writer in writers):.0f} ms")
    times = [time for poller in pollers for time in poller["times"]]
    cuts = statistics.quantiles(times, n=100)
    firsts = [poller["first"] for poller in pollers]
    print(f"{len(pollers)} pollers, {len(times):,} looks: median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms,", end=" ")
    print(f"p99 {cuts[98]:.1f} ms, longest {max(times):.1f} ms;", end=" ")
    print(f"the first, which reads all, {statistics.median(firsts):.0f} ms ({min(firsts):.0f} to {max(firsts):.0f})")
    moved, new = sum(poller["moved"] for poller in pollers), sum(poller["new"] for poller in pollers)
    print(f"rows that looks read: {moved:,}; points that were new: {new:,};", end=" ")
    print(f"curves as the store's in the end: {all(poller['same'] for poller in pollers)}")
    for run in written:
        store.writer(run).end("cancelled")


def visit(browser: BrowserContext, address: str) -> tuple[float, float, float]:
    """Seconds from the navigation to the headline, to the table and to the curves."""
    page = browser.new_page()
    start = time.perf_counter()
    page.goto(address)
    seconds = []
    # Looked for every 20 ms: the browser's own waiting grows to a second a turn.
    for there in (
        "[...document.querySelectorAll('h1')].some(each => each.textContent === 'Runs')",
        "document.querySelector('[data-testid=stDataFrame] canvas')",
        "document.querySelector('.st-key-accuracy .js-plotly-plot .main-svg')",
    ):
        page.wait_for_function(there, polling=20, timeout=60_000)
        seconds.append(time.perf_counter() - start)
    page.close()
    return seconds[0], seconds[1], seconds[2]


def show(store: Store, rounds: int) -> None:
    """The Runs page, at first by a server that has shown nothing yet in a browser that has nothing of it yet."""
    with app(store.folder) as url, chromium() as browser:
        window = browser.new_context(viewport={"width": 1280, "height": 1000})
        address = f"{url}/runs?{'&'.join(f'runs={run}' for run in range(1, SHOWN + 1))}"
        times = [visit(window, address) for _ in range(rounds + 1)]
    for name, (first, *later) in zip(("headline", "table", "curves"), zip(*times, strict=True), strict=True):
        print(f"{name}: median {statistics.median(later):.2f} s, {min(later):.2f} to {max(later):.2f}", end="")
        print(f", {rounds} rounds; the very first visit {first:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        fill(store, options.runs)
        size = (store.folder / "store.sqlite").stat().st_size / 1e6
        print(f"{options.runs:,} runs, {options.runs * EPOCHS * len(NAMES):,} rows of metrics, {size:,.0f} MB")
        load(store, options.seconds)
        show(store, options.rounds)
    with tempfile.TemporaryDirectory() as home:
        few = Store(Path(home))
        fill(few, FEW)
        print(f"{FEW} runs, {FEW * EPOCHS * len(NAMES):,} rows of metrics")
        show(few, options.rounds)


if __name__ == "__main__":
    main()
