"""Temperature and threshold from held-out outputs."""

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.analysis.calibration import Calibration, HeldOut, is_guaranteed
from hierapp.analysis.reevaluation import on_tree, reevaluated, scaled
from hierapp.decoding import climb_threshold
from hierapp.decoding.climbing import climb_scores
from hierapp.metrics import fit_temperature, with_temperature
from hierapp.runs import Store
from hierapp.training import RunConfig, predictions
from hierapp.training.predictions import Outputs
from hierapp.trees import library as tree_library

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
    assert Calibration().of(HeldOut(overconfident(0)), TREE) == (1.0, None)
    assert scaled(given, 1.0) is given


def test_the_temperature_is_fitted_on_the_validation_images():
    validation, test = overconfident(0), overconfident(1)
    temperature, threshold = Calibration(temperature=True).of(HeldOut(validation), TREE)
    assert threshold is None
    assert temperature == fit_temperature(validation.log_probs(), validation.target)
    assert temperature == pytest.approx(2, rel=0.15)
    given = on_tree(test, TREE)
    expected = np.exp(with_temperature(np.log(given.p), temperature))
    np.testing.assert_allclose(scaled(given, temperature).p, expected, atol=1e-12)


def test_climb_is_right_for_the_wanted_share_of_the_test_images():
    validation, test = overconfident(0), overconfident(1)
    for temperature in (False, True):
        scale, threshold = Calibration(temperature, alpha=0.2).of(HeldOut(validation), TREE)
        found = reevaluated(scaled(on_tree(test, TREE), scale), TREE, "climb", threshold=threshold)
        # The standard errors of 2,000 test and 1,000 validation images, three times.
        assert found["correct"] == pytest.approx(0.8, abs=0.05)


def test_temperature_and_threshold_have_half_of_the_images_each():
    validation = overconfident(0)
    scale, threshold = Calibration(temperature=True, alpha=0.1).of(HeldOut(validation), TREE)
    assert scale == fit_temperature(validation.log_probs(slice(0, None, 2)), validation.target[::2])
    given = scaled(on_tree(validation, TREE), scale)
    assert threshold == climb_threshold(np.log(given.p[1::2]), given.target[1::2], TREE, 0.1)


def test_calibration_images_determine_the_threshold_only():
    held_out = HeldOut(overconfident(0), overconfident(1))
    scale, threshold = Calibration(temperature=True, alpha=0.1).of(held_out, TREE)
    assert scale == fit_temperature(held_out.validation.log_probs(), held_out.validation.target)
    given = scaled(on_tree(held_out.calibration, TREE), scale)
    assert threshold == climb_threshold(np.log(given.p), given.target, TREE, 0.1)
    assert Calibration(temperature=True).of(held_out, TREE) == (scale, None)


def test_the_guarantee_holds_for_images_that_did_not_select_the_epoch():
    """Over 1,000 draws of 20 epochs that differ by chance, the one of which is tested that is the most accurate on 39
    images: climb is right for a new image in 90 % of the cases, if its threshold is from 39 other images."""
    generator = np.random.default_rng(0)
    draws, epochs, count = 1_000, 20, 39
    truth = generator.integers(0, 3, (draws, 2 * count + 1))
    # Logits of all images, of each epoch.
    logits = generator.normal(0, 2, (draws, epochs, 2 * count + 1, 3))
    logits += 1.5 * np.eye(3)[truth][:, None]
    hits = logits[:, :, :count].argmax(-1) == truth[:, None, :count]
    log_p = logits[np.arange(draws), hits.mean(2).argmax(1)]
    log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
    right = {"selected the epoch": 0, "did not": 0}
    for values, target in zip(log_p, truth, strict=True):
        (score,) = climb_scores(values[-1:], target[-1:], TREE)
        for part, rows in zip(right, (slice(0, count), slice(count, 2 * count)), strict=True):
            right[part] += score <= climb_threshold(values[rows], target[rows], TREE, 0.1)
    # Three standard errors of 1,000 draws are 0.028.
    assert right["did not"] / draws == pytest.approx(0.9, abs=0.03)
    assert right["selected the epoch"] / draws < 0.87


def test_what_is_guaranteed(tmp_path):
    store = Store(tmp_path)
    selected, last, apart = (
        store.run(run)
        for run in store.add([RunConfig.make(data="digits", tree="digits", loss="hxe", select=select)
                              for select in ("val_loss", "last", "val_accuracy")], tree_library.load("digits"))
    )  # fmt: skip
    apart.folder.mkdir(parents=True)
    (apart.folder / predictions.CALIBRATION).touch()
    assert [is_guaranteed(run) for run in (selected, last, apart)] == [False, True, True]
