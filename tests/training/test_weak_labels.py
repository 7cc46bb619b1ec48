"""Fewer and weaker training labels: how many are changed, to what, and that nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.errors import ConfigError
from hierapp.training import RunConfig, trainer, weak_labels
from hierapp.trees import LabelTree, generators, library as tree_library
from tests.training.test_trainer import Notes

DIGITS = tree_library.load("digits")
LABELS = np.repeat(np.arange(10), 40)


def test_a_share_is_drawn_from_each_class_and_smaller_ones_are_parts_of_larger_ones():
    rows = np.arange(400) * 3
    kept = [set(weak_labels.kept_share(rows, LABELS, share, 7).tolist()) for share in (0.001, 0.05, 0.5, 1.0)]
    assert [len(each) for each in kept] == [10, 20, 200, 400]
    assert kept[0] < kept[1] < kept[2] < kept[3] == set(rows.tolist())
    classes = LABELS[np.array(sorted(kept[1])) // 3]
    assert np.bincount(classes).tolist() == [2] * 10


def test_noise_stays_below_the_parent_and_changes_the_asked_share():
    siblings = weak_labels.siblings_of(DIGITS, np.arange(10))
    changed = weak_labels.noisy(LABELS, siblings, 0.2, 7)
    moved = changed != LABELS
    assert moved.sum() == 80
    parents = DIGITS.parents[DIGITS.leaf_nodes]
    assert (parents[changed] == parents[LABELS]).all()
    assert (weak_labels.noisy(LABELS, siblings, 0.2, 8) != changed).any()


def test_a_class_without_siblings_keeps_its_label():
    alone = LabelTree.from_edges([("root", "a"), ("root", "B"), ("B", "b"), ("root", "C"), ("C", "c")])
    siblings = weak_labels.siblings_of(alone, np.arange(3))
    assert weak_labels.noisy(np.array([1, 2, 1, 2]), siblings, 1.0, 0).tolist() == [1, 2, 1, 2]


def test_coarse_labels_are_parents():
    nodes = DIGITS.leaf_nodes[LABELS]
    changed = weak_labels.coarsened(nodes, DIGITS, 0.5, 7)
    moved = changed != nodes
    assert moved.sum() == 200
    assert (changed[moved] == DIGITS.parents[nodes[moved]]).all()


def run(tree=DIGITS, **values):
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=3, learning_rate=1e-2, **values)
    notes = Notes()
    return trainer.train(config, tree, notes), notes


@pytest.mark.slow
def test_the_trainer_uses_fewer_rows_and_evaluates_by_leaves():
    whole, _ = run()
    few, _ = run(train_share=0.1)
    noisy, notes = run(label_noise=0.5)
    coarse, coarse_notes = run(coarse_share=0.5, tree=generators.permuted(DIGITS, 1))
    assert few["accuracy"] < whole["accuracy"] - 0.1
    for test, told in ((noisy, notes), (coarse, coarse_notes)):
        assert test["samples"] == whole["samples"]
        assert len(told.epochs) == 3
        assert test["accuracy"] > 0.3
        assert test["accuracy"] == pytest.approx(np.trace(test["confusion"]) / test["samples"])


@pytest.mark.parametrize("values", [{"label_smoothing": 0.1}, {"mixup": 0.2}])
def test_coarse_labels_are_neither_smoothed_nor_mixed(values):
    with pytest.raises(ConfigError, match="coarse labels"):
        RunConfig.make(data="digits", tree="digits", loss="cross-entropy", coarse_share=0.5, **values)


@pytest.mark.parametrize("values", [{"train_share": 0}, {"label_noise": 1.1}, {"coarse_share": -0.1}])
def test_shares_are_from_0_to_1(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        RunConfig.make(data="digits", tree="digits", loss="cross-entropy", **values)
