"""Searches over runs with made-up figures: no process is started, and the tests are the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hierapp.runs import Store
from hierapp.search import journal
from hierapp.search.journal import Search
from hierapp.search.plan import Plan
from hierapp.search.runner import SearchRunner
from hierapp.trees import formats as tree_formats, library as tree_library
from hierapp.utils import processes
from tests.never_started import NeverStarted
from tests.store_states import working

COUNTS = np.eye(10, dtype=np.int64)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return quiet_store(tmp_path, monkeypatch)


def quiet_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store in HIERAPP_HOME; nothing that is asked to start a process does."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(processes, "spawn", NeverStarted())
    return Store(tmp_path / "home")


@pytest.fixture
def runners(store: Store) -> NeverStarted:
    """The runners that would have been started."""
    return processes.spawn


def a_plan(name: str = "lr", varied: Sequence[str] = ("learning_rate=1e-4..1e-1:log",), **given: Any) -> Plan:
    """A search of the digits with the hierarchical loss; `values` are added to those that stay."""
    values = {"data": "digits", "tree": "digits", "epochs": 3, "device": "cpu", **given.pop("values", {})}
    text = tree_formats.render(tree_library.load(values["tree"]), "json")
    chosen = {"losses": ("hierarchical",), "trials": 6, "at_once": 2, **given}
    return Plan(name=name, values=values, varied=tuple(varied), tree_text=text, **chosen)


def begun(store: Store, **given: Any) -> Search:
    """The same, kept."""
    plan = a_plan(**given)
    plan.check()
    return journal.begin(store, plan)


def report(store: Store, run: str, values: Sequence[float]) -> None:
    """Let a run's worker record its next epochs."""
    attempt = working(store, run)
    if store.run(run).process is None:
        attempt.take(os.getpid(), processes.identity(os.getpid()) or "")
        attempt.begin("cpu", "0")
    first, epochs = store.run(run).epoch + 1, store.run(run).config.epochs
    for epoch, value in enumerate(values, first):
        attempt.report(epoch, {"train_loss": 1.0}, epoch / epochs)
        attempt.end_epoch(epoch, {"val_accuracy": value, "val_distance": 1 - value, "val_loss": 1.0}, COUNTS)


def finish(store: Store, run: str, values: Sequence[float], test: dict[str, Any] | None = None) -> None:
    """Let a run's worker record its epochs and finish."""
    report(store, run, values)
    working(store, run).finish(len(values), test or {}, COUNTS)


def waiting(store: Store) -> list[str]:
    return [run.id for run in store.queue()]


def carry_on(
    search: Search,
    accuracy: Callable[[dict[str, Any]], float],
    test: Callable[[float], dict[str, Any]] | None = None,
    most: int = 100,
) -> None:
    """Let a runner and a worker take turns until the search is over; runs reach `accuracy` of their configuration in
    every epoch, and `test` of that on the test images."""
    runner = SearchRunner(search)
    for _ in range(most):
        going = runner.step()
        for run in waiting(search.store):
            config = search.store.run(run).config
            value = accuracy(config.model_dump())
            finish(search.store, run, [value] * config.epochs, test(value) if test else None)
        if not going:
            return
    raise AssertionError("the search does not come to its end")
