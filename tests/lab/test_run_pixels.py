"""Pixels of test images as examples of the lab, and their addresses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hierapp.analysis import map_results
from hierapp.errors import StoreError
from hierapp.lab import run_images, run_pixels, saved_views, views
from hierapp.runs import Store
from hierapp.training import map_predictions
from tests.label_maps import HEIGHT, WIDTH, add_finished, own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pixels")


@pytest.fixture(scope="module")
def run(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIERAPP_HOME", str(folder / "home"))
        patch.setenv("HIERAPP_DATA", str(folder / "data"))
        own(folder)
        store = Store(folder / "home")
        return store.run(add_finished(store, probabilities=True))


@pytest.fixture(autouse=True)
def at_home(folder, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(folder / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(folder / "data"))


def test_an_example_has_the_stored_probabilities_of_a_pixel_and_its_class(run):
    p = map_predictions.read(run.folder, 3, map_predictions.PROBABILITIES)
    said = run_images.image_of(run, 3, (7, 2))
    np.testing.assert_allclose(said.example.leaf_probabilities, p[:, 2, 7], rtol=2e-3, atol=1e-7)
    assert said.example.target == map_results.of_run(run).true(3)[2, 7]
    assert (said.run, said.image, said.pixel) == (run.id, 3, (7, 2))
    assert run_images.runs(Store(run.folder.parents[1]))[0].id == run.id
    assert run_images.first_image(run) == 0


def test_the_worst_pixel_is_the_first_of_the_greatest_distance(run):
    given = map_results.of_run(run)
    distances, true, predicted = run.tree.distances(), given.true(1), given.predicted(1)
    (x, y) = run_images.image_of(run, 1).pixel
    far = [
        (distances[true[row, column], predicted[row, column]], -row, -column)
        for row in range(HEIGHT)
        for column in range(WIDTH)
        if true[row, column] < 4
    ]
    assert (-y, -x) == max(far)[1:]


def test_pixels_are_found_by_their_classes(run):
    given = map_results.of_run(run)
    true, predicted = given.true(0), given.predicted(0)
    found = run_pixels.among(given, 0, 1, int(predicted[HEIGHT - 3, 3]))
    expected = np.argwhere((true == 1) & (predicted == predicted[HEIGHT - 3, 3]))
    np.testing.assert_array_equal(found, expected[:, ::-1])
    assert len(run_pixels.among(given, 0, None, None)) == (true < 4).sum()


@pytest.mark.parametrize(
    ("image", "pixel", "said"),
    [
        ("6", "1,1", "6 test images, numbered 0 to 5"),
        ("0", f"{WIDTH},0", "16 x 12 pixels, but none in column 16 and row 0"),
        ("0", f"0,{HEIGHT - 1}", "void"),
        ("0", "1", "not a column and a row"),
        ("0", "-1,2", "not a column and a row"),
        ("²", "1,2", "not a valid image number"),
    ],
)
def test_pixels_that_are_not_there(run, image, pixel, said):
    with pytest.raises(StoreError, match=said):
        run_images.find(run.id, image, pixel)
    found = views.from_params({"run": run.id, "image": image, "pixel": pixel})
    assert len(found.complaints) == 1
    assert found.state.run_image is None


def test_an_image_without_a_label_has_no_worst_pixel(run):
    given = map_results.of_run(run)
    void = replace(given, maps=np.full_like(given.maps, 255))
    with pytest.raises(StoreError, match="no labeled pixel"):
        run_pixels.worst(void, 0)


def test_an_address_and_a_saved_view_name_the_pixel(run):
    state = views.of_run_image(run_images.image_of(run, 2, (5, 6)))
    params = views.to_params(state)
    assert params == {"run": run.id, "image": "2", "pixel": "5,6"}
    assert views.from_params(params) == views.Opened(state)
    assert saved_views.load(saved_views.keep(state, "pixel").name) == state


def test_the_picture_shows_the_predicted_classes(run):
    given = map_results.of_run(run)
    shown = run_pixels.picture(given, 0)
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert (shown != given.images[0]).any()
