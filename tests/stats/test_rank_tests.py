"""The rank tests: against every permutation, against scipy where it is right, and against published examples."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from hierapp.errors import ConfigError
from hierapp.stats import mann_whitney, wilcoxon

LEVELS = st.integers(-3, 3).map(float)  # few, so that ties are common
SMALL = st.lists(LEVELS, min_size=1, max_size=5)
PAIRS = st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=8)


def every_split(a: list[float], b: list[float]) -> float:
    """p by the definition: all ways to split the values, the smaller tail twice."""
    ranks = stats.rankdata([*a, *b])
    sums = np.array([sum(ranks[list(chosen)]) for chosen in combinations(range(len(ranks)), len(a))])
    seen = ranks[: len(a)].sum()
    return min(1.0, 2 * min((sums <= seen + 1e-9).mean(), (sums >= seen - 1e-9).mean()))


def every_sign(changes: list[float]) -> float:
    """p by the definition: all signs of the ranks of what differs, the smaller tail twice."""
    moved = np.array([change for change in changes if change])
    if not len(moved):
        return 1.0
    ranks = stats.rankdata(abs(moved))
    sums = np.array([(ranks * signs).sum() for signs in product((0, 1), repeat=len(moved))])
    seen = ranks[moved > 0].sum()
    return min(1.0, 2 * min((sums <= seen + 1e-9).mean(), (sums >= seen - 1e-9).mean()))


@given(SMALL, SMALL)
def test_mann_whitney_is_the_share_of_all_splits_ties_or_not(a, b):
    found = mann_whitney(a, b)
    assert found.p == pytest.approx(every_split(a, b), abs=1e-12)
    assert found.statistic == sum((x > y) + (x == y) / 2 for x in a for y in b)
    assert found.ties == (len({*a, *b}) < len(a) + len(b))
    assert mann_whitney(b, a).p == pytest.approx(found.p)


@given(PAIRS)
def test_wilcoxon_is_the_share_of_all_signs_ties_and_zeros_or_not(pairs):
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = wilcoxon(a, b)
    changes = [x - y for x, y in pairs]
    assert found.p == pytest.approx(every_sign(changes), abs=1e-12)
    assert found.zeros == changes.count(0.0)
    assert wilcoxon(b, a).p == pytest.approx(found.p)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "m"), [(1, 4), (3, 3), (5, 8), (10, 10), (20, 30)])
def test_without_ties_both_are_what_scipy_calls_exact(seed, n, m):
    a, b = np.split(np.random.default_rng(seed).normal(size=n + m), [n])
    found, theirs = mann_whitney(a, b), stats.mannwhitneyu(a, b, method="exact")
    assert (found.method, found.statistic) == ("exact", theirs.statistic)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    changes = np.random.default_rng(seed).normal(0.3, 1, size=n + m)
    assert wilcoxon(changes, np.zeros(n + m)).p == pytest.approx(stats.wilcoxon(changes, method="exact").pvalue)


def test_with_ties_both_are_what_scipy_finds_by_permutation():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 4, 5) * 1.0, rng.integers(1, 5, 6) * 1.0
    theirs = stats.mannwhitneyu(a, b, method=stats.PermutationMethod(n_resamples=10_000)).pvalue
    assert mann_whitney(a, b).p == pytest.approx(theirs)
    changes = np.array([1.0, 1.0, 2.0, -1.0, 3.0, 3.0, 2.0, -2.0])
    theirs = stats.wilcoxon(changes, method=stats.PermutationMethod(n_resamples=10_000)).pvalue
    assert wilcoxon(changes, 0 * changes).p == pytest.approx(theirs)


@pytest.mark.parametrize("rounded", [False, True])
def test_many_figures_are_approximated_as_scipy_does_and_join_the_exact_ones(rounded):
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 40), rng.normal(0, 1, 45)
    if rounded:
        a, b = np.round(a), np.round(b)
    found, theirs = mann_whitney(a, b), stats.mannwhitneyu(a, b, method="asymptotic")
    assert (found.method, found.statistic) == ("approximation", theirs.statistic)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    changes = np.round(rng.normal(0.2, 1, 70), 1 if rounded else 8)
    theirs = stats.wilcoxon(changes[changes != 0], method="asymptotic", correction=True)
    signed = wilcoxon(changes, np.zeros(70))
    assert (signed.method, signed.p) == ("approximation", pytest.approx(theirs.pvalue))
    near = mann_whitney(a[:25], b[:25])
    assert near.method == "exact"
    assert near.p == pytest.approx(stats.mannwhitneyu(a[:25], b[:25], method="asymptotic").pvalue, abs=1e-3)


def test_many_figures_without_a_difference_have_p_1():
    assert mann_whitney([0.5] * 40, [0.5] * 40).p == 1.0
    assert wilcoxon([0.5] * 60, [0.5] * 60) == wilcoxon([0.5], [0.5]).__class__(1.0, 0.0, "exact", False, 60)


def test_figures_that_rounding_alone_tells_apart_are_ties():
    assert 0.3 - 0.2 != 0.2 - 0.1
    assert wilcoxon([0.3, 0.2], [0.2, 0.1]).ties
    assert wilcoxon([0.1 + 0.2], [0.3]).zeros == 1
    assert mann_whitney([0.1 + 0.2], [0.3]).ties
    assert not mann_whitney([0.3 + 1e-9], [0.3]).ties


# Published


@pytest.mark.parametrize(
    ("n", "u", "tail"),
    [
        *((3, u, tail) for u, tail in enumerate([0.050, 0.100, 0.200, 0.350, 0.500])),
        *((4, u, tail) for u, tail in enumerate([0.014, 0.029, 0.057, 0.100, 0.171, 0.243, 0.343, 0.443])),
    ],
)
def test_the_table_of_mann_and_whitney(n, u, tail):
    """Mann and Whitney: On a Test of Whether one of Two Random Variables is Stochastically Larger, 1947, table I."""
    places = next(  # of the first list among all, so that its U is u
        chosen for chosen in combinations(range(2 * n), n) if sum(chosen) - n * (n - 1) / 2 == u
    )
    a = [float(place) for place in places]
    b = [float(place) for place in range(2 * n) if place not in places]
    assert mann_whitney(a, b).statistic == u
    assert mann_whitney(a, b).p / 2 == pytest.approx(tail, abs=5e-4)


def test_tortoises_and_hares():
    """The race of six and six that end T H H H H H T T T T T H; U 11 and 25 (Wikipedia, Mann-Whitney U test)."""
    race = "THHHHHTTTTTH"
    tortoises = [-float(place) for place, animal in enumerate(race) if animal == "T"]
    hares = [-float(place) for place, animal in enumerate(race) if animal == "H"]
    assert (mann_whitney(tortoises, hares).statistic, mann_whitney(hares, tortoises).statistic) == (11, 25)


def test_permeability_of_the_placenta():
    """Hollander and Wolfe 1973, p. 69: W = 35; one-sided p .1272 (the example of R's wilcox.test)."""
    at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    earlier = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = mann_whitney(at_term, earlier)
    assert (found.statistic, round(found.p / 2, 4)) == (35, 0.1272)


def test_depression_before_and_after():
    """Hollander and Wolfe 1973, p. 29: V = 40; one-sided p .01953 (the example of R's wilcox.test)."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = wilcoxon(before, after)
    assert (found.statistic, round(found.p / 2, 5)) == (40, 0.01953)


# Bad input


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([], [1.0], "give one or more"),
        ([float("nan")], [1.0], "not finite"),
        ([float("inf")], [1.0], "not finite"),
        (["much"], [1.0], "not a number"),
        ([[1.0, 2.0]], [1.0], "Expected a list"),
        ({0: None}, {0: 1.0}, "not finite"),
    ],
)
def test_what_is_no_list_of_figures_is_refused_in_one_sentence(test, a, b, message):
    with pytest.raises(ConfigError, match=message) as error:
        test(a, b)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_pairs_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="has 2 and the second 3"):
        wilcoxon([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="seeds of the first and the second are not the same"):
        wilcoxon({0: 1.0}, {1: 1.0})
    with pytest.raises(ConfigError, match="not the same"):
        wilcoxon({0: 1.0}, [1.0])
