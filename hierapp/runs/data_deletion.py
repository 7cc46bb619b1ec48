"""Delete data sets that no open run uses: the user's own go to the trash, others are gone until the next download."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from pathlib import Path

from hierapp import paths
from hierapp.data import download, homes, registry as datasets
from hierapp.data.dataset import Dataset
from hierapp.data.imports import store as import_store
from hierapp.errors import AccessError, DatasetError, StoreError
from hierapp.runs import Store
from hierapp.runs.check import STORE, open_readonly
from hierapp.runs.states import OPEN_STATES
from hierapp.trees import library as tree_library
from hierapp.utils import trash_folder
from hierapp.utils.trash_folder import Item

KIND = "data"  # in the trash


def with_the_same_files(dataset: Dataset) -> list[Dataset]:
    """Return the data sets that share files with this one and are deleted with it, including itself."""
    if dataset.own:
        return [dataset]
    return [entry for entry in datasets.DATASETS.values() if set(entry.files) & set(dataset.files)]


def obstacle(dataset: Dataset, store: Store, folder: Path | str | None = None) -> str | None:
    """Return why a data set cannot be deleted now, in one sentence; None if it can."""
    together = with_the_same_files(dataset)
    if not dataset.own and not dataset.files:
        return f"{dataset.title} is part of an installed package; there is nothing to delete."
    if not dataset.own and datasets.status(dataset.name, folder).state == "absent":
        return f"{dataset.title} is not on this machine; there is nothing to delete."
    names = {entry.name for entry in together}
    using = [run.id for run in store.runs(states=OPEN_STATES) if run.config.data in names]
    if using:
        runs = f"Run {using[0]} uses" if len(using) == 1 else f"Runs {', '.join(using[:5])} use"
        return f"{runs} {dataset.title}; cancel them or wait until they have ended, and delete the data set then."
    root = (paths.data_folder() if folder is None else Path(folder)).absolute()
    for home in homes.others(store.folder, root):
        try:
            elsewhere = _open_run(home, names)
        except (OSError, sqlite3.Error):
            return (
                f"The runs in {home}, which also uses the data folder {root}, cannot be read, so one of them may"
                f" need {dataset.title}; ask the owner of that folder to delete it."
            )
        if elsewhere is not None:
            return (
                f"Run {elsewhere} in {home}, which also uses the data folder {root}, uses {dataset.title}; cancel it"
                " there or wait until it has ended, and delete the data set then."
            )
    for entry in together:
        if not entry.own and (now := download.progress_of(entry.name, folder)) is not None and now.running:
            return f"{entry.title} is being downloaded; wait for the end of the download, and delete it then."
    return None


def _open_run(home: Path, names: Collection[str]) -> str | None:
    """Return the id of an open run of another home that uses one of these data sets; None if there is none."""
    file = home / STORE
    try:
        file.stat()
    except FileNotFoundError:
        return None
    # Read directly, because `Store` would migrate a store of an earlier version.
    with closing(open_readonly(file)) as db:
        for run, state, config in db.execute("SELECT id, state, config FROM runs ORDER BY id"):
            if state in OPEN_STATES and json.loads(config).get("data") in names:
                return str(run)
    return None


def delete(
    name: str,
    store: Store,
    folder: Path | str | None = None,
    may_delete: Callable[[Dataset], bool] = lambda dataset: True,
    shared: bool = False,
) -> Item | None:
    """Move a data set of the user's own to the trash, with its default tree, or remove the files of a downloaded one.

    Args:
        name: the name of the data set.
        store: a store whose runs may use it.
        folder: the data folder; by default paths.data_folder().
        may_delete: returns whether this data set may be deleted.
        shared: whether downloaded files that other stores use, too, may be removed; see `sharing`.

    Returns:
        The data set in the trash; None for a downloaded one, which can be downloaded again.

    Raises:
        DatasetError: if it does not exist, an open run uses it, its files cannot be removed, other stores use them and
            `shared` is false, or another data set takes its name meanwhile.
        AccessError: if it may not be deleted.
    """
    root = (paths.data_folder() if folder is None else Path(folder)).absolute()
    stamp = import_store.stamp(name, root)  # before its owner is read
    dataset = datasets.find(name, root)
    if not may_delete(dataset):
        raise AccessError(f"The data set {name!r} is not yours; ask its owner or an admin to delete it.")
    reason = obstacle(dataset, store, root)
    if reason:
        raise DatasetError(reason)
    if not shared and (others := sharing(dataset, store, root)):
        raise DatasetError(f"{others} Delete it with --shared if it may be missing there.")
    try:
        if dataset.own:
            return _delete_own(dataset, root, stamp)
        _delete_downloaded(dataset, root)
    except OSError as error:
        raise DatasetError(
            f"{dataset.title} cannot be deleted from {root} ({error.strerror or error}); make the folder writable."
        ) from None
    return None


def sharing(dataset: Dataset, store: Store, folder: Path | str | None = None) -> str | None:
    """Return one sentence if stores of other homes use the files of a downloaded data set, too; None otherwise."""
    root = (paths.data_folder() if folder is None else Path(folder)).absolute()
    others = [home for home in homes.others(store.folder, root) if os.path.lexists(home / STORE)]
    if dataset.own or not others:  # all stores can restore a set of the user's own
        return None
    where = str(others[0]) if len(others) == 1 else f"{others[0]} and {len(others) - 1} more"
    return f"The files of {dataset.title} in {root} are also used by the runs in {where}."


def trash_of(folder: Path | str | None = None) -> Path:
    """Return the trash of data sets, which is on their disk."""
    root = (paths.data_folder() if folder is None else Path(folder)).absolute()
    return import_store.own_folder(root) / ".trash"


def restore(item: Item) -> None:
    """Take a data set out of the trash, and the tree that was deleted with it.

    Raises:
        StoreError: if another data set has its name now, or it is no longer in the trash.
    """
    trash_folder.restore(item, item.folder.parent.parent / item.name)
    trees = [each for each in trash_folder.contents(paths.trash_folder()) if each.kind == tree_library.KIND]
    for tree in [each for each in trees if each.name == item.more.get("tree") and each.deleted >= item.deleted][-1:]:
        with suppress(StoreError):  # another tree has its name
            tree_library.restore(tree)


def _delete_own(dataset: Dataset, root: Path, stamp: int) -> Item:
    own = import_store.own_folder(root)
    tree = tree_library.own(dataset.default_tree)
    with_it = tree.name if tree is not None and tree.data == dataset.name else None
    gone = trash_folder.put(trash_of(root), KIND, dataset.name, own / dataset.name, dataset.owner, tree=with_it)
    if (gone.content / import_store.DESCRIPTION).stat().st_mtime_ns != stamp:
        trash_folder.restore(gone, own / dataset.name)
        raise DatasetError(f"Another data set has just taken the name {dataset.name!r}; it was not deleted.")
    if with_it is not None:
        tree_library.delete(with_it)
    return gone


def _delete_downloaded(dataset: Dataset, root: Path) -> None:
    files = [root / file.path for file in (*dataset.files, *dataset.archives)]
    if dataset.debian_folder and not any(file.exists() for file in files):
        raise DatasetError(
            f"{dataset.title} was installed by the system package {dataset.debian_package}; remove that package"
            " instead."
        )
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files} - {root}:
        with suppress(OSError):
            folder.rmdir()
