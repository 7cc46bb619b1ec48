"""Temperature and threshold from validation outputs."""

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.analysis.calibration import Calibration
from hierapp.analysis.reevaluation import on_tree, reevaluated, scaled
from hierapp.decoding import climb_threshold
from hierapp.metrics import fit_temperature, with_temperature
from hierapp.training.predictions import Outputs

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])


def overconfident(seed: int, count: int = 2000) -> Outputs:
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(3), count) + 1e-3
    p /= p.sum(1, keepdims=True)
    target = (p.cumsum(1) > generator.random((count, 1))).argmax(1)
    sharp = np.exp(with_temperature(np.log(p), 0.5))
    return Outputs.of(sharp.astype(np.float32), target, TREE.leaves, "digits", 1)


def test_nothing_is_changed_by_default():
    given = on_tree(overconfident(0), TREE)
    assert Calibration().of(overconfident(0), TREE) == (1.0, None)
    assert scaled(given, 1.0) is given


def test_the_temperature_is_fitted_on_the_validation_images():
    validation, test = overconfident(0), overconfident(1)
    temperature, threshold = Calibration(temperature=True).of(validation, TREE)
    assert threshold is None
    assert temperature == fit_temperature(validation.log_probs(), validation.target)
    assert temperature == pytest.approx(2, rel=0.15)
    given = on_tree(test, TREE)
    expected = np.exp(with_temperature(np.log(given.p), temperature))
    np.testing.assert_allclose(scaled(given, temperature).p, expected, atol=1e-12)


def test_climb_is_right_for_the_wanted_share_of_the_test_images():
    validation, test = overconfident(0), overconfident(1)
    for temperature in (False, True):
        scale, threshold = Calibration(temperature, alpha=0.2).of(validation, TREE)
        found = reevaluated(scaled(on_tree(test, TREE), scale), TREE, "climb", threshold=threshold)
        # The standard errors of 2,000 test and 1,000 validation images, three times.
        assert found["correct"] == pytest.approx(0.8, abs=0.05)


def test_temperature_and_threshold_have_half_of_the_images_each():
    validation = overconfident(0)
    scale, threshold = Calibration(temperature=True, alpha=0.1).of(validation, TREE)
    assert scale == fit_temperature(validation.log_probs(slice(0, None, 2)), validation.target[::2])
    given = scaled(on_tree(validation, TREE), scale)
    assert threshold == climb_threshold(np.log(given.p[1::2]), given.target[1::2], TREE, 0.1)
