"""The last step of an import: name the data set and publish it."""

from __future__ import annotations

import errno
import itertools
import re
from datetime import date
from pathlib import Path

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset
from hierapp.data.imports import job, store
from hierapp.errors import DatasetError
from hierapp.trees import library as tree_library


def finalize(token: str, name: str, folder: Path | str | None = None) -> Dataset:
    """Create a data set from a finished import and save the proposed tree as its default among the user's own.

    Raises:
        DatasetError: if the name is taken or invalid, or the import is not ready.
        StoreError: if the tree cannot be saved.
    """
    root = job.root_of(folder)
    free_name(name, root)
    done = job.status(token, root)
    if done.report is None or done.tree is None:
        raise DatasetError("This import cannot be saved yet; wait for its report, or start another import.")
    built = job.job_folder(token, root) / job.BUILT
    own_trees = {entry.name for entry in tree_library.entries()}
    tree = tree_library.keep(
        done.tree, name, title=f"{name}, proposed", description=done.how, data=name, owner=done.request.owner
    )
    today = date.today()  # noqa: DTZ011 - the user's local date
    source = f"Imported from {done.report.source} on {today:%Y-%m-%d}."
    try:
        store.describe(built, name, done.report, source, tree.name, done.ordinal, done.request.owner)
        built.rename(store.own_folder(root) / name)
    except OSError as error:
        if tree.name not in own_trees:
            tree_library.delete(tree.name)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # somebody else took the name meanwhile
            raise _is_taken(name) from None
        raise job.unwritable(root, error) from None
    job.discard(token, root)
    return datasets.find(name, root)


def free_name(name: str, folder: Path | str | None = None) -> str:
    """Return the name if it is free for a new data set.

    Raises:
        DatasetError: if the name is invalid or taken; case is ignored.
    """
    store.check_name(name)
    root = job.root_of(folder)
    if name.casefold() in _taken(root):
        raise _is_taken(name)
    return name


def numbered(name: str, folder: Path | str | None = None) -> str:
    """Return a free name for a new data set: this one, or with a number appended if it is taken.

    Raises:
        DatasetError: if the name is invalid.
    """
    store.check_name(name)
    root = job.root_of(folder)
    taken = _taken(root)
    numbers = (f"{name[: store.LONGEST_NAME - 5]}-{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbers) if each.casefold() not in taken)


def suggested(shown: str) -> str:
    """Return a valid name derived from a file's name.

    >>> suggested("my flowers.tar.gz")
    'my-flowers'
    """
    stem = re.sub(r"(\.tar)?\.\w+$", "", shown)
    return re.sub(r"[^\w-]+", "-", stem)[: store.LONGEST_NAME].strip("-") or "data"


def _is_taken(name: str) -> DatasetError:
    return DatasetError(f"A data set {name!r} already exists; choose another name, or delete it first.")


def _taken(root: Path) -> set[str]:
    return {each.casefold() for each in (*datasets.catalogue(root), *_names(store.own_folder(root)))}


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
