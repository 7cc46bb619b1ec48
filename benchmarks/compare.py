"""The Compare page over a made-up store of 200 finished runs of CIFAR-100, ten settings of twenty seeds.

    python -m benchmarks.compare [--runs 200] [--outputs 25] [--rounds 3]

Seconds of each view, from the store to the last figure as Streamlit runs the page, without a browser: at first, and
again, when what was computed is kept. Then in Chromium, from the navigation to a view's address until its figure is
drawn. Then the figures of some runs anew from their outputs, 10,000 x 100 each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from benchmarks import machine
from benchmarks.browser import app, chromium
from hierapp import metrics
from hierapp.analysis import reevaluation
from hierapp.decoding import DECODERS
from hierapp.paths import project_folder
from hierapp.runs import Store, writer
from hierapp.training import RunConfig
from hierapp.training.predictions import FILE, Outputs, stored
from hierapp.trees import library as tree_library

EPOCHS = 30
LOSSES = ("cross-entropy", "hierarchical", "conditional", "hxe", "soft-labels")
NAMES = ("train_loss", "val_loss", "val_accuracy", "val_distance", "learning_rate", "epoch_seconds")
POINTS = ".scatterlayer path.point"
VIEWS = {
    "figures": ".scatterlayer path.js-line",
    "tests": POINTS,
    "severity": POINTS,
    "confusion": ".heatmaplayer image",
}
SETTINGS = 10


def fill(store: Store, runs: int) -> None:
    """Finished runs, through the store's own tables."""
    tree = tree_library.load("cifar100")
    draw, chance = np.random.default_rng(0), random.Random(0)
    seeds = runs // SETTINGS
    store.add(
        [
            RunConfig.make(
                data="cifar100",
                tree="cifar100",
                loss=LOSSES[setting % len(LOSSES)],
                seed=seed,
                epochs=EPOCHS,
                batch_size=128 if setting < len(LOSSES) else 256,
            )
            for setting in range(SETTINGS)
            for seed in range(seeds)
        ],
        tree,
    )
    with store.database.write() as db:
        for run in range(1, seeds * SETTINGS + 1):
            counts = draw.integers(0, 2, (100, 100)) + 40 * np.eye(100, dtype=np.int64)
            test = {
                "loss": 0.5,
                "confusion": counts.tolist(),
                "log_loss": draw.random(),
                **metrics.report(counts, tree),
            }
            db.executemany(
                "INSERT INTO metrics (run, name, epoch, value) VALUES (?, ?, ?, ?)",
                [(run, name, epoch, chance.random()) for epoch in range(1, EPOCHS + 1) for name in NAMES],
            )
            writer.add_confusion(db, run, "test", EPOCHS, counts)
            writer.add_confusion(db, run, "validation", EPOCHS, counts)
            db.execute(
                "UPDATE runs SET state = 'finished', epoch = ?, progress = 1, attempt = 1, started = created,"
                " ended = created + 60, device = 'cpu', test = ?, last = ? WHERE id = ?",
                (EPOCHS, json.dumps(test), json.dumps(dict.fromkeys(NAMES, 0.9)), run),
            )


def made_up(seed: int) -> Outputs:
    """10,000 x 100 probabilities."""
    draw = np.random.default_rng(seed)
    target = np.repeat(np.arange(100), 100)
    logits = draw.normal(size=(10_000, 100)).astype(np.float32)
    logits[np.arange(10_000), target] += 2
    p = np.exp(logits)
    return Outputs.of(p / p.sum(1, keepdims=True), target, tree_library.load("cifar100").leaves, "cifar100", EPOCHS)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pages(runs: int, rounds: int) -> None:
    """The page's views, all settings chosen."""
    every = [str(1 + setting * (runs // SETTINGS)) for setting in range(SETTINGS)]
    app = AppTest.from_file(str(project_folder() / "app.py"), default_timeout=120)
    app.run()
    for view in VIEWS:
        app.query_params["view"] = view
        app.query_params["settings"] = every
        if "view" in app.session_state:
            app.session_state["view"] = view
        first = seconds(lambda: app.switch_page("pages/compare/page.py").run())
        assert not app.exception, view
        assert len(app.multiselect(key="settings").value) == SETTINGS
        again = [seconds(app.run) for _ in range(rounds)]
        print(f"{view}: first {first:.2f} s, again {statistics.median(again):.2f} s")


def in_browser(store: Store, runs: int, rounds: int) -> None:
    """Views by their addresses, all settings chosen, until something of the figure is drawn."""
    chosen = "&".join(f"settings={1 + place * (runs // SETTINGS)}" for place in range(SETTINGS))
    with app(store.folder) as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})

        def visit(view: str) -> None:
            page.goto(f"{url}/compare?on=cifar100&under=cifar100&{chosen}&figure=accuracy&view={view}")
            page.wait_for_selector(f".js-plotly-plot {VIEWS[view]}", state="attached", timeout=90_000)

        print(f"the very first visit in a browser: {seconds(lambda: visit('figures')):.2f} s")
        for view in VIEWS:
            taken = []
            for _ in range(rounds + 1):  # the first one computes what is kept from then on
                page.goto("about:blank")
                taken.append(seconds(lambda view=view: visit(view)))
            median = statistics.median(taken[1:])
            print(f"{view}, in a browser: first {taken[0]:.2f} s, again {median:.2f} s", end=" ")
            print(f"({min(taken[1:]):.2f} to {max(taken[1:]):.2f})", flush=True)


def outputs(store: Store, runs: int) -> None:
    """Figures anew from stored outputs."""
    tree, other = tree_library.load("cifar100"), tree_library.load("cifar100-5level")
    folders = []
    for run in range(1, runs + 1):
        folder = store.run(str(run)).folder
        folder.mkdir(parents=True, exist_ok=True)
        said = made_up(run)
        save_file(said.tensors(), folder / FILE, metadata=said.about())
        folders.append(folder)
    for rule in DECODERS:
        taken = [
            seconds(lambda at=(folder, rule): reevaluation.reevaluate(stored(at[0]), other, at[1]))
            for folder in folders
        ]
        print(
            f"{rule}, another tree: {1000 * statistics.median(taken):.0f} ms a run, {sum(taken):.2f} s for {runs} runs"
        )
    taken = [seconds(lambda folder=folder: reevaluation.operating(stored(folder), tree)) for folder in folders[:5]]
    print(f"exact operating curve: {1000 * statistics.median(taken):.0f} ms a run")
    taken = [seconds(lambda folder=folder: reevaluation.reliability(stored(folder))) for folder in folders]
    print(f"reliability: {1000 * statistics.median(taken):.0f} ms a run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--outputs", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as home:
        os.environ["HIERAPP_HOME"] = home
        store = Store(Path(home))
        fill(store, options.runs)
        print(f"{options.runs} finished runs, {SETTINGS} settings")
        pages(options.runs, options.rounds)
        in_browser(store, options.runs, options.rounds)
        outputs(store, min(options.outputs, options.runs))


if __name__ == "__main__":
    main()
