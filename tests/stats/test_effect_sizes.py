"""Sizes and their intervals: by their definitions, by scipy, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from hierapp.stats import cliffs_delta, mean_difference, rank_biserial

VALUES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9)


@given(VALUES, VALUES)
def test_cliffs_delta_is_the_share_of_pairs_won_less_that_lost_and_lies_in_its_interval(a, b):
    found = cliffs_delta(a, b)
    assert found.value == pytest.approx(sum((x > y) - (x < y) for x in a for y in b) / (len(a) * len(b)))
    assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert found.interval.high - found.interval.low > 0.1, "so few values tell little"
    turned = cliffs_delta(b, a)
    assert turned.interval.low == pytest.approx(-found.interval.high, abs=1e-6)


@given(VALUES, VALUES)
def test_the_ends_of_newcombes_interval_are_where_the_variance_there_just_allows_what_was_seen(a, b):
    found, n, m = cliffs_delta(a, b), len(a), len(b)
    seen = (found.value + 1) / 2
    for end in (found.interval.low, found.interval.high):
        true, more = (end + 1) / 2, (n + m) / 2 - 1
        variance = true * (1 - true) * (1 + more * ((1 - true) / (2 - true) + true / (1 + true))) / (n * m)
        if 0 < true < 1:
            assert (seen - true) ** 2 == pytest.approx(1.959964**2 * variance, abs=1e-6)
        else:
            assert seen == pytest.approx(true), "only what lies at the end reaches it"


def test_cliffs_delta_of_a_published_example():
    """Torchiano's effsize for R, the example of cliff.delta: -0.25."""
    treatment, control = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50]
    assert cliffs_delta(treatment, control).value == -0.25


def test_the_rank_biserial_correlation_is_the_signed_share_of_the_ranks():
    """Kerby 2014's simple difference formula: favorable less unfavorable evidence."""
    changes = np.array([3.0, -1.0, 2.0, 5.0, 0.0, 4.0])
    ranks = {1.0: 1, 2.0: 2, 3.0: 3, 4.0: 4, 5.0: 5}
    expected = sum(math.copysign(ranks[abs(change)], change) for change in changes if change) / 15
    assert rank_biserial(changes, 0 * changes) == pytest.approx(expected)
    assert rank_biserial([0.5, 0.6], [0.5, 0.6]) == 0.0
    assert (rank_biserial([2.0, 3.0], [1.0, 1.0]), rank_biserial([1.0, 1.0], [2.0, 3.0])) == (1.0, -1.0)


@pytest.mark.parametrize("paired", [False, True])
def test_the_interval_of_the_mean_difference_is_that_of_scipys_t_test(paired):
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 7), rng.normal(0, 3, 7 if paired else 12)
    theirs = (stats.ttest_rel(a, b) if paired else stats.ttest_ind(a, b, equal_var=False)).confidence_interval(0.9)
    found = mean_difference(a, b, paired, level=0.9)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert (found.interval.low, found.interval.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_there_is_no_interval_where_nothing_tells_of_the_noise():
    assert mean_difference([1.0], [2.0, 3.0]).interval is None
    assert mean_difference([0.1] * 4, [0.2] * 4).interval is None
    assert mean_difference([0.7, 0.8], [0.6, 0.7], paired=True).interval is None, "both pairs differ by 0.1"
    assert mean_difference([0.7, 0.8], [0.6, 0.7]).interval is not None
    assert mean_difference([1.0, 1.0], [2.0, 3.0]).interval is not None


def test_the_bootstrap_speaks_from_ten_figures_on_and_always_says_the_same():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.3, 1, 12), rng.normal(0, 1, 10)
    for effect in (cliffs_delta, mean_difference):
        assert effect(a, b[:9]).bootstrap is None
        found = effect(a, b)
        assert found.bootstrap.low < found.value < found.bootstrap.high
        assert effect(a, b) == found
    assert cliffs_delta(a + 9, b).bootstrap is None, "no draw overlaps where the lists do not"


def test_intervals_hold_the_truth_as_often_as_they_promise():
    """4 sigma of 400 rounds around 95 %; the bootstrap, from 10 on, somewhat below, as docs/statistics.md says."""
    rng, rounds = np.random.default_rng(7), 400
    for n, shift in ((4, 1.0), (5, 2.0), (10, 0.0)):
        truth = 2 * stats.norm.cdf(shift / math.sqrt(2)) - 1
        held = {"newcombe": 0, "welch": 0, "pairs": 0}
        for _ in range(rounds):
            a, b = rng.normal(shift, 1, n), rng.normal(0, 1, n)
            delta = cliffs_delta(a, b[:9]).interval
            welch, pairs = mean_difference(a, b[:9]).interval, mean_difference(a[:9], b[:9], paired=True).interval
            held["newcombe"] += delta.low <= truth <= delta.high
            held["welch"] += welch.low <= shift <= welch.high
            held["pairs"] += pairs.low <= shift <= pairs.high
        for name, count in held.items():
            assert 0.95 - 4 * math.sqrt(0.95 * 0.05 / rounds) <= count / rounds, (name, n, shift)


def test_the_bootstrap_of_ten_figures_holds_the_truth_nine_times_of_ten():
    rng, rounds, truth, held = np.random.default_rng(8), 200, 2 * stats.norm.cdf(1 / math.sqrt(2)) - 1, 0
    for _ in range(rounds):
        found = cliffs_delta(rng.normal(1, 1, 10), rng.normal(0, 1, 10)).bootstrap
        held += found is not None and found.low <= truth <= found.high
    assert 0.86 <= held / rounds <= 0.99
