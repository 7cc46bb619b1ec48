"""Sweeps of the learning rate, and the best rate of each loss by its validation images."""

import os

import pytest

from hierapp.analysis.rate_sweep import at_best_rates, best_rates, rates, sweep
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.training.plans import plan
from hierapp.trees import library as tree_library
from hierapp.utils import processes

DIGITS = tree_library.load("digits")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def finished(store, loss, rate, seed=0, figures=(0.5,), **values):
    """A run with these validation accuracies; its test accuracy is their opposite, so that a choice by it is seen."""
    config = RunConfig.make(data="digits", tree="digits", loss=loss, learning_rate=rate, seed=seed, **values)
    (run,) = store.add([config], DIGITS)
    store.claim()
    writer = store.writer(run)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    for epoch, value in enumerate(figures, start=1):
        writer.end_epoch(epoch, {"val_accuracy": value, "val_loss": 1 - value}, None)
    writer.finish(len(figures), {"accuracy": 1 - max(figures)}, None)
    return run


def test_a_sweep_trains_every_loss_with_every_rate():
    configs = plan(["cross-entropy", "hierarchical"], [0, 1], data="digits", tree="digits", learning_rate=0.01)
    made = sweep(configs)
    assert len(made) == len({config.model_dump_json() for config in made}) == 20
    assert {config.learning_rate for config in made if config.loss == "hierarchical"} == set(rates(0.01))
    assert [config.loss for config in made[:2]] == ["cross-entropy", "hierarchical"]
    assert max(rates(50.0)) <= 100


def test_the_best_rate_is_that_of_the_validation_images(store):
    for rate, value in ((0.001, 0.4), (0.01, 0.7), (0.1, 0.6)):
        finished(store, "cross-entropy", rate, figures=(value, value - 0.3))
    for rate, value in ((0.001, 0.4), (0.01, 0.5), (0.1, 0.6)):
        finished(store, "hierarchical", rate, figures=(value,))
    plain, tree = best_rates(store, store.runs())
    assert (plain.label, plain.rate, plain.is_at_end, plain.metric) == ("cross-entropy", 0.01, False, "val_accuracy")
    assert plain.means == pytest.approx({0.001: 0.4, 0.01: 0.7, 0.1: 0.6})
    assert (tree.label, tree.rate, tree.is_at_end) == ("hierarchical", 0.1, True)
    assert [run.id for run in at_best_rates([plain, tree], store.runs())] == ["2", "6"]


def test_smaller_losses_are_better_and_the_last_epoch_counts_if_it_is_selected(store):
    for rate, value in ((0.001, 0.4), (0.01, 0.7)):
        finished(store, "simloss", rate, figures=(value,), select="val_loss")
    for rate, values in ((0.001, (0.9, 0.4)), (0.01, (0.1, 0.7))):
        finished(store, "hxe", rate, figures=values, select="last")
    smaller, last = best_rates(store, store.runs())
    assert (smaller.metric, smaller.rate) == ("val_loss", 0.01)
    assert (last.metric, last.rate) == ("val_accuracy", 0.01)


def test_rates_are_compared_over_the_seeds_that_all_have(store):
    finished(store, "simloss", 0.001, 0, (0.5,))
    finished(store, "simloss", 0.001, 1, (0.9,))
    finished(store, "simloss", 0.01, 0, (0.6,))
    (found,) = best_rates(store, store.runs())
    assert (found.rate, found.seeds) == (0.01, 1)
    assert [run.config.seed for run in at_best_rates([found], store.runs())] == [0]


def test_one_rate_or_unfinished_runs_are_no_sweep(store):
    finished(store, "simloss", 0.001)
    store.add([RunConfig.make(data="digits", tree="digits", loss="simloss", learning_rate=0.01)], DIGITS)
    assert best_rates(store, store.runs()) == []
