"""What is queued of a study: tuning first, then the seeds with what validation chose; never twice."""

from __future__ import annotations

import os

import pytest

from hierapp.studies import planning, progress
from hierapp.utils import processes
from tests.store_states import end
from tests.studies.conftest import study


def finish(store, run, accuracy):
    """Finish a queued run with this best validation accuracy; its test metrics would mislead who read them."""
    assert store.claim().id == run
    writer = store.writer(run)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    writer.begin("cpu", "0")
    for epoch, value in enumerate((accuracy, accuracy - 0.1), start=1):
        writer.end_epoch(epoch, {"val_accuracy": value}, None)
    writer.finish(2, {"accuracy": 1 - accuracy}, None)


@pytest.fixture
def tuned(store):
    """The store after tuning: the second rate is better for hxe only."""
    _, ids = progress.advance(store, study())
    for run in ids:
        config = store.run(run).config
        better = config.learning_rate == (1e-2 if config.loss == "hxe" else 1e-3)
        finish(store, run, 0.8 if better else 0.7)
    return store


def test_tuning_comes_first_with_equal_budgets_and_the_first_permutation(store):
    found, ids = progress.advance(store, study())
    assert (found.stage, len(ids)) == ("tuning", 6)
    runs = [store.run(run) for run in ids]
    assert {run.config.seed for run in runs} == {1000}
    assert {run.tags for run in runs} == {("study:tiny",)}
    assert {run.config.tree for run in runs} == {"digits", "digits-permuted-0"}
    assert progress.advance(store, study())[1] == []


def test_what_has_the_best_validation_accuracy_is_trained_with_every_seed(tuned):
    found, ids = progress.advance(tuned, study())
    assert found.chosen == {
        "plain": {"learning_rate": 1e-3},
        "hxe": {"learning_rate": 1e-2},
        "hxe, permuted": {"learning_rate": 1e-2},
    }
    assert len(ids) == 12 * 4
    first = [tuned.run(run).config for run in ids[:4]]
    assert [each.seed for each in first] == [0] * 4
    assert [each.tree for each in first] == ["digits", "digits", "digits-permuted-0", "digits-permuted-1"]
    assert progress.advance(tuned, study())[1] == []


def test_a_tuning_run_that_failed_counts_as_the_worst(store):
    _, ids = progress.advance(store, study())
    for run in ids:
        config = store.run(run).config
        if config.learning_rate == 1e-2:
            end(store, run, "failed", error="The training loss became nan.")
        else:
            finish(store, run, 0.1)
    found = progress.progress(store, study())
    assert found.stage == "training"
    assert {values["learning_rate"] for values in found.chosen.values()} == {1e-3}
    assert {run.state for _, run in progress.advance(store, study())[0].tuning} == {"finished", "failed"}


def test_interrupted_runs_go_on_and_failed_ones_only_if_asked_for(tuned):
    _, ids = progress.advance(tuned, study())
    end(tuned, ids[0], "interrupted", error="gone")
    end(tuned, ids[1], "failed", error="no")
    assert progress.advance(tuned, study())[1] == [ids[0]]
    assert progress.advance(tuned, study(), retry_failed=True)[1] == [ids[1]]


def test_without_tuning_the_seeds_are_trained_at_once(store):
    found, ids = progress.advance(store, study(tuning={}, seeds=2))
    assert (found.stage, len(ids)) == ("training", 8)


def test_permuted_trees_have_the_shape_and_the_classes_of_the_tree():
    runs = [run for run in planning.test_runs(study(tuning={}), {"hxe, permuted": {}}) if run.config.seed == 0]
    tree = study().true_tree
    for run in runs:
        assert run.tree.parents.tolist() == tree.parents.tolist()
        assert sorted(run.tree.leaves) == sorted(tree.leaves)
        assert run.tree.leaves != tree.leaves
    assert runs[0].tree != runs[1].tree
