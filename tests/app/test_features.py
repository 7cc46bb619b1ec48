"""Data sets of features on the pages, without a browser: rows stand where images do."""

from __future__ import annotations

import pytest

from hierapp.analysis import cell_images
from hierapp.data.imports import job as import_job
from hierapp.training.predictions import stored
from tests.app.conftest import texts
from tests.feature_rows import checked, npz, own
from tests.finished_runs import add_finished


@pytest.fixture
def some(tmp_path, home):
    return own(npz(tmp_path / "some.npz"), "some")


@pytest.mark.slow
def test_the_data_page_shows_rows_in_place_of_images(some, open_page):
    page = open_page("data", set="some")
    assert not page.exception
    facts = {metric.label: metric.value for metric in page.metric}
    assert (facts["Training rows"], facts["Features"]) == ("60", "6")
    assert [tab.label for tab in page.tabs] == ["Rows", "Class counts", "Check report"]
    page.selectbox(key="data-label").set_value(1).run()
    assert page.dataframe[0].value["row"][0] == "text 5"


@pytest.mark.slow
def test_an_import_of_features_is_reported_and_saved(tmp_path, home, open_page):
    token, _ = checked(npz(tmp_path / "some.npz"))
    page = open_page("data", **{"import": token})
    assert not page.exception
    assert "80 rows of features" in texts(page)
    (save,) = [button for button in page.button if button.label == "Save this data set"]
    save.click().run()
    assert not page.exception
    assert page.selectbox(key="set").value == "some"
    with pytest.raises(Exception, match="finished or discarded"):
        import_job.status(token)


@pytest.mark.slow
def test_the_train_page_offers_the_models_of_the_data(some, open_page):
    page = open_page("train", data="some")
    assert not page.exception
    assert page.selectbox(key="model").value == "linear"
    assert [box for box in page.checkbox if box.key == "flip"] == []
    page.selectbox(key="data").set_value("digits").run()
    assert not page.exception
    assert page.selectbox(key="model").value == "lenet"


@pytest.mark.slow
def test_compare_and_lab_show_the_texts_of_rows(some, store, open_page):
    run = add_finished(store, data="some", tree="some", skill=0.0)
    page = open_page("lab", mode="real", run=run, image="0")
    assert not page.exception
    assert "text 0" in [text.value for text in page.text]
    assert "Test row 0" in texts(page)
    said = cell_images.texts(stored(store.run(run).folder), [3, 0])
    assert [row[0] for row in said] == ["text 3", "text 0"]
    page = open_page("compare", view="single")
    assert not page.exception
