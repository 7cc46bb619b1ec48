"""Outputs that decoders are applied to: of rows, and of a sample of pixels."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hierapp.analysis import map_results, reevaluation, stored_outputs
from hierapp.analysis.calibration import HeldOut
from hierapp.data import map_pictures
from hierapp.errors import DatasetError, StoreError
from hierapp.runs import Run, Store
from hierapp.training import map_predictions, predictions
from tests.finished_runs import add_finished
from tests.label_maps import add_finished as add_maps, own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pixels")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIERAPP_HOME", str(folder / "home"))
        patch.setenv("HIERAPP_DATA", str(folder / "data"))
        own(folder)
        store = Store(folder / "home")
        return store.run(add_maps(store, "conditional", probabilities=True))


@pytest.fixture(autouse=True)
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIERAPP_HOME", str(folder / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(folder / "data"))


def every_pixel(run: Run) -> tuple[np.ndarray, np.ndarray]:
    given = map_results.of_run(run)
    true = np.stack([given.true(row) for row in range(len(given))])
    p = np.stack([map_predictions.read(run.folder, row, map_predictions.PROBABILITIES) for row in range(len(given))])
    known = true < len(run.tree.leaves)
    return np.moveaxis(p, 1, -1)[known], true[known]


def test_all_labeled_pixels_if_they_are_few(run: Run) -> None:
    found = stored_outputs.of(run)
    p, true = every_pixel(run)
    np.testing.assert_array_equal(found.probabilities, p)
    np.testing.assert_array_equal(found.target, true)
    assert (found.classes, found.data) == (run.tree.leaves, "streets")
    assert run.test is not None
    assert reevaluation.reevaluate(found, run.tree)["mean_distance"] == pytest.approx(run.test["mean_distance"])


def test_a_sample_is_of_different_pixels_and_the_same_every_time(run: Run) -> None:
    p, true = every_pixel(run)
    found = stored_outputs.of_pixels(run, most=200)
    assert found.probabilities.shape == (200, 4)
    every = {(row.tobytes(), target) for row, target in zip(p, true.tolist(), strict=True)}
    assert {
        (row.tobytes(), target) for row, target in zip(found.probabilities, found.target.tolist(), strict=True)
    } <= every
    again = stored_outputs.of_pixels(run, most=200)
    np.testing.assert_array_equal(found.probabilities, again.probabilities)
    place, drawn = {}, []
    for number, row in enumerate(p):
        place.setdefault(row.tobytes(), []).append(number)
    for row in found.probabilities:
        drawn.append(place[row.tobytes()].pop(0))
    assert len(set(drawn)) == 200


def test_images_of_too_many_probabilities_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_outputs, "MOST_OF_AN_IMAGE", 4 * 12 * 16 - 1)
    with pytest.raises(StoreError, match="768 probabilities"):
        stored_outputs.of(run)


def test_a_sample_is_bounded_by_its_numbers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_outputs, "MOST_NUMBERS", 50)
    assert len(stored_outputs.of(run).target) == 12


def test_runs_without_probabilities_of_pixels(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run.folder, other)
    (other / map_predictions.PROBABILITIES).unlink()
    without = replace(run, folder=other)
    assert stored_outputs.has(run)
    assert not stored_outputs.has(without)
    with pytest.raises(StoreError, match="pixel-probabilities"):
        stored_outputs.of(without)


def test_another_data_set_than_the_one_tested(run: Run) -> None:
    with pytest.raises(DatasetError):
        stored_outputs.of(replace(run, content=run.content._replace(test="0" * 64)))


def test_outputs_of_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = store.run(add_finished(store))
    assert stored_outputs.has(found)
    assert not stored_outputs.has_pixels(found)
    np.testing.assert_array_equal(stored_outputs.of(found).target, predictions.stored(found.folder).target)


def test_a_sample_of_rows_is_the_same_for_all_runs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, other = (predictions.stored(store.run(add_finished(store, seed=seed)).folder) for seed in (0, 1))
    assert stored_outputs.sample(one) is one
    few, same = (stored_outputs.sample(each, 500) for each in (one, other))
    assert few.probabilities.shape == (50, 10)
    np.testing.assert_array_equal(few.target, same.target)
    rows = [np.flatnonzero((one.probabilities == row).all(1))[0] for row in few.probabilities]
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(one.target[rows], few.target)
    held = HeldOut(one, other).sample()
    assert held.validation is one
    assert held.calibration is other
    assert HeldOut(one).sample().calibration is None


def test_pictures_have_the_probability_of_the_predicted_class(run: Run) -> None:
    given = map_results.of_run(run)
    *others, shown = map_results.pictures(given, 2, 0.5)
    p = map_predictions.read(run.folder, 2, map_predictions.PROBABILITIES)
    expected = map_pictures.shares(p.max(0))
    assert len(others) == 3
    # Classes of equal probability in half precision may differ, but not their probability.
    np.testing.assert_array_equal(shown, expected)
    first, second = map_results.sides(given, 2, 0.5)
    np.testing.assert_array_equal(first, others[0])
    np.testing.assert_array_equal(second, others[1])
