"""Submitting runs, whichever way they are started; pages and command line share these calls."""

from __future__ import annotations

from collections.abc import Sequence

from hierapp import datasets, losses
from hierapp.config import RunConfig
from hierapp.errors import DatasetError
from hierapp.launchers import local
from hierapp.store import Store
from hierapp.tree import LabelTree


def submit(store: Store, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]:
    """Queue runs over one tree and see to it that something works on the queue; their ids in order.

    Raises:
        DatasetError: if a data set is not there; nothing is queued.
        TreeError: if the tree's leaves are not the data set's classes; nothing is queued.
        ConfigError: if a loss's options do not fit the tree, or HIERAPP_SLOTS is no number of runs; nothing is queued.
        StoreError: if the store cannot be written.
    """
    local.slots(store)  # the launcher would stop on it, and the runs would wait for ever
    for name in dict.fromkeys(config.data for config in configs):
        status = datasets.status(name)
        if status.state != "ready":
            raise DatasetError(status.detail)
        tree.positions_of(datasets.find(name).class_names)
    for config in configs:
        losses.judge(config.loss, tree, config.options)
    ids = store.add(configs, tree)
    local.wake(store)
    return ids
