"""Rows from stored outputs: every decoder, by the true tree, temperature before the decision."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp import metrics
from hierapp.analysis import reevaluation
from hierapp.analysis.calibration import HeldOut
from hierapp.studies import collect, planning, progress
from hierapp.studies.readings import Reading
from hierapp.training import predictions
from tests.finished_runs import add_finished
from tests.studies.conftest import study

ONE = {"groups": ({"name": "plain", "loss": "cross-entropy"},), "comparisons": (), "tuning": {}, "seeds": 2}


@pytest.fixture
def finished(store):
    for seed in (0, 1):
        add_finished(store, seed=seed)
    return study(**ONE)


def test_each_finished_run_has_a_row_for_each_decoder(finished, store):
    found = list(collect.collect(finished, progress.progress(store, finished).tests))
    assert [(row["seed"], row["decoder"]) for row in found] == [
        (seed, decoder) for seed in (0, 1) for decoder in finished.decoders
    ]
    run = store.run("1")
    leaf, scaled, plain, *_ = found
    assert leaf["accuracy"] == pytest.approx(run.test["accuracy"])
    assert leaf["log_loss"] == pytest.approx(run.test["log_loss"], rel=1e-3)
    assert leaf["level_1"] == pytest.approx(run.test["level_accuracy"][0])
    assert scaled["temperature"] != 1
    assert plain["temperature"] == 1
    assert found[4]["coverage"] == pytest.approx(0.9, abs=0.06)


def test_temperature_comes_before_the_decision_and_from_validation(finished, store):
    run = store.run("1")
    test, held_out = (predictions.stored(run.folder, name) for name in (predictions.FILE, predictions.VALIDATION))
    row = collect.read(test, HeldOut(held_out), finished.true_tree, Reading.parse("temperature+min-risk"))
    temperature = metrics.fit_temperature(held_out.log_probs(), held_out.target)
    given = reevaluation.on_tree(test, finished.true_tree)
    p = given.p ** (1 / temperature)
    nodes = reevaluation.predictions(given._replace(p=p / p.sum(1, keepdims=True)), finished.true_tree, "min-risk")
    hits = np.searchsorted(finished.true_tree.leaf_nodes, nodes) == given.target
    assert row["accuracy"] == pytest.approx(hits.mean())
    assert row["temperature"] == pytest.approx(temperature)


def test_a_run_over_a_permuted_tree_is_evaluated_by_the_true_one(finished, store):
    run = store.run("1")
    test = predictions.stored(run.folder)
    permuted = planning.test_runs(study(), {"hxe, permuted": {}})[0].tree
    order = permuted.positions_of(test.classes)
    moved = type(test)(np.empty_like(test.probabilities), order[test.target], permuted.leaves, test.data, 1)
    moved.probabilities[:, order] = test.probabilities
    rows = [collect.read(each, HeldOut(each), finished.true_tree, Reading.parse("min-risk")) for each in (test, moved)]
    assert rows[0] == pytest.approx(rows[1])
