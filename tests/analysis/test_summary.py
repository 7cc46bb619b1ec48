"""What is said of runs: labels, the table, the frequent mistakes; and how long runs will take."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierapp import LabelTree
from hierapp.analysis import summary
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from tests.store_states import end, working

DIGITS = tree_library.load("digits")


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": 5, **values})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return Store()


def queued(store: Store, *configs: RunConfig) -> list:
    return store.runs(store.add(configs, DIGITS))


def ended(store: Store, config: RunConfig, epoch_seconds: list[float], state: str = "finished") -> str:
    (run,) = store.add([config], DIGITS)
    assert store.claim().id == run
    for epoch, seconds in enumerate(epoch_seconds, start=1):
        values = {"epoch_seconds": seconds, "val_accuracy": epoch / 10}
        store.writer(run).end_epoch(epoch, values, np.eye(10, dtype=np.int64))
    if state != "running":
        end(store, run, state, test={"accuracy": 0.75, "mean_distance": 0.5, "severity": 2.0, "macro_recall": 0.7})
    return run


# Names


def test_similarities_and_lower_bounds_are_told_apart_also_two_of_one_name(store):
    def of(bound, word):
        return config(loss="simloss", options={"lower_bound": bound, "similarity": word})

    configs = [of(0, "tree"), of(0.5, "tree"), of(0, "ordinal:0.5"), of(0, "mine"), of(0.5, "mine"), of(0, "mine")]
    one, other = ",a,b\na,1,0.5\nb,0.5,1\n", ",a,b\na,1,0.4\nb,0.4,1\n"
    runs = store.runs(store.add(configs, DIGITS, similarities=[None, None, one, one, one, one]))
    assert list(summary.loss_labels(runs).values()) == [
        "simloss",
        "simloss, lower_bound 0.5",
        "simloss, similarity ordinal:0.5",
        "simloss, similarity mine",
        "simloss, similarity mine, lower_bound 0.5",
        "simloss, similarity mine",
    ]
    changed = store.runs(store.add([of(0, "mine")], DIGITS, similarities=[other]))
    said = summary.loss_labels([*runs, *changed])
    assert said["4"] == said["6"] != said["7"]
    assert all(re.fullmatch(r"simloss, similarity mine \([0-9a-f]{6}\)", said[run]) for run in "47")
    assert set(summary.table([*runs, *changed])["loss"]) == set(said.values())
    assert len(set(summary.labels([*runs[:5], *changed]).values())) == 6


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, "hierarchical"),
        ({"options": {"mass": 1}}, "hierarchical"),
        ({"options": {"mass": 0, "targets": "leaf"}}, "hierarchical, targets leaf, mass 0"),
        ({"loss": "simloss", "options": {"lower_bound": 0.125}}, "simloss, lower_bound 0.125"),
    ],
)
def test_a_setting_names_the_options_that_are_not_the_default(store, values, shown):
    assert summary.loss_label(queued(store, config(**values))[0]) == shown


def test_labels_of_a_single_run_are_its_loss(store):
    (run,) = queued(store, config(seed=3))
    assert summary.labels([run]) == {run.id: "hierarchical"}


@pytest.mark.parametrize(
    ("first", "second", "ends"),
    [
        ({"loss": "simloss"}, {}, ("simloss", "hierarchical")),
        ({"seed": 1}, {"seed": 2}, ("hierarchical · seed 1", "hierarchical · seed 2")),
        ({"learning_rate": 0.1}, {}, ("hierarchical · lr 0.1", "hierarchical · lr 0.001")),
        ({"batch_size": 7}, {}, ("hierarchical · batch 7", "hierarchical · batch 128")),
        ({"tree": "digits-flat"}, {}, ("hierarchical · digits-flat", "hierarchical · digits")),
        ({"options": {"mass": 0.5}}, {}, ("hierarchical, mass 0.5", "hierarchical")),
        (
            {"tree": "digits-flat", "seed": 1},
            {},
            ("hierarchical · digits-flat · seed 1", "hierarchical · digits · seed 0"),
        ),
    ],
)
def test_labels_say_what_tells_runs_apart(store, first, second, ends):
    runs = queued(store, config(**first), config(**second))
    assert tuple(summary.labels(runs).values()) == ends


def test_runs_that_nothing_tells_apart_are_labeled_with_their_ids(store):
    runs = queued(store, config(), config(), config(loss="simloss"), config(epochs=9))
    names = summary.labels(runs)
    assert len(set(names.values())) == 4
    assert names[runs[0].id] == f"hierarchical · epochs 5 (run {runs[0].id})"
    assert names[runs[2].id] == "simloss · epochs 5"
    assert names[runs[3].id] == "hierarchical · epochs 9"


def test_settings_are_what_differs_from_the_defaults(store):
    plain, other = queued(store, config(epochs=9, seed=4), config(optimizer="sgd", flip=True, learning_rate=0.05))
    assert (summary.recipe(plain), summary.recipe(other)) == ("", "lr 0.05, sgd, flip")


# The table and the dicts


def test_the_table_has_a_row_a_run_and_nan_where_there_is_no_figure_yet(store):
    done = ended(store, config(epochs=3), [1.0, 1.0, 1.0])
    waiting = queued(store, config(seed=4))[0].id
    frame = summary.table(store.runs())
    assert frame.index.tolist() == [done, waiting]
    assert frame.index.name == "run"
    assert frame.columns.tolist() == [
        *("data", "tree", "loss", "model", "seed", "configuration", "state", "epochs", "val accuracy"),
        *("test accuracy", "mean distance", "severity", "class accuracy", "weighted class accuracy"),
    ]
    row = frame.loc[done]
    assert (row["state"], row["epochs"], row["seed"]) == ("finished", "3 of 3", 0)
    assert row["val accuracy"] == 0.3, "the last epoch's"
    assert (row["test accuracy"], row["mean distance"], row["severity"], row["class accuracy"]) == (0.75, 0.5, 2, 0.7)
    assert math.isnan(row["weighted class accuracy"]), "the run's report has no such figure"
    empty = frame.loc[waiting]
    assert empty["epochs"] == "0 of 5"
    metrics = ["val accuracy", *summary.TEST_METRICS]
    assert empty[metrics].isna().all()
    assert {str(frame[name].dtype) for name in metrics} == {"float64"}


def test_the_table_of_no_runs_is_empty_but_has_its_columns(store):
    frame = summary.table([])
    assert len(frame) == 0
    assert "test accuracy" in frame.columns


def test_the_pid_of_a_run_is_told_only_while_it_runs(store):
    running = ended(store, config(), [1.0], state="running")
    store.writer(running).take(77, "here")
    store.writer(running).report(1.5, {"train_loss": 0.25}, 0.3)
    (shown,) = summary.as_dicts(store.runs())
    assert shown["pid"] == 77
    assert shown["metrics"] == {"epoch_seconds": 1.0, "val_accuracy": 0.1, "train_loss": 0.25}
    assert (shown["epoch"], shown["epochs"], shown["progress"], shown["test"]) == (1, 5, 0.3, None)
    assert json.loads(json.dumps(shown)) == shown
    end(store, running, "failed", error="why")
    (shown,) = summary.as_dicts(store.runs())
    assert (shown["pid"], shown["error"]) == (None, "why")


# Mistakes


@pytest.mark.parametrize("limit", [1, 5, 12, 1000])
def test_frequent_mistakes_are_those_that_a_loop_finds(limit):
    confusion = np.random.default_rng(limit).integers(0, 9, (10, 10))
    distances = DIGITS.distances()
    expected = [
        (
            DIGITS.leaves[i],
            DIGITS.leaves[j],
            int(confusion[i, j]),
            confusion[i, j] / confusion[i].sum(),
            int(distances[i, j]),
        )
        for i in range(10)
        for j in range(10)
        if i != j and confusion[i, j]
    ]
    expected.sort(key=lambda row: -row[2])  # stable: ties stand in the order of the matrix
    found = summary.frequent_mistakes(confusion, DIGITS, limit)
    assert found.columns.tolist() == ["true", "predicted", "images", "share of true", "distance"]
    assert list(found.itertuples(index=False, name=None)) == expected[:limit]


def test_without_a_mistake_the_list_is_empty():
    tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    assert summary.frequent_mistakes(np.array([[5, 0], [0, 0]]), tree).empty


def test_figures_over_seeds_are_mean_and_sample_deviation_of_the_finished_runs():
    frame = pd.DataFrame(
        [
            {"state": "finished", "loss": "simloss", **dict.fromkeys(summary.TEST_METRICS, 0.5)},
            {"state": "finished", "loss": "simloss", **dict.fromkeys(summary.TEST_METRICS, 0.7)},
            {"state": "failed", "loss": "simloss", **dict.fromkeys(summary.TEST_METRICS, float("nan"))},
            {"state": "finished", "loss": "hierarchical", **dict.fromkeys(summary.TEST_METRICS, 0.9)},
        ]
    ).assign(data="digits", tree="digits", model="lenet", configuration="", epochs="5 of 5")
    (row,) = summary.over_seeds(frame).to_dict("records")
    assert (row["loss"], row["n"]) == ("simloss", 2)
    assert {row[name] for name in summary.TEST_METRICS} == {"0.6000 ± 0.1414"}
    assert summary.over_seeds(frame.iloc[:0]).empty


def test_a_figure_that_is_no_number_is_null_in_json(store):
    (run,) = store.add([config()], tree_library.load("digits"))
    working(store, run).report(0.5, {"train_loss": float("nan"), "other": float("inf"), "good": 0.5}, 0.1)
    (found,) = summary.as_dicts(store.runs())
    assert found["metrics"] == {"train_loss": None, "other": None, "good": 0.5}
