"""How often the tests are wrong where nothing differs: as often as they promise, by simulation.

An exact test of few values has few possible p, and rejects with the largest attainable level below alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest

from hierapp.stats import compare, compare_all, holm, mann_whitney, wilcoxon

ROUNDS, ALPHA = 2_000, 0.05


def noise(level: float, rounds: int = ROUNDS) -> float:
    """Three standard deviations of a rate of so many rounds."""
    return 3 * math.sqrt(level * (1 - level) / rounds)


def level_of_sums(n: int, m: int) -> float:
    """The share of all splits of n + m different values that Mann-Whitney's test rejects."""
    sums = np.array([sum(chosen) for chosen in combinations(range(n + m), n)])
    values, counts = np.unique(sums, return_counts=True)
    lower = counts.cumsum() / counts.sum()
    p = 2 * np.minimum(lower, lower[::-1])
    assert values[0] == n * (n - 1) / 2
    return float(counts[p < ALPHA].sum() / counts.sum())


def level_of_signs(n: int) -> float:
    sums = np.array([sum(signs) for signs in product(*((0, rank) for rank in range(1, n + 1)))])
    counts = np.bincount(sums)
    lower = counts.cumsum() / counts.sum()
    return float(counts[2 * np.minimum(lower, lower[::-1]) < ALPHA].sum() / counts.sum())


def rate(draw: Callable[[np.random.Generator], float], rounds: int = ROUNDS) -> float:
    rng = np.random.default_rng(0)
    return sum(draw(rng) < ALPHA for _ in range(rounds)) / rounds


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 4), (5, 5), (3, 7), (8, 8)])
def test_mann_whitney_rejects_as_often_as_so_few_figures_allow(n, m):
    level = level_of_sums(n, m)
    assert level <= ALPHA
    found = rate(lambda rng: mann_whitney(rng.normal(size=n), rng.normal(size=m)).p)
    assert abs(found - level) <= noise(level)


@pytest.mark.parametrize("n", [5, 6, 10])
def test_wilcoxon_rejects_as_often_as_so_few_pairs_allow(n):
    level = level_of_signs(n)
    assert level <= ALPHA
    found = rate(lambda rng: wilcoxon(rng.normal(size=n), rng.normal(size=n)).p)
    assert abs(found - level) <= noise(level)


@pytest.mark.slow
@pytest.mark.parametrize("n", [22, 60])
def test_with_many_figures_both_reject_one_time_of_twenty(n):
    for test in (mann_whitney, wilcoxon):
        found = rate(lambda rng, test=test: test(rng.normal(size=n), rng.normal(size=n)).p)
        assert abs(found - ALPHA) <= noise(ALPHA) + 0.002, test.__name__


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 8, 16])
def test_ties_never_make_either_reject_more(n):
    for test in (mann_whitney, wilcoxon):
        found = rate(lambda rng, test=test: test(rng.integers(0, 4, n) * 1.0, rng.integers(0, 4, n) * 1.0).p)
        assert found <= ALPHA + noise(ALPHA), test.__name__


@pytest.mark.slow
@pytest.mark.parametrize("paired", [False, True])
def test_of_2000_comparisons_without_a_difference_as_many_say_shown_as_promised(paired):
    level = level_of_signs(8) if paired else level_of_sums(8, 8)
    seeds = range(8)

    def draw(rng: np.random.Generator) -> float:
        a, b = (dict(zip(seeds, rng.normal(0.7, 0.01, 8), strict=True)) for _ in range(2))
        found = compare(a, b, paired)
        assert found.is_significant == ("No difference" not in found.sentence)
        return found.p

    found = rate(draw)
    assert 0.035 <= level <= ALPHA
    assert abs(found - level) <= noise(level)


def test_pairs_that_share_much_are_no_trouble_for_the_paired_test_and_make_the_unpaired_one_careful():
    def draw(rng: np.random.Generator) -> tuple[float, float]:
        shared = rng.normal(0, 3, 8)
        a, b = shared + rng.normal(size=8), shared + rng.normal(size=8)
        return wilcoxon(a, b).p, mann_whitney(a, b).p

    assert abs(rate(lambda rng: draw(rng)[0]) - level_of_signs(8)) <= noise(ALPHA)
    assert rate(lambda rng: draw(rng)[1]) <= 0.01


def test_one_wrong_rejection_or_more_among_all_pairs_is_as_rare_as_promised():
    rng, families = np.random.default_rng(1), 300
    wrong = 0
    for _ in range(families):
        found = compare_all({name: rng.normal(size=7) for name in "abcd"})
        wrong += any(each.is_significant for each in found.comparisons)
    assert 0 < wrong / families <= ALPHA + noise(ALPHA, families)


def test_without_the_correction_they_would_not_be_rare():
    rng, families = np.random.default_rng(1), 300
    wrong = sum(
        any(mann_whitney(a, b).p < ALPHA for a, b in combinations(rng.normal(size=(4, 7)), 2)) for _ in range(families)
    )
    assert wrong / families > ALPHA + noise(ALPHA, families)


@pytest.mark.parametrize("truly", [0, 4, 9])
def test_holms_correction_keeps_its_promise_where_some_differences_are_real(truly):
    """Ten uniform p that have much to do with each other, some of them replaced by those of large differences."""
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(ROUNDS):
        common = rng.normal()
        z = 0.5 * common + math.sqrt(0.75) * rng.normal(size=10)
        p = np.array([math.erfc(abs(value) / math.sqrt(2)) for value in z])
        p[:truly] *= 1e-4
        wrong += any(adjusted < ALPHA for adjusted in holm(p)[truly:])
    assert wrong / ROUNDS <= ALPHA + noise(ALPHA)
    assert wrong > 0
