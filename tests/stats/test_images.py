"""Two trainings on the same images, and the folds of one test set."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hierapp import stats
from hierapp.errors import ConfigError
from hierapp.stats import mcnemar


def answers(both: int, first: int, second: int, none: int) -> tuple[list[bool], list[bool]]:
    one = [True] * (both + first) + [False] * (second + none)
    return one, [True] * both + [False] * first + [True] * second + [False] * none


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (0, 6), (3, 9), (10, 10), (7, 2)])
def test_mcnemar_is_the_binomial_test_of_the_images_that_one_alone_has_right(first, second):
    found = mcnemar(*answers(5, first, second, 4))
    n = first + second
    tail = sum(math.comb(n, k) for k in range(min(first, second) + 1)) / 2**n
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert (found.only_first, found.only_second, found.images) == (first, second, n + 9)
    assert (found.both, found.neither) == (5, 4)
    assert found.difference == pytest.approx((first - second) / (n + 9))
    assert found.interval.low < found.difference < found.interval.high


def test_airways_before_and_after_a_transplant():
    """Fagerland, Lydersen and Laake: The McNemar test for binary matched-pairs data, 2013: 1, 1, 7, 12; exact .070."""
    assert round(mcnemar(*answers(1, 1, 7, 12)).p, 3) == 0.070


def test_approval_of_the_prime_minister():
    """Agresti: Categorical Data Analysis, 2002, 10.1: 794, 150, 86, 570; z = 4.17; difference .04, .02 to .06."""
    found = mcnemar(*answers(794, 150, 86, 570))
    normal = math.erfc(4.17 / math.sqrt(2))
    assert found.p == pytest.approx(normal, rel=0.35)
    assert found.difference == pytest.approx(0.04)
    assert (round(found.interval.low, 2), round(found.interval.high, 2)) == (0.02, 0.06)
    assert found.is_significant
    assert found.sentence == (
        "Of 1,600 images, 150 are classified correctly by the first only and 86 by the second only (p less than 0.001;"
        " McNemar, exact): on images like these, the first is correct more often. This holds for these two training"
        " runs; only more seeds can show whether it holds for their configurations."
    )


def test_a_sentence_that_shows_nothing_says_so():
    found = mcnemar(*answers(5, 3, 4, 5), names=("run 1", "run 2"))
    assert "that does not show which of the two is correct more often" in found.sentence
    assert "3 are classified correctly by run 1 only and 4 by run 2 only (p = 1;" in found.sentence
    assert json.loads(json.dumps(found.as_dict()))["p"] == 1.0


@pytest.mark.slow
def test_mcnemar_rarely_rejects_where_nothing_differs():
    rng, rounds = np.random.default_rng(5), 1000
    rejected = sum(mcnemar(rng.random(300) < 0.7, rng.random(300) < 0.7).p < 0.05 for _ in range(rounds))
    assert 0.02 <= rejected / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


@pytest.mark.parametrize(("size", "folds"), [(10_000, 10), (25, 10), (10, 10), (3, 2)])
def test_each_image_is_in_one_fold_and_folds_are_of_equal_size(size, folds):
    right = np.random.default_rng(0).random(size) < 0.7
    found = stats.test_folds(right, folds)
    sizes = [len(part) for part in np.array_split(range(size), folds)]
    assert len(found) == folds
    assert sum(round(share * n) for share, n in zip(found, sizes, strict=True)) == right.sum()
    assert all(abs(share * n - round(share * n)) < 1e-9 for share, n in zip(found, sizes, strict=True))


def test_folds_are_the_same_images_for_every_training_and_others_with_another_seed():
    """Each image is right in a training of its own; the fold it falls into must not depend on the others."""
    size = 30
    where = [stats.test_folds(np.arange(size) == image, 5).index(1 / 6) for image in range(size)]
    rest = [stats.test_folds(np.arange(size) != image, 5).index(5 / 6) for image in range(size)]
    assert where == rest
    assert where != sorted(where), "they are shuffled"
    right = np.arange(size) < 15
    assert stats.test_folds(right, 5, seed=1) != stats.test_folds(right, 5, seed=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar([True], [True, False]), "the first has 1 and the second has 2"),
        (lambda: mcnemar([], []), "whether it is correct"),
        (lambda: mcnemar([0.7], [0.8]), "list of booleans for the first"),
        (lambda: mcnemar([True], [True], alpha=2), "alpha to be between"),
        (lambda: stats.test_folds([True, False, True], 4), "2 to 3 folds, at most one per image, but got 4"),
        (lambda: stats.test_folds([True, False], 1), "but got 1"),
        (lambda: stats.test_folds([[True]], 2), "whether it is correct"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
