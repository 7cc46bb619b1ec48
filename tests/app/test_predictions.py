"""Imported predictions: the page that imports them, and what the other pages make of such runs."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from hierapp import track
from hierapp.access import Actions
from hierapp.access.roles import LOCAL
from hierapp.analysis import cell_images
from hierapp.errors import ConfigError, PredictionsError
from hierapp.paths import home
from hierapp.runs import Store
from hierapp.runs.predictions import Request, Source, import_files, items_of, job
from hierapp.training import predictions
from hierapp.utils import processes
from tests.app.conftest import texts
from tests.app.test_compare import VIEWS
from tests.finished_runs import add_finished
from tests.imported import ANIMALS, add_imported, npz, of_digits, three


def uploaded(page, name, content):
    page.file_uploader[0].upload(name, content).run()
    return imported(page)


def imported(page):
    """Press Import, and do in this process what another one would."""
    next(button for button in page.button if button.label == "Import").click().run()
    processes.spawn.die()
    with suppress(PredictionsError):
        job.work(Store(home()), page.query_params["import"])
    return page.run()


@pytest.mark.slow
def test_an_upload_becomes_a_run(open_page, store):
    page = uploaded(open_page("predictions", tree="digits"), "forest.npz", npz(**of_digits()))
    assert not page.exception
    assert "Imported as run 1: 359 rows of Digits" in page.success[0].value
    run = store.run("1")
    assert (run.config.model, run.is_imported, run.config.data) == ("forest", True, "digits")


def test_every_seed_of_an_import_has_its_accuracy_in_the_sentence(open_page, store, monkeypatch):
    runs = [add_imported(store, False, seed) for seed in range(2)]
    ended = job.PredictionsImport("finished", None, runs=tuple(runs))
    monkeypatch.setattr(Actions, "predictions_import", lambda self, token: ended)
    page = open_page("predictions", tree="digits", **{"import": "any"})
    assert not page.exception
    first, second = (f"{store.run(run).test['accuracy']:.2%}" for run in runs)
    assert f"accuracy {first} and {second}." in page.success[0].value


@pytest.mark.slow
def test_a_wrong_upload_is_told_in_a_sentence(open_page, store):
    arrays = {**of_digits(), "labels": np.zeros(3, int)}
    page = uploaded(open_page("predictions", tree="digits"), "forest.npz", npz(**arrays))
    assert "359 rows of predictions and 3 labels" in page.error[0].value
    assert store.runs() == []


@pytest.mark.slow
def test_what_the_values_are_is_asked_on_the_page(open_page, store):
    arrays = of_digits()
    scores = {"scores": 2 * arrays.pop("probabilities"), **arrays}
    page = uploaded(open_page("predictions", tree="digits"), "forest.npz", npz(**scores))
    assert "choose above what the values are" in page.error[0].value
    page.selectbox(key="predictions-kind").set_value("logits").run()
    imported(page)
    assert "which has logits" in store.run("1").note


@pytest.mark.slow
@pytest.mark.parametrize("name", ["start", "lab", "studio", "search"])
def test_other_pages_open_over_imported_runs_alone(name, open_page, store):
    add_imported(store, False)
    page = open_page(name)
    assert not page.exception
    assert not page.error


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_of_compare_shows_imported_runs(view, open_page, store):
    for seed in range(2):
        add_imported(store, False, seed)
    page = open_page("compare", view=view)
    assert not page.exception
    assert not page.error
    if view == "confusion":
        assert "only the numbers of its rows are known" in texts(page)


def test_the_runs_page_shows_the_test_part_without_curves(open_page, store):
    run = add_imported(store)
    page = open_page("runs", runs=run)
    assert not page.exception
    assert "Predictions that were made elsewhere have no curves." in texts(page)
    assert page.selectbox(key="confusion-run").value == run
    assert not [button for button in page.button if button.key == "clone"]


@pytest.mark.slow
def test_a_tracked_loop_shows_its_curves_also_without_a_confusion_matrix(open_page, store):
    with track("loop", ANIMALS, home=store.folder) as run:
        run.log(1, train_loss=0.5, val_accuracy=0.25)
        page = open_page("runs", runs=run.id)
    assert not page.exception
    assert not page.error
    assert "have no curves" not in texts(page)
    assert "These runs have not recorded a confusion matrix." in texts(page)


@pytest.mark.slow
def test_seeds_are_added_to_trained_groups_alone(open_page, store):
    runs = [add_finished(store), add_imported(store)]
    page = open_page("runs", runs=runs)
    assert page.button(key="more-seeds").label == "Add 5 runs, for 6 seeds"
    alone = open_page("runs", runs=[runs[1], add_imported(store, seed=1)])
    assert not alone.exception
    assert not [button for button in alone.button if button.key == "more-seeds"]


def test_there_is_nothing_to_clone(store):
    with pytest.raises(ConfigError, match="nothing to train again"):
        Actions(store, LOCAL).clone(add_imported(store))


def test_a_cell_lists_texts_and_numbers_of_rows(store):
    run = store.run(add_imported(store, False, texts=np.array([f"text {n}" for n in range(30)])))
    frame = cell_images.table(predictions.stored(run.folder), items_of(run.folder), [3, 7])
    assert frame.columns.tolist() == ["row", "text", "true", "predicted", "probability"]
    assert frame["row"].tolist() == [4, 8]
    assert frame["text"].tolist() == ["text 3", "text 7"]


def test_a_cell_shows_the_images_of_the_import(store, tmp_path):
    Image.new("RGB", (10, 10), "red").save(tmp_path / "a.png")
    file = io.BytesIO(npz(**three(), paths=np.full(30, "a.png")))
    (run,) = import_files(store, Request([Source("m.npz", file, tmp_path)], ANIMALS, "animals"))
    folder = store.run(run).folder
    sheet = cell_images.sheet_of_items(predictions.stored(folder), items_of(folder), [1, 2])
    assert Image.open(io.BytesIO(sheet)).width > 100
