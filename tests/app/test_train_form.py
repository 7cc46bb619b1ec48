"""The Train form: defaults by the data set, short runs, a sweep of the learning rate, and names of networks."""

from __future__ import annotations

import pytest

from hierapp.analysis.rate_sweep import rates
from hierapp.data import registry as datasets
from hierapp.training import RunConfig
from hierapp.training.usual import usual_values
from hierapp.trees import LabelTree, library as tree_library
from tests.app.conftest import start, texts
from tests.feature_rows import npz, own
from tests.finished_runs import add_finished


@pytest.fixture
def small(tmp_path, home):
    own(npz(tmp_path / "small.npz"), "small")
    return usual_values(datasets.find("small"))


def fields(page):
    return {"batch_size": page.number_input(key="batch-size").value, "epochs": page.number_input(key="epochs").value}


def test_batch_and_epochs_follow_the_data_set_until_they_are_changed(small, open_page):
    page = open_page("train", data="small")
    assert fields(page) == small == {"batch_size": 8, "epochs": 50}
    page.selectbox(key="data").set_value("cifar10").run()
    assert fields(page) == {"batch_size": 128, "epochs": 5}
    page.number_input(key="epochs").set_value(7).run()
    page.selectbox(key="data").set_value("small").run()
    assert not page.exception
    assert fields(page) == {"batch_size": 8, "epochs": 7}
    assert (page.query_params.get("epochs"), "batch-size" in page.query_params) == ("7", False)


def test_the_form_of_a_small_set_trains_what_the_library_does(small, open_page, store):
    page = open_page("train", data="small", loss=["hierarchical"])
    start(page)
    assert [run.config for run in store.runs()] == [RunConfig.make(data="small", tree="small", loss="hierarchical")]


def test_steps_are_shown_and_few_are_warned_about(open_page):
    page = open_page("train", data="digits", epochs="2")
    assert "2 epochs each of 9 steps" in texts(page)
    assert "A run of 18 steps is short" in texts(page)
    assert "is short" not in texts(open_page("train", data="digits"))


def test_a_sweep_queues_every_rate_of_every_loss(open_page, store):
    page = open_page("train", data="digits", loss=["simloss", "hierarchical"], **{"learning-rate": "0.01"})
    page.button(key="sweep").click().run()
    assert not page.exception
    tried = [(run.config.loss, run.config.learning_rate) for run in store.runs()]
    assert sorted(tried) == sorted((loss, rate) for loss in ("simloss", "hierarchical") for rate in rates(0.01))


def test_the_best_rates_are_shown_and_get_more_seeds(open_page, store):
    ids = [add_finished(store, "simloss", learning_rate=rate, with_outputs=False) for rate in (0.001, 0.01)]
    page = open_page("runs", runs=ids)
    assert "The best learning rate of each loss" in texts(page)
    page.button(key="best-rates").click().run()
    assert not page.exception
    added = store.runs()[2:]
    assert [(run.config.learning_rate, run.config.seed) for run in added] == [(0.001, seed) for seed in range(1, 6)]


def test_an_unknown_network_of_timm_is_told_at_once(open_page):
    pytest.importorskip("timm")
    page = open_page("train", data="digits", model="timm:resnet81")
    assert not page.exception
    assert "no network" in texts(page)
    assert "resnet18" in texts(page)


@pytest.mark.parametrize(("name", "button"), [("train", "Start 2 runs"), ("search", "Start the search")])
def test_nothing_starts_with_a_tree_without_the_classes(name, button, home, open_page):
    tree = LabelTree.from_paths([("odd", "1"), ("odd", "3")])
    tree_library.save(tree, "two", data="digits")
    page = open_page(name, data="digits", **{"label-tree": "two"})
    assert not page.exception
    assert "not among the leaves" in texts(page)
    assert next(each for each in page.button if each.label == button).disabled
    page.selectbox(key="label-tree").set_value("digits").run()
    assert "not among the leaves" not in texts(page)
    assert not next(each for each in page.button if each.label == button).disabled
