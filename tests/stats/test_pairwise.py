"""Two groups compared: which test counts, and that the sentence says what the values allow and no more."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from hierapp.errors import ConfigError
from hierapp.paths import project_folder
from hierapp.stats import Comparison, compare, compare_all, mann_whitney, wilcoxon

LOW = [0.60, 0.61, 0.62, 0.63, 0.64, 0.65]
HIGH = [0.70, 0.71, 0.72, 0.73, 0.74, 0.75]


def seeds(values: list[float], first: int = 0) -> dict[int, float]:
    return dict(enumerate(values, start=first))


# Which test counts


def test_two_lists_are_compared_by_mann_whitney():
    found = compare(HIGH, LOW)
    assert (found.paired, found.wilcoxon, found.rank_biserial, found.wins) == (False, None, None, None)
    assert found.test == found.mann_whitney == mann_whitney(HIGH, LOW)
    assert found.p == found.p_adjusted == pytest.approx(2 / 924)
    assert found.least_p == pytest.approx(2 / 924)
    assert (found.a.n, found.a.mean, found.b.median) == (6, pytest.approx(0.725), pytest.approx(0.625))
    assert found.cliffs_delta.value == found.effect == 1.0


@pytest.mark.parametrize(
    ("a", "b", "paired", "expected"),
    [
        (seeds(HIGH), seeds(LOW), None, True),
        (seeds(HIGH), seeds(LOW), True, True),
        (seeds(HIGH), seeds(LOW), False, False),
        (seeds(HIGH), seeds(LOW, first=1), None, False),
        (seeds(HIGH), seeds(LOW[:5]), None, False),
        (seeds(HIGH), LOW, None, False),
        (HIGH, LOW, None, False),
        (HIGH, LOW, True, True),
    ],
)
def test_only_the_same_seeds_are_pairs_unless_told(a, b, paired, expected):
    assert compare(a, b, paired).paired == expected


def test_pairs_are_matched_by_seed_not_by_place():
    found = compare({2: 0.3, 1: 0.2, 0: 0.1}, {0: 0.0, 1: 0.1, 2: 0.25})
    assert found.wilcoxon == wilcoxon([0.1, 0.2, 0.3], [0.0, 0.1, 0.25])
    assert (found.wins, found.rank_biserial, found.effect) == (3, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((seeds(HIGH), seeds(LOW, first=1), True), {}, "The seeds of hxe and simloss are not the same"),
        ((HIGH, LOW[:3], True), {}, "hxe has 6 and simloss 3"),
        (([], LOW), {}, "values of hxe"),
        ((HIGH, {}), {}, "values of simloss"),
        ((HIGH, [0.1, float("nan")]), {}, "The values of simloss contain one that is not finite"),
        ((HIGH, LOW), {"alpha": 0.0}, "alpha to be between"),
        ((HIGH, LOW), {"relevant": 0.0}, "relevant difference to be above 0"),
        ((HIGH, LOW), {"relevant": float("nan")}, "relevant difference to be above 0"),
    ],
)
def test_bad_input_is_told_in_one_sentence_by_name(arguments, options, message):
    with pytest.raises(ConfigError, match=message) as error:
        compare(*arguments, names=("hxe", "simloss"), **options)
    assert str(error.value).count(". ") == 0


def test_all_of_it_goes_into_json():
    for found in (compare(HIGH, LOW), compare(seeds(HIGH), seeds(LOW)), compare([1.0], [1.0])):
        shown = json.loads(json.dumps(found.as_dict(), allow_nan=False))
        assert shown["mann_whitney"]["p"] == found.mann_whitney.p
        assert shown["test"] == ("wilcoxon" if found.paired else "mann_whitney")
        assert (shown["p"], shown["sentence"], shown["replicates"]) == (found.p, found.sentence, "seeds")


# Sentences


def said(a: object, b: object, **options: object) -> str:
    found: Comparison = compare(a, b, names=("hxe", "simloss"), **options)
    return found.sentence


def test_so_few_seeds_that_nothing_could_be_shown():
    assert said(HIGH[:3], LOW[:3]) == (
        "With 3 seeds against 3, no difference could have reached p < 0.05 (the smallest possible p is 0.10); 4"
        " against 4 or more could. Seen: the mean of hxe is higher than that of simloss by 0.1. If the true effect is"
        " as large as the observed one, about 6 seeds each would give a power of 80 %."
    )
    assert said(seeds(LOW[:5]), seeds(HIGH[:5])) == (
        "With 5 paired seeds, no difference could have reached p < 0.05 (the smallest possible p is 0.0625); 6 pairs"
        " or more could. Seen: the mean of hxe is lower than that of simloss by 0.1. If the true effect is as large as"
        " the observed one, about 11 paired seeds would give a power of 80 %."
    )
    assert said([0.7], [0.6]) == (
        "With 1 seed against 1, no difference could have reached p < 0.05 (the smallest possible p is 1); 4 against 4"
        " or more could. Seen: the mean of hxe is higher than that of simloss by 0.1."
    )


def test_so_many_comparisons_that_nothing_could_be_shown():
    groups = dict.fromkeys("abc", HIGH[:4]) | {"d": LOW[:4]}
    sentence = compare_all(groups).comparisons[2].sentence
    assert sentence.startswith(
        "With 4 seeds against 4, no difference could have reached p < 0.05 after Holm's correction over 6 comparisons"
        " (the smallest possible p is 0.17); 5 against 5 or more could."
    )


def test_a_difference_that_was_shown():
    assert said(HIGH, LOW) == (
        "hxe is higher than simloss (p = 0.0022; Mann-Whitney, exact): by 0.1 on average (95 % interval 0.0759 to"
        " 0.124). A random run of hxe is higher than a random one of simloss 100 times out of 100."
    )
    noisy = [value + step for value, step in zip(HIGH, [0.002, -0.003, 0.001, 0.004, -0.002, 0.003], strict=True)]
    assert said(seeds(LOW), seeds(noisy)) == (
        "hxe is lower than simloss (p = 0.031; Wilcoxon, paired, exact): by 0.101 on average (95 % interval 0.0979 to"
        " 0.104). It is lower in 6 of 6 paired seeds."
    )


def test_a_difference_that_was_shown_but_is_too_small_to_matter():
    near = [value - 0.001 for value in HIGH]
    noisy = [value - step for value, step in zip(near, np.linspace(0, 1e-4, 6), strict=True)]
    sentence = said(seeds(HIGH), seeds(noisy), relevant=0.01)
    assert sentence.endswith("difference of 0.01 is excluded.")


def test_a_difference_of_ranks_whose_mean_goes_the_other_way():
    sentence = said([11, 12, 13, 14, 15, -1000.0, 16, 17], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert "hxe is higher than simloss" in sentence
    assert "although its mean is not: the mean of hxe is lower than that of simloss by 113" in sentence


def test_no_difference_and_what_is_not_excluded():
    mixed = [0.60, 0.75, 0.62, 0.73, 0.64, 0.71]
    assert said(HIGH, mixed).startswith(
        "No difference between hxe and simloss was shown (p = 0.26; Mann-Whitney, exact). That does not show that there"
        " is none: the means may differ by "
    )
    assert "difference of 0.01 is not excluded." in said(HIGH, mixed, relevant=0.01)
    assert "relevant" not in said(HIGH, mixed)


def test_no_difference_and_none_that_matters():
    near = [value + step for value, step in zip(HIGH, [0.001, -0.001, 0.002, -0.002, 0.001, -0.001], strict=True)]
    sentence = said(seeds(HIGH), seeds(near), relevant=0.01)
    assert "difference of 0.01 or more is excluded" in sentence
    assert "would give" not in sentence, "nobody needs to show what does not matter"
    assert "excluded" not in said(seeds(HIGH), seeds(near), relevant=0.0001).replace("not excluded", "")


def test_an_interval_that_leaves_out_0_where_the_test_shows_nothing_is_but_a_hint():
    pushed = compare([1.0, 1.1, 1.2, 1.3], [0.9, 0.92, 0.94, 1.05])
    assert not pushed.is_significant
    assert pushed.mean_difference.interval.low > 0
    assert "That interval excludes 0" in pushed.sentence


def test_figures_that_are_all_the_same():
    assert said([0.5] * 5, [0.5] * 4) == "All values of hxe and of simloss are the same, 0.5."
    assert said(seeds(HIGH), seeds(HIGH)) == "hxe and simloss have the same value in each of 6 paired seeds."
    assert compare([0.5] * 2, [0.5] * 2).sentence == (
        "All values of the first and of the second are the same, 0.5. With 2 seeds against 2, no difference could have"
        " reached p < 0.05 (the smallest possible p is 0.33); 4 against 4 or more could."
    )
    assert compare(seeds(HIGH), seeds(HIGH)).sentence.startswith("The first and the second have")


@pytest.mark.parametrize("other", [LOW, HIGH, LOW[:2]])
def test_folds_of_one_test_set_never_pass_for_seeds(other):
    found = compare(HIGH, other, replicates="test folds")
    assert found.sentence.endswith("say nothing about another seed.")
    assert found.seeds_needed is None
    assert "power of 80 %" not in found.sentence
    assert "seeds" not in found.sentence


def test_the_sentence_never_says_shown_where_p_is_not_below_alpha():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n, m = rng.integers(1, 9, 2)
        found = compare(np.round(rng.normal(0, 1, n), 1), np.round(rng.normal(rng.choice([0, 2]), 1, m), 1))
        shown = "(p " in found.sentence and " was shown" not in found.sentence
        assert shown == (found.p < 0.05)
        assert ("no difference could have" in found.sentence) == (found.least_p >= 0.05)


@pytest.mark.slow
def test_what_pages_import_brings_neither_torch_nor_scipy():
    code = "import sys, hierapp.stats, hierapp.analysis.groups, hierapp.losses.equivalence;"
    code += " print([name for name in ('torch', 'scipy', 'streamlit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project_folder())
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_interval_of_shares_ends_at_the_largest_possible_difference():
    free, cut = (compare([0.9, 0.2], [0.5, 0.1], largest=largest).mean_difference for largest in (None, 1.0))
    assert free.interval.high > 1 > -1 > free.interval.low
    assert (cut.value, cut.interval.low, cut.interval.high) == (free.value, -1.0, 1.0)
