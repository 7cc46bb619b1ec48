"""Writers and pollers on one store at once: nothing is lost, nobody is locked out, and every curve is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp.runs import Store
from hierapp.runs.curves import Curves
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

REPOSITORY = Path(__file__).resolve().parents[2]
DIGITS = tree_library.load("digits")


def going(store: Store, count: int) -> list[str]:
    """Runs that were claimed, and whose workers are the test."""
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=1000)
    ids = store.add([config] * count, DIGITS)
    for run in ids:
        store.claim()
        store.writer(run).take(1, f"the worker of {run}")
    return ids


@pytest.mark.slow
def test_no_row_is_lost_and_every_poller_sees_what_stands_in_the_store(tmp_path):
    store = Store(tmp_path / "home")
    ids = going(store, 4)
    jobs = [["write", run, "1", "4", "100", "3"] for run in ids[:3]]
    jobs += [["write", ids[3], "1", "4", "100"]]
    jobs += [["poll", ",".join(ids), "3.5", "0.1", "3"], ["poll", ids[0], "3.5", "0.05", "2"]]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.store_load", *job],
            cwd=REPOSITORY,
            env={**os.environ, "HIERAPP_HOME": str(store.folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for job in jobs
    ]
    said = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert [process.returncode for process in started] == [0] * len(jobs)
    writers, pollers = said[:4], [poller for group in said[4:] for poller in group]
    assert [writer["errors"] for writer in writers] == [[]] * 4
    assert all(writer["kept"] for writer in writers), "each row stands there once, with its last value"
    assert all(writer["rows"] < writer["written"] for writer in writers[:3]), "these went back"
    assert writers[3]["rows"] == writers[3]["written"]
    assert [poller["errors"] for poller in pollers] == [[]] * 5
    assert all(poller["same"] for poller in pollers)
    assert all(len(poller["times"]) > 3 for poller in pollers)


def test_a_look_reads_what_is_new_and_nothing_else(tmp_path):
    store = Store(tmp_path)
    ids = going(store, 2)
    writers = [store.writer(run) for run in ids]
    curves = Curves(store)
    for tick in range(1, 101):
        for writer in writers:
            writer.report(tick / 10, {"train_loss": tick, "val_loss": -tick}, 0.1)
    assert curves.look(ids) == store.metrics(ids)
    assert curves.moved == 400
    for new in (0, 3):
        for tick in range(new):
            writers[0].report(11 + tick, {"train_loss": 0.5}, 0.1)
        assert curves.look(ids) == store.metrics(ids)
        assert curves.moved == new


@pytest.mark.parametrize("looks_between", [False, True])
def test_a_poller_hears_of_every_run_that_goes_back(tmp_path, looks_between):
    store = Store(tmp_path)
    ids = going(store, 3)
    writers = [store.writer(run) for run in ids]
    curves = Curves(store)
    for tick in range(1, 11):
        for writer in writers:
            writer.report(tick / 2, {"train_loss": tick}, 0.1)
    curves.look(ids)
    # The machine is started anew: all go back, the one with the latest rows first, and it once more, for its last
    # checkpoint turns out to be broken.
    for number, epoch in ((2, 3.0), (1, 2.0), (0, 1.5), (2, 1.0)):
        writers[number].restarted_at(epoch, 0.1)
        if looks_between:
            curves.look(ids)
    assert curves.look(ids) == store.metrics(ids)
    assert [len(store.metrics([run])[run]["train_loss"]) for run in ids] == [3, 4, 2]
    writers[0].report(2.0, {"train_loss": 99.0}, 0.1)
    assert curves.look(ids) == store.metrics(ids)
