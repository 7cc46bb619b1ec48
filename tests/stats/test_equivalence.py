"""Two one-sided tests: the p of scipy, the interval that agrees with it, and what cannot be tested."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from hierapp.errors import ConfigError
from hierapp.stats import equivalence


@pytest.mark.parametrize("shift", [-0.02, 0.0, 0.004, 0.0051, 0.03])
def test_p_is_the_larger_of_two_t_tests_and_the_interval_agrees(shift):
    a = np.random.default_rng(1).normal(0.5 + shift, 0.004, 15)
    b = np.random.default_rng(2).normal(0.5, 0.004, 15)
    found = equivalence(a.tolist(), b.tolist(), 0.005)
    below = scipy_stats.ttest_1samp(a - b, -0.005, alternative="greater").pvalue
    above = scipy_stats.ttest_1samp(a - b, 0.005, alternative="less").pvalue
    assert found.p == pytest.approx(max(below, above))
    assert (found.p < 0.05) == (found.interval.low > -0.005 and found.interval.high < 0.005)


def test_seeds_are_paired_by_name_and_differences_that_do_not_vary_are_certain():
    a, b = {0: 0.5, 1: 0.6}, {1: 0.601, 0: 0.501}
    assert equivalence(a, b, 0.01).p == 0.0
    assert equivalence(a, b, 0.0005).p == 1.0


@pytest.mark.parametrize(("a", "b", "margin"), [([0.5], [0.5], 0.1), ([0.5, 0.6], [0.5, 0.7], 0.0), ([1, 2], [1], 0.1)])
def test_what_cannot_be_tested_is_refused(a, b, margin):
    with pytest.raises(ConfigError):
        equivalence(a, b, margin)
