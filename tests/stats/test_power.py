"""What so many seeds can show at best, and how many it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hierapp.errors import ConfigError
from hierapp.stats import best_possible_p, mann_whitney, rank_biserial, seeds_needed, seeds_to_reach, wilcoxon


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("m", range(1, 6))
def test_the_best_possible_p_is_that_of_lists_that_do_not_overlap(n, m):
    assert best_possible_p(n, m) == pytest.approx(mann_whitney(range(n), range(100, 100 + m)).p)
    assert best_possible_p(n) == pytest.approx(wilcoxon(range(1, n + 1), [0] * n).p)


def test_three_against_three_can_show_nothing():
    assert best_possible_p(3, 3) == 0.1
    assert [seeds_to_reach(alpha) for alpha in (0.05, 0.05 / 4, 0.05 / 10)] == [4, 5, 6]
    assert [seeds_to_reach(alpha, paired=True) for alpha in (0.05, 0.05 / 4, 0.05 / 10)] == [6, 8, 9]


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.05, 0.01, 1e-6])
@pytest.mark.parametrize("paired", [False, True])
def test_the_fewest_seeds_reach_alpha_and_one_less_does_not(alpha, paired):
    n = seeds_to_reach(alpha, paired)
    assert best_possible_p(n, None if paired else n) < alpha <= best_possible_p(n - 1, None if paired else n - 1)


def test_thousands_of_seeds_are_no_trouble():
    assert best_possible_p(5_000, 5_000) == best_possible_p(5_000) == 0.0


@pytest.mark.parametrize("shift", [0.5, 0.7, 1.0])
def test_so_many_seeds_as_are_needed_have_about_the_power_asked_for(shift):
    """Noether's formula is an approximation: 70 to 95 % where 80 % are asked for."""
    rng = np.random.default_rng(0)
    n = seeds_needed(2 * stats.norm.cdf(shift / math.sqrt(2)) - 1)
    shown = [mann_whitney(rng.normal(shift, 1, n), rng.normal(0, 1, n)).p < 0.05 for _ in range(300)]
    assert 0.7 <= np.mean(shown) <= 0.95
    truth = np.mean([rank_biserial(rng.normal(shift, 1, 200), np.zeros(200)) for _ in range(20)])
    n = seeds_needed(float(truth), paired=True)
    shown = [wilcoxon(rng.normal(shift, 1, n), np.zeros(n)).p < 0.05 for _ in range(300)]
    assert 0.7 <= np.mean(shown) <= 0.97


def test_more_is_needed_for_less():
    by_effect = [seeds_needed(effect) for effect in (1.0, 0.8, 0.5, 0.2, 0.1)]
    assert by_effect == sorted(by_effect)
    assert seeds_needed(-0.5) == seeds_needed(0.5)
    assert seeds_needed(0.5, power=0.9) > seeds_needed(0.5)
    assert seeds_needed(0.5, alpha=0.01) > seeds_needed(0.5)
    assert seeds_needed(1.0, power=0.01) == seeds_to_reach(), "fewer cannot show anything"
    assert seeds_needed(0.0) is seeds_needed(0.001) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_possible_p(0, 3), "at least one"),
        (lambda: best_possible_p(3, 0), "at least one"),
        (lambda: seeds_to_reach(0.0), "alpha to be between 0 and 1"),
        (lambda: seeds_needed(1.5), "from -1 to 1 but got 1.5"),
        (lambda: seeds_needed(math.nan), "from -1 to 1"),
        (lambda: seeds_needed(0.5, power=1.0), "power to be between"),
    ],
)
def test_what_is_out_of_range_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
