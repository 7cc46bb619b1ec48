"""The sentences about what came out of some runs."""

import pytest

from hierapp.analysis.outcome import enough_seeds, outcome
from hierapp.runs import Store
from hierapp.stats import best_possible_p, holm
from tests.finished_runs import add_finished


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def test_one_seed_names_the_best_of_each_metric_and_proves_nothing(store):
    add_finished(store, "cross-entropy", skill=3.0)
    add_finished(store, "hierarchical", skill=1.0)
    said = outcome(store.runs())
    first, second = (run.test for run in store.runs())
    assert first["accuracy"] > second["accuracy"]
    assert f"accuracy, {first['accuracy']:.1%}, is that of cross-entropy" in said.sentence
    assert f"class, {first['mean_distance']:.3f}, that of cross-entropy" in said.sentence
    assert said.seeds == 1


def test_several_seeds_are_averaged(store):
    for seed in (0, 1):
        add_finished(store, "cross-entropy", seed, skill=1.0)
        add_finished(store, "hierarchical", seed, skill=3.0)
    said = outcome(store.runs())
    mean = sum(run.test["accuracy"] for run in store.runs() if run.config.loss == "hierarchical") / 2
    assert f"accuracy, {mean:.1%}, is that of hierarchical" in said.sentence
    assert said.seeds == 2


def test_what_is_not_over_or_not_comparable_has_no_outcome(store):
    assert outcome([]) is None
    add_finished(store, "cross-entropy")
    assert outcome(store.runs()) is None, "one group"
    other = add_finished(store, "hierarchical", tree="digits-flat")
    assert outcome(store.runs()) is None, "two trees"
    third = add_finished(store, "hierarchical")
    assert outcome(store.runs(["1", third])) is not None
    store.add([store.run(third).config], store.run(third).tree)
    assert outcome(store.runs()) is None, f"one is queued, {other} has another tree"


@pytest.mark.parametrize("groups", [2, 3, 5, 13])
def test_with_enough_seeds_and_no_fewer_a_difference_can_be_significant(groups):
    def least_p(seeds):
        return min(holm([best_possible_p(seeds)] * (groups - 1)))

    enough = enough_seeds(groups)
    assert least_p(enough.seeds) < 0.05 <= least_p(enough.seeds - 1)
    assert f"fewer than {enough.seeds} seeds" in enough.reason
    assert ("Holm" in enough.reason) == (groups > 2)
