"""Defaults that follow the data set."""

from dataclasses import replace

import pytest

from hierapp.data import registry as datasets
from hierapp.training import RunConfig
from hierapp.training.form_fields import changed_fields, fields_of, usual_value
from hierapp.training.usual import FEW_STEPS, MOST_EPOCHS, few_steps, steps_per_epoch, usual_values

CIFAR = datasets.find("cifar10")
SIZES = [2, 10, 60, 240, 1_000, 1_437, 5_000, 11_314, 50_000]


@pytest.mark.parametrize("size", SIZES)
def test_the_usual_run_is_not_short(size):
    data = replace(CIFAR, train_size=size)
    values = {"batch_size": 128, "epochs": 5, **usual_values(data)}
    assert few_steps(data, **values) is None or values["epochs"] == MOST_EPOCHS
    assert steps_per_epoch(data, values["batch_size"]) >= min(8, size * 0.8 // 8)
    assert 8 <= values["batch_size"] <= 128


def test_large_data_sets_have_the_usual_values():
    assert usual_values(CIFAR) == {}
    assert [usual_value(fields_of("training")[name], CIFAR) for name in ("batch_size", "epochs")] == [128, 5]


def test_the_library_uses_them_and_labels_do_not_name_them():
    config = RunConfig.make(data="digits", tree="digits", loss="simloss")
    assert {"batch_size": 128, "epochs": 5, **usual_values(datasets.find("digits"))} == {
        "batch_size": config.batch_size,
        "epochs": config.epochs,
    }
    assert changed_fields(config) == []
    given = RunConfig.make(data="digits", tree="digits", loss="simloss", epochs=5, batch_size=16)
    assert [field.name for field in changed_fields(given)] == ["epochs", "batch_size"]


def test_few_steps_are_counted_with_the_share_of_the_images():
    assert few_steps(CIFAR, 1, 128) is None
    assert "15 steps" in few_steps(CIFAR, 5, 128, 0.01 * 128 * 3 / 400)
    assert str(FEW_STEPS) in few_steps(replace(CIFAR, train_size=60), 5, 128)


def test_the_steps_are_those_that_training_takes():
    assert steps_per_epoch(datasets.find("digits"), 128) == 9
