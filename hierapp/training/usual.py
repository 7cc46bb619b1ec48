"""Default values that depend on the data set: on its kind, and for small ones on the number of training images."""

from __future__ import annotations

import math
from typing import Any

from hierapp.data.dataset import Dataset, Kind

# Defaults that differ for a kind of data sets.
OF_KIND: dict[Kind, dict[str, Any]] = {"segmentation": {"batch_size": 8, "select": "val_mean_iou"}}
# Those that follow the size of the data set, and their values for large ones.
OF_SIZE = {"batch_size": 128, "epochs": 5}
TRAINED_SHARE = 0.8  # of the training part; the rest is for validation
LEAST_BATCH = 8
LEAST_PER_EPOCH = 8  # steps of an epoch, if batches of LEAST_BATCH images give as many
FEW_STEPS = 300  # of a run
MOST_EPOCHS = 100


def usual_values(data: Dataset) -> dict[str, Any]:
    """Return the defaults of a data set that differ from those of `RunConfig`, by field.

    The batch is halved until an epoch has `LEAST_PER_EPOCH` steps, and the epochs are the next multiple of 5 that gives
    a run `FEW_STEPS` steps, up to `MOST_EPOCHS`.

    >>> from dataclasses import replace
    >>> from hierapp.data import registry as datasets
    >>> small = replace(datasets.find("cifar10"), train_size=60)
    >>> usual_values(small), usual_values(datasets.find("cifar10"))
    ({'batch_size': 8, 'epochs': 50}, {})
    """
    found = dict(OF_KIND.get(data.kind, {}))
    batch = found.get("batch_size", OF_SIZE["batch_size"])
    while batch > LEAST_BATCH and steps_per_epoch(data, batch) < LEAST_PER_EPOCH:
        batch //= 2
    wanted = FEW_STEPS / steps_per_epoch(data, batch)
    epochs = min(MOST_EPOCHS, max(OF_SIZE["epochs"], 5 * math.ceil(wanted / 5)))
    sized = {"batch_size": batch, "epochs": epochs}
    return found | {name: value for name, value in sized.items() if value != OF_SIZE[name]}


def steps_per_epoch(data: Dataset, batch_size: int, train_share: float = 1.0) -> int:
    """Return the number of batches of an epoch, at least 1.

    >>> from hierapp.data import registry as datasets
    >>> steps_per_epoch(datasets.find("cifar10"), 128)
    313
    """
    return max(1, math.ceil(data.train_size * TRAINED_SHARE * train_share / batch_size))


def few_steps(data: Dataset, epochs: int, batch_size: int, train_share: float = 1.0) -> str | None:
    """Return one sentence if a run has fewer than `FEW_STEPS` steps, and None otherwise."""
    steps = epochs * steps_per_epoch(data, batch_size, train_share)
    if steps >= FEW_STEPS:
        return None
    return (
        f"A run of {steps:,} steps is short: losses that start slowly look worse than they are; choose smaller batches"
        f" or more epochs, for at least {FEW_STEPS} steps."
    )
