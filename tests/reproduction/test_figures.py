"""The presets: every row of the paper's table is there, and asks for runs that can be had."""

from __future__ import annotations

import pytest

from hierapp.errors import ConfigError
from hierapp.reproduction import judge, planning
from hierapp.reproduction.figures import FIGURES, HIERARCHICAL, find
from hierapp.reproduction.presets import SIZES
from hierapp.trees import LabelTree, library as tree_library

ROWS = ("3a", "3b", "3c", "4", "5", "6", "8", "9", "10", "11", "12", "poster", "appendix-a")
BUDGET = 15_000_000  # images that quick may train on: 40 minutes at half of what two quiet cores do


def test_every_row_of_the_table_has_a_preset_under_each_of_its_names():
    assert {name for figure in FIGURES for name in figure.names} - {"A"} == set(ROWS)
    for name in ROWS:
        (figure,) = find([name])
        assert name in figure.names
        assert figure.claims
        assert figure.saw
        assert figure.id in judge.JUDGES
    assert find([]) == list(FIGURES)
    assert [figure.id for figure in find(["Poster", "3A"])] == ["3ab", "poster"]


def test_an_unknown_figure_is_told_with_those_that_there_are():
    with pytest.raises(ConfigError, match="no figure '7'; choose one of 3a, 3b"):
        find(["7"])


@pytest.mark.parametrize("size", SIZES.values(), ids=str)
@pytest.mark.parametrize("data", ["cifar10", "digits"])
def test_no_run_is_planned_twice_and_figures_share_theirs(size, data):
    planned = planning.plan(FIGURES, size, data)
    asked = [run for figure in FIGURES for run in planning.plan([figure], size, data)]
    kinds = [run.config.model_dump_json() for run in planned]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) == {run.config.model_dump_json() for run in asked}
    assert len(asked) > len(planned)


def test_settings_of_one_name_are_the_same_and_of_two_names_are_not():
    groups = [group for figure in FIGURES for group in figure.groups]
    assert all(one == other for one in groups for other in groups if one.name == other.name)
    configs = {planning.config(group, SIZES["full"], "cifar10", 0).model_dump_json(): group.name for group in groups}
    assert len(configs) == len({group.name for group in groups})


def test_the_order_is_always_the_same_cheapest_first_and_seed_by_seed():
    planned = planning.plan(FIGURES, SIZES["quick"])
    assert planned == planning.plan(FIGURES, SIZES["quick"])
    models = [run.config.model for run in planned]
    assert models == sorted(models, key=["lenet", "cnn6"].index)
    seeds = [run.config.seed for run in planned if run.config.model == "lenet"]
    assert seeds == sorted(seeds)


def test_quick_keeps_to_its_budget_and_full_is_the_recipe_of_the_report():
    quick = planning.plan(FIGURES, SIZES["quick"])
    assert sum(45_000 * run.config.epochs for run in quick if run.config.model == "lenet") < BUDGET
    for run in planning.plan(FIGURES, SIZES["full"]):
        assert (run.config.epochs, run.config.batch_size) == (40, 128)
    (base,) = {planning.config(HIERARCHICAL, SIZES["full"], "cifar10", seed).learning_rate for seed in range(5)}
    assert base == 1e-3
    full = planning.config(HIERARCHICAL, SIZES["full"], "cifar10", 0)
    assert (full.optimizer, full.schedule, full.step_epochs, full.step_factor) == ("adam", "step", 5, 0.8)
    for group in {group.name: group for figure in FIGURES for group in figure.groups}.values():
        assert len(SIZES["full"].seeds_of(group)) >= 5


def test_steps_of_the_rate_happen_in_quick_too():
    stepped = planning.config(HIERARCHICAL, SIZES["quick"], "cifar10", 0)
    assert stepped.step_epochs < stepped.epochs


def test_a_size_can_be_cut():
    cut = SIZES["quick"].cut(seeds=1, epochs=2)
    planned = planning.plan(FIGURES, cut)
    assert {run.config.seed for run in planned} == {0}
    assert {run.config.epochs for run in planned} == {2}
    assert (SIZES["quick"].is_cut, cut.is_cut) == (False, True)


@pytest.mark.parametrize("data", ["cifar10", "digits", "cifar100"])
@pytest.mark.parametrize("role", ["base", "adversarial", "binary", "wide"])
def test_every_data_set_has_a_tree_in_every_role(data, role):
    tree, base = planning.tree_of(data, role), planning.tree_of(data, "base")
    assert set(tree.leaves) == set(base.leaves)
    if role == "binary":
        assert max(map(len, tree.children)) == 2
    if role == "wide":
        assert tree.depth.max() == 3


def test_a_wide_tree_keeps_a_leaf_that_hangs_from_the_root():
    tree = LabelTree(["r", "a", "b", "cat", "dog", "x"], [-1, 0, 1, 2, 2, 0])
    assert planning.wide(tree).nodes == ("r", "a", "cat", "dog", "x")


def test_the_trees_of_cifar10_are_those_that_ship():
    assert planning.tree_of("cifar10", "adversarial") == tree_library.load("cifar10-adversarial")
