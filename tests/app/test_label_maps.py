"""Images with label maps on the pages, without a browser: import, overlays, the form, live mean IoU, worst images."""

from __future__ import annotations

import pytest

from tests.app.conftest import texts
from tests.label_maps import add_finished, checked, files, own, table, write

pytestmark = pytest.mark.slow


@pytest.fixture
def streets(tmp_path, home):
    return own(tmp_path)


def test_an_import_is_reported_saved_and_shown(tmp_path, home, open_page):
    token, _ = checked(write(tmp_path / "streets", {**files(), "classes.csv": table()}))
    page = open_page("data", **{"import": token})
    assert not page.exception
    assert "22 images with label maps" in texts(page)
    (save,) = [button for button in page.button if button.label == "Save this data set"]
    save.click().run()
    assert not page.exception
    assert page.selectbox(key="set").value == "streets"
    assert [tab.label for tab in page.tabs] == ["Images", "Class counts", "Check report"]
    page.slider(key="map-opacity").set_value(1.0).run()
    assert not page.exception


def test_the_form_follows_the_kind_of_the_data(streets, open_page):
    page = open_page("train", data="streets")
    assert not page.exception
    assert page.selectbox(key="model").value == "unet"
    assert page.number_input(key="segmentation-batch-size").value == 8
    assert page.number_input(key="unet-width").value == 16
    assert page.selectbox(key="segmentation-select").value == "val_mean_iou"
    assert [box for box in page.number_input if box.key in ("cutout", "mixup", "label-smoothing")] == []
    page.selectbox(key="data").set_value("digits").run()
    assert not page.exception
    assert page.selectbox(key="model").value == "lenet"
    assert page.number_input(key="batch-size").value == 128
    assert "val_mean_iou" not in page.selectbox(key="select").options


def test_runs_and_compare_show_iou_and_the_worst_images(streets, store, open_page):
    runs = [add_finished(store, loss, seed) for seed in (0, 1) for loss in ("cross-entropy", "conditional")]
    page = open_page("runs", runs=runs)
    assert not page.exception
    assert "Validation mean IoU" in texts(page)
    assert "IoU of each class" in texts(page)
    for view in ("metrics", "tests", "severity", "outputs", "confusion", "maps"):
        page = open_page("compare", view=view)
        assert not page.exception, view
        assert not page.error, view
    assert "Mean distance of the pixels of test image" in texts(page)
    assert len(page.dataframe[0].value) >= 1
    page = open_page("train", data="streets", model="unet")
    assert not page.exception


def test_decoders_are_applied_to_pixels_whose_probabilities_are_stored(streets, store, open_page):
    for loss in ("cross-entropy", "conditional"):
        add_finished(store, loss, probabilities=True)
    add_finished(store, "hierarchical")
    page = open_page("compare", view="outputs", rule="climb")
    assert not page.exception
    assert not page.error
    assert "labeled pixels, drawn at random" in texts(page)
    assert "Operating curve" in texts(page)
    assert "hierarchical" in page.info[0].value  # left out
    assert len(page.dataframe[0].value) == 2
    page.checkbox(key="temperature").check().run()
    assert not page.exception
    assert "label maps" in page.error[0].value
    page = open_page("compare", view="maps")
    assert not page.exception
    assert not page.error
    pair = next(group for group in page.button_group if "Truth left of the border" in group.label)
    second = int(pair.options[1]) - 1
    pair.set_value(second).run()
    assert not page.exception


def test_other_pages_open_with_runs_on_label_maps(streets, store, open_page):
    add_finished(store)
    for name in ("start", "lab", "search", "trees", "predictions"):
        page = open_page(name, data="streets")
        assert not page.exception, name


def test_the_lab_opens_a_pixel_and_another_by_its_numbers_or_at_random(streets, store, open_page):
    run = add_finished(store, probabilities=True)
    page = open_page("lab", run=run, image="1", pixel="4,5")
    assert not page.exception
    assert not page.error
    assert "Test image 1 with the predicted classes; pixel in column 4 and row 5" in texts(page)
    assert "lab-look" not in page.session_state  # the search is of whole images
    page.number_input(key="lab-column").set_value(9).run()
    assert not page.exception
    assert page.session_state["lab"].state.run_image.pixel == (9, 5)
    page.query_params["pixel"] = "4,5"  # the browser has not yet received the last address when the losses are loaded
    page.session_state["lab"].continues = True
    page.run()
    assert page.session_state["lab"].state.run_image.pixel == (9, 5)
    page.query_params["pixel"] = "9,5"
    page.number_input(key="lab-row").set_value(11).run()
    assert "void" in page.session_state["lab"].message
    page.number_input(key="lab-image").set_value(2).run()
    assert page.session_state["lab"].state.run_image.image == 2
    page.selectbox(key=f"lab-pixel-true-{run}").set_value(2).run()
    page.button(key="lab-random-pixel").click().run()
    assert not page.exception
    assert page.session_state["lab"].state.example.target == 2
