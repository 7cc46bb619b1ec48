"""Metrics of ordered classes, against a loop over the samples."""

import numpy as np
import pytest

from hierapp.errors import ConfigError
from hierapp.metrics.confusion import confusion_matrix
from hierapp.metrics.ordered import class_values, ordered_report


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["1", "2", "29"], [1, 2, 29]),
        (["0-9", "10-19", "100"], [4.5, 14.5, 100]),
        (["-3--1", "0.5", "1e-05-2"], [-2, 0.5, 1.000005]),
        (["young", "2", "3"], [0, 1, 2]),
    ],
)
def test_classes_count_as_their_numbers_or_their_places(names, values):
    assert class_values(names) == pytest.approx(values)


def test_figures_are_those_of_a_loop_whatever_the_order_of_the_rows():
    ordered = ["1", "2", "3", "5", "9"]
    classes = ["5", "1", "9", "2", "3"]  # as in a tree
    true, predicted = np.random.default_rng(0).integers(0, 5, (2, 200))
    found = ordered_report(confusion_matrix(true, predicted, 5), classes, ordered)
    errors = [abs(int(classes[t]) - int(classes[p])) for t, p in zip(true, predicted, strict=True)]
    steps = [abs(ordered.index(classes[t]) - ordered.index(classes[p])) for t, p in zip(true, predicted, strict=True)]
    assert found["mean_absolute_error"] == pytest.approx(np.mean(errors))
    assert found["within_one_class"] == pytest.approx(np.mean([step <= 1 for step in steps]))
    assert found["within_two_classes"] == pytest.approx(np.mean([step <= 2 for step in steps]))


def test_other_names_are_refused():
    with pytest.raises(ConfigError, match="same names"):
        ordered_report([[1, 0], [0, 1]], ["a", "b"], ["a", "c"])


def test_without_samples_all_figures_are_zero():
    assert set(ordered_report([[0, 0], [0, 0]], ["1", "2"], ["1", "2"]).values()) == {0.0}
