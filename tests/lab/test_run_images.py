"""Test images of real runs as examples, and their addresses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save_file

from hierapp import LabelTree
from hierapp.data import registry as datasets
from hierapp.errors import DatasetError, StoreError
from hierapp.lab import actions as lab_actions, run_images, saved_views, trees, views
from hierapp.runs import Store
from hierapp.training import predictions
from tests.real_runs import digits_run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("real") / "home"


@pytest.fixture(scope="module")
def run(home):
    return digits_run(Store(home))


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(home))


def test_an_example_has_the_stored_probabilities_and_the_true_class(run):
    stored = predictions.read(run.folder)
    for image in (0, 17, 358):
        said = run_images.image_of(run, image)
        assert said.example.tree == run.tree
        assert said.example.target == stored.target[image]
        np.testing.assert_allclose(said.example.leaf_probabilities, stored.probabilities[image], rtol=2e-3, atol=1e-7)
        assert (said.run, said.image, said.tree_name) == (run.id, image, "digits")
    for image in (-1, 359):
        with pytest.raises(
            StoreError, match=f"has 359 test images, numbered 0 to 358, but none with the number {image}"
        ):
            run_images.image_of(run, image)


def test_images_are_found_by_class_and_by_what_they_were_taken_for(run):
    stored = run_images.outputs_of(run)
    guesses = stored.probabilities.argmax(1)
    first = run_images.first_mistake(stored)
    assert guesses[first] != stored.target[first]
    assert (guesses[:first] == stored.target[:first]).all()
    true, guess = int(stored.target[first]), int(guesses[first])
    expected = [place for place in range(359) if stored.target[place] == true and guesses[place] == guess]
    assert run_images.among(stored, true, guess).tolist() == expected
    assert len(run_images.among(stored, None, None)) == 359
    assert len(run_images.among(stored, true, None)) == (stored.target == true).sum()


def test_pictures_are_those_of_the_test_part_in_its_order(run):
    images, labels = datasets.arrays("digits", "test")
    for place, picture in zip((5, 300), run_images.pictures(run, [5, 300]), strict=True):
        np.testing.assert_array_equal(picture, images[place])
        assert str(labels[place]) == run_images.image_of(run, place).example.target_name


def test_another_data_set_than_the_one_tested_shows_no_pictures(run, monkeypatch):
    _, labels = datasets.arrays("digits", "test")
    monkeypatch.setattr(run_images, "_test_labels", lambda data, folder, content: labels[::-1])
    with pytest.raises(StoreError, match="has changed since run 1 was tested"):
        run_images.pictures(run, [0])

    def absent(*given: object):
        raise DatasetError("It is not on this machine; get it.")

    monkeypatch.setattr(run_images, "_test_labels", absent)
    with pytest.raises(DatasetError):
        run_images.pictures(run, [0])


def test_only_finished_runs_with_outputs_are_listed_the_newest_first(tmp_path, run):
    store = Store(tmp_path / "other")
    assert run_images.runs(store) == []
    one, two = digits_run(store), digits_run(store, loss="conditional")
    assert [each.id for each in run_images.runs(store)] == [two.id, one.id]
    (one.folder / predictions.FILE).unlink()
    assert [each.id for each in run_images.runs(store)] == [two.id]
    with pytest.raises(StoreError, match="has no stored test outputs on this machine"):
        run_images.outputs_of(one)
    (two.folder / predictions.FILE).write_bytes(b"x")
    with pytest.raises(StoreError, match="is broken"):
        run_images.outputs_of(two)
    stored = predictions.read(run.folder)
    about = {**stored.about(), "classes": '["b", "a", "2", "3", "4", "5", "6", "7", "8", "9"]'}
    save_file(stored.tensors(), two.folder / predictions.FILE, about)
    with pytest.raises(StoreError, match="other classes than its tree"):
        run_images.outputs_of(two)


def test_an_address_names_the_image_and_what_was_changed_and_gives_it_back(run):
    state = views.of_run_image(run_images.image_of(run, 12))
    assert views.to_params(state) == {"run": "1", "image": "12"}
    moved = lab_actions.with_logit(lab_actions.with_target(state, int(run.tree.leaf_nodes[3])), "first", 2, 1.25)
    params = views.to_params(moved)
    assert set(params) == {"run", "image", "y", "x"}
    assert views.from_params(params) == views.Opened(moved)
    assert lab_actions.reset(moved) == state
    other = state.on_tree(trees.named("digits-flat"), "digits-flat")
    params = views.to_params(other)
    assert params == {"run": "1", "image": "12", "tree": "digits-flat"}
    assert views.from_params(params).state == other


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"run": "99", "image": "1"}, "There is no run '99' on this machine"),
        ({"run": "1", "image": "359"}, "has 359 test images, numbered 0 to 358"),
        ({"run": "1", "image": "-1"}, "not a valid image number"),
        ({"run": "1", "image": "²"}, "not a valid image number"),
        ({"run": "01", "image": "1"}, "There is no run '01' on this machine"),
        ({"run": "x" * 5000, "image": "1"}, "There is no run 'xxxxxxxxxxxxxxxxxxxx' on this machine"),
    ],
)
def test_a_run_or_an_image_that_is_not_here_is_told_and_the_rest_holds(run, params, said):
    found = views.from_params({**params, "y": "3", "x": "AAAA", "tree": "digits", "decoder": "leaf"})
    assert len(found.complaints) == 1
    assert said in found.complaints[0]
    assert found.state.example == views.start().example
    assert found.state.run_image is None
    assert [choice.rule for choice in found.state.decoders] == ["leaf"]


def test_a_picture_of_ones_own_has_an_address_of_its_numbers_alone(run):
    log_probs = run_images.outputs_of(run).log_probs(np.array([3]))[0].tolist()
    state = views.of_run_image(run_images.own_picture(run, log_probs))
    assert state.example.target == int(np.argmax(log_probs))
    params = views.to_params(state)
    assert not {"run", "image"} & set(params)
    found = views.from_params(params)
    assert found.complaints == ()
    assert found.state.run_image is None
    np.testing.assert_allclose(found.state.example.log_z, state.example.log_z, atol=0.05)
    assert lab_actions.reset(lab_actions.with_logit(state, "first", 1, 3.0)) == state


def test_a_saved_view_keeps_the_image_and_opens_without_it_too(run, monkeypatch, tmp_path):
    state = lab_actions.with_logit(views.of_run_image(run_images.image_of(run, 4)), "first", 1, 0.5)
    kept = saved_views.keep(state, "four")
    assert saved_views.load(kept.name) == state
    monkeypatch.setattr(run_images, "_store", lambda folder: Store(tmp_path / "empty"))
    alone = saved_views.load(kept.name)
    assert alone.run_image is None
    assert alone.example == state.example


def test_a_tree_whose_name_stands_for_another_now_has_no_name(run, monkeypatch):
    monkeypatch.setattr(run_images.trees, "named", lambda name: LabelTree.from_edges([("r", "a")]))
    assert run_images.tree_name(run) is None


def test_the_best_run_is_of_the_newest_ones_data_and_no_trial(run):
    def made(data, accuracy, tags=(), trained=True):
        config = run.config.model_copy(update={"data": data})
        origin = run.origin if trained else "imported"
        return dataclasses.replace(run, config=config, test={"accuracy": accuracy}, tags=tags, origin=origin)

    trial, imported = made("digits", 0.99, ("search:lr",)), made("digits", 1.0, trained=False)
    assert imported.is_imported
    good, bad, other = made("digits", 0.9, ("mine",)), made("digits", 0.5), made("cifar10", 0.95)
    assert run_images.best([imported, trial, bad, other, good]) is good
    assert run_images.best([other, bad, good]) is other
    assert run_images.best([imported, trial]) is trial
    assert run_images.best([imported]) is imported
    assert run_images.best([dataclasses.replace(bad, test=None), bad]) is not None
