"""Curves that are kept up to date by what is new are the curves of the store."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from hierapp.runs import Store
from hierapp.runs.curves import Curves
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

CONFIGS = [RunConfig.make(data="digits", tree="digits", loss="cross-entropy", seed=seed) for seed in range(3)]
DIGITS = tree_library.load("digits")
NAMES = ("train_loss", "val_loss")


def claimed(folder: Path) -> Store:
    store = Store(folder)
    for _ in store.add(CONFIGS, DIGITS):
        store.claim()
    return store


STEPS = st.one_of(
    st.tuples(st.just("report"), st.integers(1, 3), st.integers(1, 8), st.sampled_from(NAMES), st.floats(-9, 9)),
    st.tuples(st.just("rewind"), st.integers(1, 3), st.integers(0, 8)),
    st.tuples(st.just("look"), st.sets(st.integers(1, 3), min_size=1)),
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_what_is_kept_is_what_is_stored(tmp_path_factory, steps):
    """A rewound run reports at the same points again, as training does; so does this."""
    store = claimed(tmp_path_factory.mktemp("curves"))
    writers = {run: store.writer(run) for run in ("1", "2", "3")}
    written: dict[str, dict[float, dict[str, float]]] = {run: {} for run in writers}
    curves = Curves(store)
    for kind, *rest in [*steps, ("look", {1, 2, 3})]:
        if kind == "report":
            run, epoch, name, value = rest
            writers[str(run)].report(epoch / 2, {name: value}, 0.5)
            written[str(run)].setdefault(epoch / 2, {})[name] = value
        elif kind == "rewind":
            run, epoch = rest
            writers[str(run)].restarted_at(epoch / 2, 0.1)
            for at, values in written[str(run)].items():
                if at > epoch / 2:
                    writers[str(run)].report(at, values, 0.5)
        else:
            ids = sorted(str(run) for run in rest[0])
            assert curves.look(ids) == store.metrics(ids)
            assert curves.look(ids) == store.metrics(ids)
            assert curves.moved == 0, "nothing was new"


def test_points_after_a_checkpoint_are_void_until_they_are_reported_again(tmp_path):
    store = claimed(tmp_path)
    writer, curves = store.writer("1"), Curves(store)
    for epoch in (1, 2, 3):
        writer.report(epoch, {"val_loss": float(epoch)}, epoch / 3)
    assert curves.look(["1"])["1"]["val_loss"] == [(1, 1), (2, 2), (3, 3)]
    writer.restarted_at(1.5, 0.5)
    assert curves.look(["1"])["1"]["val_loss"] == [(1, 1)]
    writer.report(2, {"val_loss": 5.0}, 0.6)
    assert curves.look(["1"])["1"]["val_loss"] == [(1, 1), (2, 5)]
    assert store.run("1").last == {"val_loss": 5.0}


def test_a_look_reads_only_what_is_new(tmp_path):
    store = claimed(tmp_path)
    curves = Curves(store)
    for epoch in range(1, 101):
        store.writer("1").report(epoch, {"train_loss": 1.0, "val_loss": 2.0}, 0.1)
    curves.look(["1", "2"])
    assert curves.moved == 200
    store.writer("2").report(1, {"train_loss": math.nan}, 0.1)
    store.writer("3").report(1, {"train_loss": 1.0}, 0.1)
    found = curves.look(["1", "2"])
    assert curves.moved == 1
    assert math.isnan(found["2"]["train_loss"][0][1])


def test_what_a_look_returned_stays_as_it_was(tmp_path):
    store = claimed(tmp_path)
    writer, curves = store.writer("1"), Curves(store, ["val_loss"])
    writer.report(1, {"val_loss": 1.0, "train_loss": 3.0}, 0.1)
    first = curves.look(["1", "2"])
    writer.report(2, {"val_loss": 2.0, "train_loss": 3.0}, 0.2)
    second = curves.look(["1", "2"])
    writer.restarted_at(1, 0.1)
    assert curves.look(["1", "2"])["1"] == {"val_loss": [(1, 1)]}
    assert first == {"1": {"val_loss": [(1, 1)]}, "2": {}}
    assert second == {"1": {"val_loss": [(1, 1), (2, 2)]}, "2": {}}


def test_the_last_values_go_back_with_the_run(tmp_path):
    store = claimed(tmp_path)
    writer = store.writer("1")
    writer.report(1, {"val_loss": 1.0, "val_accuracy": 0.1}, 0.3)
    writer.report(2, {"val_loss": 2.0}, 0.6)
    assert store.run("1").last == {"val_loss": 2.0, "val_accuracy": 0.1}
    writer.restarted_at(1, 0.3)
    run = store.run("1")
    assert (run.last, run.progress, run.epoch) == ({"val_loss": 1.0, "val_accuracy": 0.1}, 0.3, 0)
