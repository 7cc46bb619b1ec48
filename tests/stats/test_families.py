"""Many groups at once: Holm's correction, and what it leaves possible."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from hierapp.errors import ConfigError
from hierapp.stats import best_possible_p, compare, compare_all, holm

GROUPS = {
    "plain": {0: 0.60, 1: 0.61, 2: 0.62, 3: 0.63},
    "hxe": {0: 0.70, 1: 0.72, 2: 0.71, 3: 0.74},
    "soft": {0: 0.615, 1: 0.605, 4: 0.64},
}


def step_down(p_values: list[float], alpha: float) -> set[int]:
    """Holm 1979 as it is told: reject the smallest at alpha / m, the next at alpha / (m - 1), stop at the first not."""
    rejected: set[int] = set()
    for place, which in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        if p_values[which] * (len(p_values) - place) > alpha:
            break
        rejected.add(which)
    return rejected


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_holms_correction_rejects_what_stepping_down_rejects(p_values, alpha):
    adjusted = holm(p_values)
    assert {which for which, p in enumerate(adjusted) if p <= alpha} == step_down(p_values, alpha)
    assert all(p <= corrected <= 1 for p, corrected in zip(p_values, adjusted, strict=True))


def test_a_published_example_of_holms_correction():
    """Four p, .01, .04, .03, .005: the first and the last are rejected at .05 (Wikipedia, Holm-Bonferroni method)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("wrong", [[-0.1], [1.1], [float("nan")]])
def test_what_is_no_p_is_refused(wrong):
    with pytest.raises(ConfigError, match="from 0 to 1"):
        holm(wrong)


def test_all_pairs_are_compared_by_seed_where_the_seeds_match():
    found = compare_all(GROUPS)
    assert [(each.first, each.second, each.paired) for each in found.comparisons] == [
        ("plain", "hxe", True),
        ("plain", "soft", False),
        ("hxe", "soft", False),
    ]
    for each in found.comparisons:
        assert each.p == compare(GROUPS[each.first], GROUPS[each.second]).p
        assert each.comparisons == 3
    assert [each.p_adjusted for each in found.comparisons] == holm(each.p for each in found.comparisons)
    assert found.samples["soft"].n == 3


def test_a_baseline_asks_less():
    found = compare_all(GROUPS, baseline="plain", paired=False)
    assert [(each.first, each.second, each.paired) for each in found.comparisons] == [
        ("hxe", "plain", False),
        ("soft", "plain", False),
    ]
    assert found.baseline == "plain"
    assert found.comparisons[0].mean_difference.value > 0, "the group less the baseline"
    assert found.comparisons[0].p_adjusted == pytest.approx(2 * 2 / 70)


@pytest.mark.parametrize("sizes", [(4, 4, 4), (3, 6, 9), (1, 5, 5)])
def test_the_least_possible_p_is_that_of_settings_that_do_not_overlap(sizes):
    groups = {f"{place}": [100.0 * place + step for step in range(n)] for place, n in enumerate(sizes)}
    for each in compare_all(groups).comparisons:
        assert each.p_adjusted == pytest.approx(each.least_p)
        assert each.least_p >= best_possible_p(each.a.n, each.b.n)
        assert each.is_measurable == (each.least_p < 0.05)


def test_two_groups_need_no_correction():
    found = compare_all({"plain": [1.0, 2.0], "hxe": [3.0, 4.0]}, replicates="test folds", relevant=0.5)
    (each,) = found.comparisons
    assert each == compare([1.0, 2.0], [3.0, 4.0], names=("plain", "hxe"), replicates="test folds", relevant=0.5)
    assert json.loads(json.dumps(found.as_dict()))["samples"]["hxe"]["mean"] == 3.5


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        ({}, {}, "needs two groups but got 0"),
        ({"plain": [1.0]}, {}, "needs two groups but got 1"),
        (GROUPS, {"baseline": "fancy"}, "The baseline 'fancy' is not one of the groups; choose one of 'plain'"),
        (GROUPS, {"paired": True}, "The seeds of plain and soft are not the same"),
        ({"plain": [1.0], "hxe": []}, {}, "values of hxe"),
    ],
)
def test_bad_input_is_told_in_one_sentence(groups, options, message):
    with pytest.raises(ConfigError, match=message):
        compare_all(groups, **options)
