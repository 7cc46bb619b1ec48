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


def test_other_pages_open_with_runs_on_label_maps(streets, store, open_page):
    add_finished(store)
    for name in ("start", "lab", "search", "trees", "predictions"):
        page = open_page(name, data="streets")
        assert not page.exception, name
