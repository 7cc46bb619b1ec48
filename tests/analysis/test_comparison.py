"""Groups compared: which, their metrics over seeds, their curves, their mistakes."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from hierapp.analysis import comparison, groups as grouping
from hierapp.analysis.comparison import EVERY_TREE
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, library as tree_library
from tests.store_states import end

TEST = {"accuracy": 0.7, "severity": 2.0, "samples": 10, "epoch": 3, "oddness": 0.1, "mistakes_by_height": [2, 6]}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def finished(store):
    """Add a finished run, and give it as it stands then."""

    def add(loss="cross-entropy", seed=0, tree="digits", test=TEST, **values):
        config = RunConfig.make(data="digits", tree=tree, loss=loss, seed=seed, epochs=2, **values)
        (run,) = store.add([config], tree_library.load(tree))
        end(store, run, "finished", test=test)
        return store.run(run)

    return add


def test_runs_stand_by_data_set_and_tree_the_newest_first(finished, store):
    finished(), finished(tree="digits-flat"), finished(seed=1, tree="digits-flat")
    found = comparison.fields(store.runs())["digits"]
    assert list(found.trees) == ["digits-flat", "digits"]
    assert [run.id for run in found.under("digits-flat")] == ["2", "3"]
    assert [run.id for run in found.under(EVERY_TREE)] == ["1", "2", "3"]


def test_runs_that_are_not_finished_are_none(store):
    store.add([RunConfig.make(data="digits", tree="digits", loss="conditional")], tree_library.load("digits"))
    assert comparison.fields(store.runs()) == {}


def test_trees_of_one_name_are_told_apart(finished, store):
    finished()
    (run,) = store.add(
        [RunConfig.make(data="digits", tree="digits", loss="conditional")], tree_library.load("digits-flat")
    )
    end(store, run, "finished", test=TEST)
    assert list(comparison.fields(store.runs())["digits"].trees) == ["digits (run 2)", "digits (run 1)"]


def test_the_usual_tree_has_something_to_compare(finished, store):
    finished("conditional"), finished(), finished(tree="digits-flat")
    assert comparison.usual_tree(comparison.fields(store.runs())["digits"]) == "digits"
    finished("conditional", tree="digits-flat")
    assert comparison.usual_tree(comparison.fields(store.runs())["digits"]) == "digits-flat"


def test_at_first_those_are_chosen_that_differ_from_the_newest_in_nothing_but_the_loss(finished):
    runs = [finished(batch_size=64), finished(), finished("conditional"), finished("conditional", seed=1)]
    groups = grouping.groups(runs)
    assert [comparison.key(group) for group in comparison.comparable(groups)] == ["2", "3"]
    assert [comparison.key(group) for group in comparison.comparable(groups[:2])] == ["1", "2"]
    assert comparison.comparable([]) == []


def test_under_every_tree_the_same_loss_on_another_tree_is_comparable(finished):
    groups = grouping.groups([finished(batch_size=64), finished(), finished(tree="digits-flat")])
    assert [comparison.key(group) for group in comparison.comparable(groups)] == ["2", "3"]


def test_a_setting_keeps_its_key_when_a_seed_is_trained_again(finished):
    (group,) = grouping.groups([finished(), finished()])
    assert (group.run.id, comparison.key(group)) == ("2", "1")


def test_figures_that_all_runs_have_the_known_ones_first(finished):
    groups = grouping.groups([finished(), finished("conditional", test=TEST | {"log_loss": 1.0})])
    assert comparison.metric_names(groups) == ["accuracy", "severity", "oddness"]
    assert comparison.title("macro_weighted_recall") == "weighted class accuracy"


def test_the_table_has_mean_deviation_and_n(finished):
    runs = [finished(seed=seed, test=TEST | {"accuracy": metric}) for seed, metric in enumerate([0.6, 0.7, 0.8])]
    frame = comparison.table(grouping.groups([*runs, finished("conditional", test=TEST | {"severity": None})]))
    assert frame["n"].tolist() == [3, 1]
    assert frame["accuracy"].tolist() == ["0.7000 ± 0.1000", "0.7000"]
    assert frame["severity"].isna().tolist() == [False, True]
    assert "log loss" not in frame


def test_smoothing_counts_what_came_before():
    assert comparison.smoothed([1.0, 3.0], 0.0) == [1.0, 3.0]
    assert comparison.smoothed([1.0, math.nan, 4.0], 0.5)[::2] == [1.0, 3.0]
    assert math.isnan(comparison.smoothed([1.0, math.nan, 4.0], 0.5)[1])


def test_bands_are_means_and_deviations_over_seeds(finished):
    runs = [finished(), finished(seed=1), finished("conditional"), finished("hxe")]
    recorded = {
        "1": {"loss": [(1.0, 1.0), (2.0, 2.0), (3.0, 5.0)]},
        "2": {"loss": [(1.0, 3.0), (2.0, 2.0)]},
        "3": {"loss": [(1.0, 4.0)]},
        "4": {"other": [(1.0, 4.0)]},
    }
    found = comparison.bands(grouping.groups(runs), recorded, "loss")
    assert list(found) == ["cross-entropy", "conditional"]
    band = found["cross-entropy"]
    assert (band.epochs, band.mean.tolist(), band.n) == ([1.0, 2.0, 3.0], [2.0, 2.0, 5.0], 2)
    assert band.deviation[:2].tolist() == [math.sqrt(2), 0.0]
    assert math.isnan(band.deviation[2])
    assert np.isnan(found["conditional"].deviation).all()


def test_each_run_is_smoothed_by_itself(finished):
    recorded = {"1": {"loss": [(1.0, 0.0), (2.0, 3.0)]}, "2": {"loss": [(1.0, 3.0), (2.0, 0.0)]}}
    band = comparison.bands(grouping.groups([finished(), finished(seed=1)]), recorded, "loss", 0.5)["cross-entropy"]
    assert band.deviation.tolist() == pytest.approx([math.sqrt(4.5), math.sqrt(0.5)])


def test_points_leave_out_runs_without_a_figure(finished):
    groups = grouping.groups([finished(), finished(seed=1, test={"accuracy": 0.5})])
    assert comparison.points(groups, "accuracy", "severity") == {"cross-entropy": [("1", 0.7, 2.0)]}


def test_mistakes_by_height_are_shares_over_all_seeds(finished):
    groups = grouping.groups([finished(), finished(seed=1, test=TEST | {"mistakes_by_height": [4, 4]})])
    assert comparison.height_shares(groups) == {"cross-entropy": [6 / 16, 10 / 16]}
    assert comparison.height_shares([SimpleNamespace(label="x", runs={0: SimpleNamespace(test={})})]) == {}


def test_random_mistakes_by_height_are_those_of_all_pairs():
    for name in ("cifar10", "cifar100-5level", "digits-flat"):
        tree = tree_library.load(name)
        heights = tree.distances("lca-height")
        counts = np.bincount(heights[~np.eye(len(heights), dtype=bool)], minlength=tree.height[0] + 1)[1:]
        assert comparison.random_heights(tree) == pytest.approx((counts / counts.sum()).tolist())
    assert comparison.random_heights(LabelTree(["root", "only"], [-1, 0])) == [0.0]


def test_class_means_leave_out_settings_without_classes(finished):
    lists = [finished(seed=seed, test=TEST | {"class_accuracy": values}) for seed, values in ((0, [0, 1]), (1, [1, 1]))]
    groups = grouping.groups([*lists, finished("conditional")])
    assert comparison.class_means(groups, "class_accuracy") == {"cross-entropy": [0.5, 1.0]}
