"""Submitting runs, whichever way they are started; pages and command line share these calls."""

from __future__ import annotations

from collections.abc import Sequence

from hierapp import losses
from hierapp.data import registry as datasets
from hierapp.errors import DatasetError
from hierapp.execution import scheduler, settings, slots
from hierapp.execution.ray import ready as ray_ready
from hierapp.runs import Run, Store
from hierapp.similarities import library as similarity_library, spec as similarity_spec
from hierapp.training import RunConfig
from hierapp.trees import LabelTree


def submit(
    store: Store,
    configs: Sequence[RunConfig],
    tree: LabelTree,
    owner: str | None = None,
    priority: int = 0,
    tags: Sequence[str] = (),
) -> list[str]:
    """Queue runs over one tree, each with these tags, and see to it that something works on the queue; their ids in
    order.

    Raises:
        DatasetError: if a data set is not there; nothing is queued.
        TreeError: if the tree's leaves are not the data set's classes; nothing is queued.
        ConfigError: if a loss's options do not fit the tree, a similarity is not there or over other classes, or
            HIERAPP_SLOTS or HIERAPP_LAUNCHER cannot be understood, or there is no such cluster; nothing is queued.
        StoreError: if the store cannot be written.
    """
    # The scheduler would stop on it, and the runs would wait for ever.
    _check_launcher(store)
    for config in configs:
        slots.at_once(store, config.device)
    for name in dict.fromkeys(config.data for config in configs):
        status = datasets.status(name)
        if status.state != "ready":
            raise DatasetError(status.detail)
        tree.positions_of(datasets.find(name).class_names)
    for config in configs:
        losses.judge(config.loss, tree, similarity_library.with_matrix(config.options, tree.leaves))
    ids = store.add(configs, tree, owner, priority, _similarities(configs), tags)
    scheduler.ensure_scheduler(store)
    return ids


def _similarities(configs: Sequence[RunConfig]) -> list[str | None]:
    """What each configuration's similarity stands for. Read now and kept with the run: the file may change, and other
    machines may not have it."""
    words = [(config.data, str(config.options.get("similarity", similarity_spec.TREE))) for config in configs]
    texts = {
        (data, word): similarity_library.text_of(word, datasets.find(data).class_names) for data, word in set(words)
    }
    return [texts[each] for each in words]


def resume(store: Store, run: str) -> Run:
    """Queue a failed, cancelled or interrupted run again, to go on from its last checkpoint.

    Raises:
        ConfigError: if HIERAPP_LAUNCHER cannot be understood or there is no such cluster; nothing is queued.
        StoreError: if it is in another state, or the store cannot be written.
    """
    _check_launcher(store)
    resumed = store.resume(run)
    scheduler.ensure_scheduler(store)
    return resumed


def _check_launcher(store: Store) -> None:
    settings.shares_gpu(store)
    chosen = settings.chosen(store)
    if settings.kind_of(chosen) == settings.RAY:
        ray_ready.address(chosen)
