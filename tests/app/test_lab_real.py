"""The lab's real images without a browser: which run, which image, one's own picture, and the search."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hierapp.access import Limits, Person, Role
from hierapp.data import registry as datasets
from hierapp.lab import disagreements, preload, run_images, views
from hierapp.training.predict import predict
from hierapp.utils.numbers import of_log
from pages.lab import run_images as images_page
from pages.shared import auth
from tests.app.conftest import add_run, texts
from tests.real_runs import digits_run


@pytest.fixture
def lab(open_page):
    """Open the lab at an address, with the losses there."""
    images_page._runs.clear()
    preload.begin()
    preload._done.wait(60)
    return lambda **query: open_page("lab", **query)


@pytest.fixture
def run(store):
    return digits_run(store)


def state_of(page):
    return page.session_state["lab"].state


def picture_of(page):
    """What is told of the first picture on the page."""
    found = page.get("image") or page.get("imgs")
    return found[0].proto.imgs[0] if found else None


def press(page, label):
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def test_without_a_run_the_page_says_how_to_have_one(lab, store):
    add_run(store)  # finished, and without stored outputs
    page = lab()
    page.selectbox(key="lab-story").set_value("real").run()
    assert not page.exception
    assert page.selectbox(key="lab-story").value == "real"
    assert "one click on the Start page" in page.info[0].value
    page.selectbox(key="lab-story").set_value("").run()
    assert not page.info


def test_the_newest_run_s_first_mistake_is_shown_with_the_network_s_own_numbers(lab, run):
    page = lab()
    page.selectbox(key="lab-story").set_value("real").run()
    assert not page.exception
    assert not page.error
    first = run_images.first_mistake(run_images.outputs_of(run))
    said = run_images.image_of(run, first)
    assert state_of(page) == views.of_run_image(said)
    assert {key: value[0] if isinstance(value, list) else value for key, value in page.query_params.items()} == {
        "run": run.id,
        "image": str(first),
    }
    best = int(np.argmax(said.example.leaf_log_probs))
    words = f"the network predicts {run.tree.leaves[best]} ({of_log(said.example.leaf_log_probs[best])})"
    assert words in picture_of(page).alt
    assert "leaf probabilities" in texts(page)
    # Changed losses stay for the next image.
    page.button_group(key="lab-losses").set_value(["conditional"]).run()
    page.number_input(key="lab-image").set_value(7).run()
    assert state_of(page).run_image.image == 7
    assert [choice.name for choice in state_of(page).losses] == ["conditional"]


@pytest.mark.slow
def test_a_random_image_is_of_the_class_and_the_mistake_that_are_chosen(lab, run):
    stored = run_images.outputs_of(run)
    first = run_images.first_mistake(stored)
    true, guess = int(stored.target[first]), int(run_images.likeliest(stored)[first])
    page = lab(run=run.id, image="0")
    page.selectbox(key=f"lab-pick-true-{run.id}").set_value(true).run()
    page.selectbox(key=f"lab-pick-said-{run.id}").set_value(guess).run()
    page = press(page, "Random image")
    assert state_of(page).run_image.image in run_images.among(stored, true, guess)
    none = next(
        (one, other) for one in range(10) for other in range(10) if not len(run_images.among(stored, one, other))
    )
    before = state_of(page)
    page.selectbox(key=f"lab-pick-true-{run.id}").set_value(none[0]).run()
    page.selectbox(key=f"lab-pick-said-{run.id}").set_value(none[1]).run()
    page = press(page, "Random image")
    one, other = (run.tree.leaves[place] for place in none)
    assert page.session_state["lab"].message == f"Run {run.id} classified no test image of the class {one} as {other}."
    assert state_of(page) == before


def test_an_address_of_another_machine_is_told(lab, run):
    page = lab(run="77", image="3")
    assert "There is no run" in page.warning[0].value
    assert state_of(page) == views.start()
    assert "has 359 test images" in lab(run=run.id, image="5000").warning[0].value


def test_numbers_are_shown_where_the_pictures_are_not(lab, run, monkeypatch):
    def absent(*given: object):
        raise datasets.DatasetError("Digits is not on this machine; get it.")

    monkeypatch.setattr(run_images, "_test_labels", absent)
    page = lab(run=run.id, image="2")
    assert not page.exception
    assert picture_of(page) is None
    assert "is not on this machine" in texts(page)
    assert "Test image 2 of class" in texts(page)


def file_of(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).resize((80, 80), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


@pytest.mark.slow
def test_a_picture_of_ones_own_goes_through_the_run_s_network(lab, run):
    pixels = datasets.arrays("digits", "test")[0][9]
    page = lab(run=run.id, image="0")
    page.file_uploader(key=f"lab-upload-{run.id}").upload("nine.png", file_of(pixels[..., 0]), "image/png").run()
    assert not page.exception
    shown = page.session_state["lab"].own[1]
    assert shown.shape == (8, 8, 1)
    expected = predict(run.folder, run.config, run.tree, shown[None])[0]
    np.testing.assert_allclose(state_of(page).example.leaf_log_probs, expected, atol=1e-4)
    assert state_of(page).run_image.image is None
    assert "Your image as the network sees it" in picture_of(page).alt
    page.file_uploader(key=f"lab-upload-{run.id}").upload("nine.png", b"nothing", "image/png").run()
    assert "is not a PNG, JPEG" in page.session_state["lab"].message


@pytest.mark.slow
def test_pictures_of_viewers_and_too_large_ones_are_refused(lab, run, monkeypatch):
    def as_person(who):
        for module in (auth, images_page.common):
            monkeypatch.setattr(module, "person", lambda: who)

    as_person(Person("vic@x.edu", Role.VIEWER))
    assert lab(run=run.id, image="0").file_uploader(key=f"lab-upload-{run.id}").disabled
    as_person(Person("ada@x.edu", Role.RUNNER, Limits(upload_mb=0.0001)))
    page = lab(run=run.id, image="0")
    page.file_uploader(key=f"lab-upload-{run.id}").upload(
        "a.png", file_of(np.eye(8, dtype=np.uint8)), "image/png"
    ).run()
    assert "MB are allowed" in page.session_state["lab"].message
    assert state_of(page).run_image.image == 0


def test_disagreements_are_counted_listed_and_opened(lab, run):
    page = lab(run=run.id, image="0")
    page.button_group(key="lab-look").set_value(True).run()
    assert not page.exception
    found = disagreements.decoded(run_images.outputs_of(run), run.tree)
    assert disagreements.compare(found, "leaf", "top-down").summary.split(".")[0] in texts(page).replace("\\", "")
    page.selectbox(key="lab-find-which").set_value("wrong").run()
    places = disagreements.search(found, disagreements.SearchCriteria(which="wrong")).tolist()
    shown = [button.key for button in page.button if (button.key or "").startswith("lab-found-")]
    assert shown == [f"lab-found-{place}" for place in places[:24]]
    assert len(places) > 24
    page = press(page, "Later")
    shown = [button.key for button in page.button if (button.key or "").startswith("lab-found-")]
    assert shown == [f"lab-found-{place}" for place in places[24:48]]
    place = places[24]
    first, second = (run.tree.nodes[int(found.nodes[rule][place])] for rule in ("leaf", "top-down"))
    true = run.tree.leaves[found.target[place]]
    button = page.button(key=shown[0])
    assert button.label.replace("\\", "") == f"{true} → {first}; top-down: {second}"
    button.click().run()
    assert not page.exception
    assert state_of(page).run_image.image == place
    assert page.button_group(key="lab-look").value is False


def test_the_switches_narrow_the_search(lab, run):
    page = lab(run=run.id, image="0")
    page.button_group(key="lab-look").set_value(True).run()
    found = disagreements.decoded(run_images.outputs_of(run), run.tree)
    page.selectbox(key="lab-find-which").set_value("wrong").run()
    page.selectbox(key="lab-find-least").set_value(2).run()
    image = disagreements.search(found, disagreements.SearchCriteria(which="wrong", least=2))[0]
    true = int(found.target[image])
    page.selectbox(key="lab-find-true").set_value(int(run.tree.leaf_nodes[true])).run()
    page.selectbox(key="lab-find-predicted").set_value(int(found.nodes["leaf"][image])).run()
    assert not page.exception
    criteria = disagreements.SearchCriteria(
        which="wrong", least=2, true=true, predicted=int(found.nodes["leaf"][image])
    )
    shown = [button.key for button in page.button if (button.key or "").startswith("lab-found-")]
    assert shown == [f"lab-found-{place}" for place in disagreements.search(found, criteria).tolist()[:24]]
    page.selectbox(key="lab-find-first").set_value("top-down").run()
    assert not page.exception
    assert page.selectbox(key="lab-find-second").value == "leaf"
