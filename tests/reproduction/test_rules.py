"""The rules, each with figures that agree, differ and cannot tell."""

from __future__ import annotations

import math

import pytest

from hierapp.reproduction import rules
from tests.reproduction.made_up import seeds

NAMES = ("one", "other")


def noisy(mean: float, size: float, n: int = 3) -> dict[int, float]:
    """Figures that lie so far to either side of a mean."""
    return {seed: mean + size * (1 if seed % 2 else -1) for seed in range(n)}


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (seeds(0.700), seeds(0.702), "agrees"),
        (seeds(0.700), seeds(0.750), "differs"),
        (seeds(0.750), seeds(0.700), "differs"),
        (seeds(0.700, 1), seeds(0.700, 1), "cannot tell"),
        (noisy(0.70, 0.05), seeds(0.70, 3), "cannot tell"),
        (noisy(0.75, 0.05), seeds(0.70, 3), "cannot tell"),
        # Surely different, but by less than matters, and not surely by so little.
        (noisy(0.715, 0.004), seeds(0.70, 3), "cannot tell"),
    ],
)
def test_same_accuracy_is_an_interval_within_the_margin(one, other, kind):
    assert rules.same_accuracy(one, other, NAMES).kind == kind


@pytest.mark.parametrize(
    ("lower", "upper", "most", "kind"),
    [
        (0.68, 0.70, None, "agrees"),
        (0.68, 0.70, 0.05, "agrees"),
        (0.60, 0.70, None, "agrees"),
        (0.60, 0.70, 0.05, "differs"),
        (0.70, 0.701, 0.05, "differs"),
        (0.72, 0.70, 0.05, "differs"),
    ],
)
def test_lower_is_an_interval_on_one_side_and_slightly_has_an_end(lower, upper, most, kind):
    assert rules.below(seeds(lower), seeds(upper), NAMES, most).kind == kind


def test_lower_cannot_be_told_of_one_seed_or_much_noise():
    assert rules.below(seeds(0.6, 1), seeds(0.7, 1), NAMES).kind == "cannot tell"
    assert rules.below(noisy(0.68, 0.05), seeds(0.7, 3), NAMES).kind == "cannot tell"


def test_the_interval_is_that_of_the_seeds_in_common():
    found = rules.gap({0: 0.5, 1: 0.6, 2: 0.9}, {0: 0.4, 1: 0.5})
    assert (found.n, round(found.value, 9), found.low, found.high) == (2, 0.1, found.value, found.value)
    alone = rules.gap({0: 0.5}, {0: 0.4})
    assert (alone.low, alone.high) == (-math.inf, math.inf)
    apart = rules.gap({0: 0.5, 1: 0.6}, {2: 0.4, 3: 0.5})
    assert apart.n == 2
    assert apart.low < 0.1 < apart.high


def test_of_several_the_worst_verdict_counts_with_its_sentence():
    groups = {"a": seeds(0.70), "b": seeds(0.701), "c": seeds(0.60)}
    found = rules.all_same_accuracy(groups, "a")
    assert found.kind == "differs"
    assert "c minus a" in found.sentence
    assert "b minus a" not in found.sentence
    assert rules.all_same_accuracy({"a": seeds(0.70), "b": seeds(0.701)}, "a").kind == "agrees"


def test_the_best_rate_may_be_a_little_behind_but_not_beaten():
    others = {"chosen": seeds(0.70), "low": seeds(0.50)}
    assert rules.best("chosen", {**others, "high": seeds(0.701)}).kind == "agrees"
    assert rules.best("chosen", {**others, "high": seeds(0.75)}).kind == "differs"
    assert rules.best("chosen", {**others, "high": noisy(0.70, 0.1, 5)}).kind == "cannot tell"


@pytest.mark.parametrize(
    ("slow", "kind"),
    [
        ((0.1, 0.2, 0.3, 0.35), "agrees"),  # never there in 4 epochs, where one is enough for the other
        ((0.55, 0.65, 0.7, 0.7), "differs"),
    ],
)
def test_faster_is_counted_in_epochs_to_the_same_accuracy(slow, kind):
    quick = dict.fromkeys(range(3), (0.6, 0.68, 0.7, 0.7))
    assert rules.faster(quick, dict.fromkeys(range(3), slow), NAMES, 0.1).kind == kind


def test_faster_cannot_be_told_of_one_seed_or_where_seeds_disagree_or_the_end_was_not_seen():
    quick, slow = (0.6, 0.68, 0.7, 0.7), (0.1, 0.2, 0.3, 0.35)
    assert rules.faster({0: quick}, {0: slow}, NAMES, 0.1).kind == "cannot tell"
    assert rules.faster({0: quick, 1: quick}, {0: slow, 1: quick}, NAMES, 0.1).kind == "cannot tell"
    late = (0.2, 0.3, 0.5, 0.7)
    assert rules.faster({0: late, 1: late}, {0: slow, 1: slow}, NAMES, 0.1).kind == "cannot tell"


def test_smoother_is_a_ratio_below_1():
    assert rules.smoother({0: 0.80, 1: 0.82, 2: 0.78}, "they").kind == "agrees"
    assert rules.smoother({0: 1.20, 1: 1.22, 2: 1.18}, "they").kind == "differs"
    assert rules.smoother({0: 0.99, 1: 1.00, 2: 1.01}, "they").kind == "differs"
    assert rules.smoother({0: 0.5, 1: 1.2, 2: 0.9}, "they").kind == "cannot tell"
    assert rules.smoother({0: 0.5}, "they").kind == "cannot tell"


def test_a_claimed_count_is_one_that_another_seed_may_have():
    counts = {0: 95.0, 1: 105.0, 2: 100.0, 3: 98.0}
    assert rules.expected(counts, 100, "mistakes").kind == "agrees"
    assert rules.expected(counts, 200, "mistakes").kind == "differs"
    assert rules.expected({0: 60.0, 1: 140.0, 2: 100.0}, 100, "mistakes").kind == "cannot tell"
    assert rules.expected({0: 100.0}, 100, "mistakes").kind == "cannot tell"


def test_a_speed_up_is_of_the_size_of_the_claimed_one_in_every_round():
    assert rules.speed_up([150, 198, 300], 198).kind == "agrees"
    assert rules.speed_up([20, 30, 25], 198).kind == "differs"
    assert rules.speed_up([2000, 3000], 198).kind == "differs"
    assert rules.speed_up([50, 150], 198).kind == "cannot tell"


def test_sentences_say_the_numbers():
    said = rules.same_accuracy(seeds(0.70), seeds(0.75), ("h", "CE")).sentence
    assert said.startswith("h minus CE is −5.0 points over 5 seeds")
    assert "does not show the size of the noise" in rules.same_accuracy(seeds(0.7, 1), seeds(0.7, 1), NAMES).sentence
    assert "inf" not in rules.below(seeds(0.7, 1), seeds(0.7, 1), NAMES).sentence
