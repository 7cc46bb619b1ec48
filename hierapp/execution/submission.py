"""Submit and resume runs, for any backend; the pages and the command line share these functions."""

from __future__ import annotations

from collections.abc import Sequence

from hierapp import losses, paths
from hierapp.data import homes, registry as datasets
from hierapp.data.targets import targets_of
from hierapp.errors import DatasetError
from hierapp.execution import scheduler, settings, slots
from hierapp.execution.ray import ready as ray_ready
from hierapp.runs import Run, Store, same_data
from hierapp.similarities import library as similarity_library, spec as similarity_spec
from hierapp.training import RunConfig, models
from hierapp.trees import LabelTree


def submit(
    store: Store,
    configs: Sequence[RunConfig],
    tree: LabelTree,
    owner: str | None = None,
    priority: int = 0,
    tags: Sequence[str] = (),
) -> list[str]:
    """Queue runs with one tree and the same tags, and start the scheduler if necessary; return their ids in order.

    Raises:
        DatasetError: if a data set is not available; nothing is queued.
        TreeError: if the leaves of the tree are not the classes of the data set; nothing is queued.
        ConfigError: if the options of a loss do not fit the tree, a similarity is missing or has other classes, the
            package of a user's network is not installed, HIERAPP_SLOTS or HIERAPP_LAUNCHER is invalid, or the cluster
            is not available; nothing is queued.
        StoreError: if the store cannot be written.
    """
    # An invalid launcher would stop the scheduler, and the runs would wait indefinitely.
    _check_launcher(store)
    for config in configs:
        slots.at_once(store, config.device)
    names = list(dict.fromkeys(config.data for config in configs))
    for name in names:
        status = datasets.status(name)
        if status.state != "ready":
            raise DatasetError(status.detail)
        entry = datasets.find(name)
        targets_of(entry.class_names, entry.coarse_names, tree)
    for model in dict.fromkeys(config.model for config in configs):
        models.require(model)
    for config in configs:
        losses.judge(config.loss, tree, similarity_library.with_matrix(config.options, tree.leaves))
    contents = {name: datasets.content_hashes(name) for name in names}
    data_folder = paths.data_folder().absolute()
    homes.register(store.folder, data_folder)
    ids = store.add(configs, tree, owner, priority, _similarities(configs), tags, contents, data_folder)
    scheduler.ensure_scheduler(store)
    return ids


def _similarities(configs: Sequence[RunConfig]) -> list[str | None]:
    """Return the similarity matrix of each configuration as CSV. It is read now and stored with the run, because the
    file may change and other machines may not have it."""
    words = [(config.data, str(config.options.get("similarity", similarity_spec.TREE))) for config in configs]
    texts = {
        (data, word): similarity_library.text_of(word, datasets.find(data).class_names) for data, word in set(words)
    }
    return [texts[each] for each in words]


def resume(store: Store, run: str) -> Run:
    """Queue a failed, cancelled or interrupted run again; it continues from its last checkpoint.

    Raises:
        ConfigError: if HIERAPP_LAUNCHER is invalid or the cluster is not available; nothing is queued.
        DatasetError: if the data set has other content than when the run was queued; nothing is queued.
        StoreError: if the run is in another state, or the store cannot be written.
    """
    _check_launcher(store)
    before = store.run(run)
    if before.can_resume:
        same_data.refuse_other(before, datasets.content_hashes(before.config.data))
    data_folder = paths.data_folder().absolute()
    homes.register(store.folder, data_folder)
    resumed = store.resume(run, data_folder)
    scheduler.ensure_scheduler(store)
    return resumed


def _check_launcher(store: Store) -> None:
    settings.shares_gpu(store)
    chosen = settings.chosen(store)
    if settings.kind_of(chosen) == settings.RAY:
        ray_ready.address(chosen)
