"""Verdicts from made-up rows: what is shown, what is equivalent, what remains undecided."""

from __future__ import annotations

import pytest
from scipy import stats as scipy_stats

from hierapp import stats
from hierapp.studies import verdicts
from tests.studies.conftest import rows_of, study


def judged(means, **more):
    return verdicts.verdicts(study(), rows_of(study(), means, **more))


def of(found, first, second, endpoint="accuracy", decoder="leaf"):
    (one,) = (
        each
        for each in found
        if (each.first, each.second, each.endpoint, each.first_decoder) == (first, second, endpoint, decoder)
    )
    return one


def test_a_clear_difference_is_shown_and_a_small_one_within_the_margin():
    found = judged({"plain": 0.5, "hxe": 0.53, "hxe, permuted": 0.503})
    assert of(found, "hxe", "plain").verdict == "higher"
    assert of(found, "hxe", "plain", "mean_distance").verdict == "lower"
    assert of(found, "hxe, permuted", "plain").verdict == "higher, within the margin"


def test_no_difference_is_said_only_if_equivalence_is_shown():
    found = judged({"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5})
    assert of(found, "hxe", "plain").verdict == "equivalent"
    wide = judged({"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5}, noise=0.1)
    assert of(wide, "hxe", "plain").verdict == "undecided"
    assert "neither a difference" in of(wide, "hxe", "plain").sentence


def test_the_log_loss_is_compared_once_with_and_once_without_temperature():
    found = judged({"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5})
    assert len(found) == 2 * 6 + 2  # two against plain at three endpoints and two decoders; one at one endpoint
    losses = [each.first_decoder for each in found if each.endpoint == "log_loss" and each.first == "hxe"]
    assert losses == ["leaf", "temperature+min-risk"]
    pair = {"first": "hxe", "second": "plain"}
    same = study(decoders=("leaf", "min-risk"), tested=("leaf", "min-risk"), comparisons=(pair,))
    means = {"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5}
    again = verdicts.verdicts(same, rows_of(same, means))
    assert sum(each.endpoint == "log_loss" for each in again) == 1


def test_numbers_are_those_of_the_tests_over_one_family():
    rows = rows_of(study(), {"plain": 0.5, "hxe": 0.502, "hxe, permuted": 0.5}, noise=0.003)
    found = verdicts.verdicts(study(), rows)
    one = of(found, "hxe", "hxe, permuted")
    values = verdicts.by_seed(rows, range(12), "accuracy")
    a, b = values["hxe", "leaf"], values["hxe, permuted", "leaf"]
    change = [a[seed] - b[seed] for seed in range(12)]
    assert one.p == pytest.approx(scipy_stats.wilcoxon(change, method="exact").pvalue)
    assert one.difference == pytest.approx(sum(change) / 12)
    assert one.p_corrected == pytest.approx(stats.holm(each.p for each in found)[found.index(one)])
    lower = scipy_stats.ttest_1samp(change, -0.005, alternative="greater").pvalue
    upper = scipy_stats.ttest_1samp(change, 0.005, alternative="less").pvalue
    assert one.p_equivalence == pytest.approx(max(lower, upper))


def test_a_permuted_group_counts_with_its_mean_over_the_permutations():
    rows = rows_of(study(), {"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5}, noise=0.05)
    mine = [row["accuracy"] for row in rows if row["group"] == "hxe, permuted" and row["seed"] == 0]
    assert verdicts.by_seed(rows, [0], "accuracy")["hxe, permuted", "leaf"][0] == pytest.approx(sum(mine) / len(mine))


def test_only_seeds_that_all_groups_have_count_and_ten_are_needed():
    rows = rows_of(study(), {"plain": 0.5, "hxe": 0.5, "hxe, permuted": 0.5})
    without = [row for row in rows if (row["group"], row["seed"], row["permutation"]) != ("hxe, permuted", 3, 1)]
    assert verdicts.complete_seeds(study(), without) == [0, 1, 2, *range(4, 12)]
    assert {each.n for each in verdicts.verdicts(study(), without)} == {11}
    assert verdicts.verdicts(study(), [row for row in rows if int(row["seed"] or 0) < 9]) == []


def test_too_few_seeds_for_the_number_of_comparisons_are_said_with_the_number_that_is_needed():
    few = judged({"plain": 0.5, "hxe": 0.53, "hxe, permuted": 0.5}, seeds=10)
    assert verdicts.too_few_seeds(few) == ""  # 14 comparisons: 14 * 2 / 2^10 = 0.027
    many = few * 3
    assert verdicts.too_few_seeds(many) == (
        "With 10 seeds and 42 comparisons no corrected p can be below 0.082, so no difference can be shown, whatever"
        " its size; 11 seeds or more can show one."
    )
    assert verdicts.too_few_seeds([]) == ""
