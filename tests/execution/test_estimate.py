"""How long runs will take, by earlier ones."""

import time

import numpy as np
import pytest

from hierapp.data import registry as datasets
from hierapp.execution import estimate
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.training.models import MODELS
from hierapp.trees import library as tree_library
from tests.store_states import end

START = estimate.START_SECONDS


def config(loss="hierarchical", data="digits", **values):
    return RunConfig.make(data=data, tree=data, loss=loss, model="lenet", **values)


class Machine:
    """A store whose runs take as long as is said."""

    def __init__(self, store, monkeypatch):
        self.store, self.now = store, 1e9
        monkeypatch.setattr(time, "time", lambda: self.now)

    def ran(self, *configs, seconds, epoch_seconds, state="finished"):
        """Runs that begin together and end together after some seconds."""
        runs = self.store.add(list(configs), tree_library.load("digits"))
        for run in runs:
            assert self.store.claim().id == run
        self.now += seconds
        for run in runs:
            for epoch in range(self.store.run(run).config.epochs):
                values = {"epoch_seconds": epoch_seconds, "val_accuracy": 0.5}
                self.store.writer(run).end_epoch(epoch + 1, values, np.eye(10, dtype=np.int64))
            if state != "running":
                end(self.store, run, state)

    def says(self, *configs, at_once=1):
        return estimate.estimate(self.store, configs, at_once)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return Machine(Store(), monkeypatch)


def test_without_runs_it_is_by_reference_speeds_and_makes_no_store(machine):
    short, more = machine.says(config(epochs=1)), machine.says(config(epochs=11))
    assert not short.measured_here
    an_epoch = datasets.find("digits").train_size * 64 / (32 * 32) / MODELS["lenet"].speed
    assert short.seconds == pytest.approx(START + an_epoch)
    assert more.seconds == pytest.approx(START + 11 * an_epoch)
    assert not machine.store.folder.joinpath("store.sqlite").exists()


def test_what_a_run_needs_beside_its_epochs_is_not_multiplied_by_them(machine):
    machine.ran(config(epochs=2), seconds=10, epoch_seconds=3.0)
    machine.ran(config(epochs=2), seconds=1000, epoch_seconds=400.0, state="failed")
    assert machine.says(config(epochs=2)) == estimate.Estimate(10.0, True)
    assert machine.says(config(epochs=20)) == estimate.Estimate(64.0, True)
    assert machine.says(config(epochs=20, train_share=0.5)).seconds == pytest.approx(34.0)


def test_a_last_epoch_that_was_slow_is_not_taken_for_all(machine):
    machine.ran(config(epochs=4), seconds=8, epoch_seconds=5.0)
    assert machine.says(config(epochs=8)).seconds == pytest.approx(16.0)


def test_the_latest_runs_with_the_same_batch_size_count_by_their_median(machine):
    for seconds in (100, 100, 11, 10, 30):
        machine.ran(config(epochs=1), seconds=seconds, epoch_seconds=0.0)
    machine.ran(config(epochs=1, batch_size=16), seconds=70, epoch_seconds=0.0)
    assert machine.says(config(epochs=1)).seconds == 11
    assert machine.says(config(epochs=1, batch_size=16)).seconds == 70


def test_runs_that_shared_the_machine_tell_of_such_runs(machine):
    machine.ran(config(epochs=1), config(epochs=1, seed=1), seconds=20, epoch_seconds=0.0)
    machine.ran(config(epochs=1), seconds=12, epoch_seconds=0.0)
    assert machine.says(config(epochs=1)).seconds == 12
    assert machine.says(config(epochs=1), config(epochs=1), at_once=2).seconds == 20


def test_three_runs_on_two_places_take_two_rounds(machine):
    machine.ran(config(epochs=1), seconds=10, epoch_seconds=0.0)
    three = [config(epochs=1, seed=seed) for seed in range(3)]
    assert [machine.says(*three, at_once=places).seconds for places in (1, 2, 3, 64)] == [30, 20, 10, 10]
    assert machine.says(at_once=2) == estimate.Estimate(0.0, True)


def test_a_running_run_tells_its_epochs(machine):
    machine.ran(config(epochs=3), seconds=100, epoch_seconds=4.0, state="running")
    assert machine.says(config(epochs=10)) == estimate.Estimate(40 + START, True)


def test_with_one_configuration_that_was_never_run_it_is_not_measured_here(machine):
    machine.ran(config(epochs=1), seconds=10, epoch_seconds=0.0)
    found = machine.says(config(epochs=1), config(data="cifar10", epochs=1))
    assert found == estimate.Estimate(pytest.approx(10 + START + 50_000 / MODELS["lenet"].speed), False)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds"),
        (9.9, "a few seconds"),
        (10, "10 seconds"),
        (41, "50 seconds"),
        (89.9, "90 seconds"),
        (90, "2 minutes"),
        (3600, "60 minutes"),
        (5400, "1.5 hours"),
        (36_000, "10.0 hours"),
    ],
)
def test_durations_are_told_in_words(seconds, said):
    assert estimate.words(seconds) == said
    assert str(estimate.Estimate(seconds, measured_here=True)) == said
