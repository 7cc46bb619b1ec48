"""Store predictions made elsewhere as finished runs: a row, a confusion matrix, and a folder with the outputs."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from hierapp.data.content import ContentHashes
from hierapp.errors import PredictionsError, StoreError
from hierapp.runs import records, tags as run_tags
from hierapp.runs.predictions import items, matching
from hierapp.runs.predictions.checked import Predictions, check
from hierapp.runs.predictions.evaluated import Evaluated, evaluate
from hierapp.runs.predictions.raw import Kind, Source, Warn, warn_caller
from hierapp.runs.predictions.read import read, read_list
from hierapp.runs.run import Run
from hierapp.runs.store import Store
from hierapp.runs.writer import add_confusion
from hierapp.training import RunConfig, predictions as outputs_file
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree, formats as tree_formats
from hierapp.utils import files, parts, private
from hierapp.utils.files import as_store_error

LOSS = "imported"  # what the configuration has in place of a loss
LONGEST_NAME = 80
_SEED_WORDS = re.compile(r"(?i)([\s._-]*(seed|run|fold)?[\s._-]*\d*)$")


@dataclass(frozen=True)
class Request:
    """What is imported.

    Attributes:
        sources: files of one model, one for each seed.
        tree, tree_name: the tree over the classes, and its name.
        name: the name of the model; by default derived from the names of the files.
        kind: what the values are; by default told apart by names and values.
        labels, classes: files with the true labels and the names of the columns, for files that have none.
        data: the name of the data set; by default that with these test labels.
        seed: the seed of the first file; by default the first free one of the name.
    """

    sources: Sequence[Source]
    tree: LabelTree
    tree_name: str
    name: str | None = None
    kind: Kind | None = None
    labels: Source | None = None
    classes: Source | None = None
    data: str | None = None
    seed: int | None = None
    owner: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class _Finished:
    """What is stored of one file, whose name is `shown`."""

    shown: str
    evaluated: Evaluated
    items: items.Items | None
    note: str


def import_files(
    store: Store,
    request: Request,
    progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Warn = warn_caller,
) -> list[str]:
    """Check predictions and store them as finished runs, all files or none; return the ids of the runs.

    Args:
        store: the store.
        request: the files, and how they are read.
        progress: called with the number of images that were copied and their total.
        warn: called with each warning; by default raises a `DataWarning`.

    Raises:
        AmbiguousPredictionsError: if it is not known what the values are.
        PredictionsError: if a file is not valid, files have different labels, or are already in the store.
        DatasetError: if the named data set cannot be read.
        StoreError: if the store cannot be written.
    """
    name, words = _name(request), run_tags.read(request.tags)
    checked = _checked(request, warn)
    first = checked[0]
    data, content = matching.data_of(first.target, request.tree, request.tree_name, request.data)
    finished = [
        _finished(each, request.tree, data, items.collect(each.texts, each.paths, source.folder, progress, warn))
        for each, source in zip(checked, request.sources, strict=True)
    ]
    config = RunConfig.model_construct(
        data=data, tree=request.tree_name, loss=LOSS, options={}, model=name, epochs=0, seed=0
    )
    _refuse_repeated(store, config, request.tree, content, finished)
    seeds = _seeds(store, config, request, len(finished))
    folder = store.folder / "runs"
    with as_store_error(f"The predictions cannot be written to {folder}"), ExitStack() as stack:
        private.make_folder(folder)
        parts.remove_left(folder)
        sides = []
        for each in finished:
            side = parts.beside(folder / "run")
            side.mkdir(mode=private.FOLDER)
            stack.callback(parts.remove, side)
            _write(side, each)
            sides.append(side)
        ids = []
        with store.database.write() as db:
            tree = records.keep_text(db, "trees", tree_formats.render(request.tree, "json"))
            for each, side, seed in zip(finished, sides, seeds, strict=True):
                run = _insert(db, config.model_copy(update={"seed": seed}), tree, content, each, request.owner, words)
                _put(side, folder / str(run))
                ids.append(str(run))
    return ids


def named_like(files: Sequence[str]) -> str:
    """Return a name for files of one model: what their names have in common, without the number of the seed.

    >>> named_like(["svm-seed0.npz", "svm-seed1.npz"]), named_like(["/tmp/forest.csv"])
    ('svm', 'forest')
    """
    stems = [Path(file).stem for file in files]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
    common = "".join(letters[0] for letters in alike)
    return (_SEED_WORDS.sub("", common) if len(files) > 1 else common) or "predictions"


def _name(request: Request) -> str:
    if not request.sources:
        raise PredictionsError("No file is given; give at least one file of predictions.")
    name = " ".join((request.name or named_like([source.name for source in request.sources])).split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise PredictionsError(
            f"The name of the predictions has {len(name):,} characters or unprintable ones; use 1 to {LONGEST_NAME}."
        )
    return name


def _checked(request: Request, warn: Warn) -> list[Predictions]:
    labels = None if request.labels is None else read_list(request.labels, "labels")
    classes = None if request.classes is None else read_list(request.classes, "classes")
    found: list[Predictions] = []
    for source in request.sources:
        raw = read(source, request.tree)
        raw.labels = labels or raw.labels
        raw.classes = classes or raw.classes
        found.append(check(raw, request.tree, source.shown, request.kind, warn))
        if not np.array_equal(found[0].nodes, found[-1].nodes):
            raise PredictionsError(
                f"The files {found[0].shown} and {source.shown} have different true labels; seeds of one model predict"
                " the same rows in the same order: import the files one at a time."
            )
    return found


def _finished(checked: Predictions, tree: LabelTree, data: str, made: items.Items | None) -> _Finished:
    coarse = f" {checked.coarse:,} rows have coarse labels: only coarse_accuracy counts them." if checked.coarse else ""
    note = f"Imported from {checked.shown}, which has {checked.kind}.{coarse}"
    return _Finished(checked.shown, evaluate(checked, tree, data), made, note)


def _refuse_repeated(
    store: Store, config: RunConfig, tree: LabelTree, content: ContentHashes, finished: Sequence[_Finished]
) -> None:
    known: list[tuple[str, Outputs]] = []
    for run in _alike(store.runs(), config, tree, content):
        outputs = outputs_file.read(run.folder)
        if outputs is not None:
            known.append((f"run {run.id}", outputs))
    for each in finished:
        for what, outputs in known:
            if np.array_equal(outputs.probabilities, each.evaluated.outputs.probabilities):
                raise PredictionsError(
                    f"The predictions of {each.shown} are already {what}; the same predictions twice are no two seeds:"
                    " leave them out."
                )
        known.append((f"in {each.shown}", each.evaluated.outputs))


def _alike(runs: Sequence[Run], config: RunConfig, tree: LabelTree, content: ContentHashes) -> list[Run]:
    """Return the imported runs of the same name, data and tree."""
    return [
        run
        for run in runs
        if run.origin == "imported"
        and (run.config.model, run.config.data, run.config.tree) == (config.model, config.data, config.tree)
        and run.tree == tree
        and not run.content.differ(content)
    ]


def _seeds(store: Store, config: RunConfig, request: Request, count: int) -> list[int]:
    if request.seed is not None:
        if not 0 <= request.seed < 2**31 - count:
            raise PredictionsError(f"Expected a seed from 0 to {2**31 - count - 1:,} but got {request.seed:,}.")
        return list(range(request.seed, request.seed + count))
    alike = [run for run in store.runs(deleted=None) if run.origin == "imported" and run.config.model == config.model]
    taken = {run.config.seed for run in alike}  # those in the trash keep their seeds
    return [seed for seed in range(count + len(taken)) if seed not in taken][:count]


def _write(folder: Path, each: _Finished) -> None:
    each.evaluated.write(folder)
    if each.items is not None:
        items.write(folder, each.items)
    private.protect(folder)


def _insert(
    db: sqlite3.Connection,
    config: RunConfig,
    tree: str,
    content: ContentHashes,
    each: _Finished,
    owner: str | None,
    tags: Sequence[str],
) -> int:
    now = time.time()
    place = float(db.execute("SELECT coalesce(max(place), 0) FROM runs").fetchone()[0]) + 1
    values: dict[str, Any] = {
        "state": "finished",
        "origin": "imported",
        "config": config.model_dump_json(),
        "tree": tree,
        "train_hash": content.train,
        "test_hash": content.test,
        "owner": owner,
        "created": now,
        "ended": now,
        "place": place,
        "progress": 1,
        "note": each.note,
        "tags": " ".join(tags),
        "test": json.dumps(each.evaluated.test),
    }
    run = db.execute(
        f"INSERT INTO runs ({', '.join(values)}) VALUES ({records.marks(list(values))})", list(values.values())
    ).lastrowid
    if run is None:
        raise StoreError("The run could not be added to the store; try again.")
    add_confusion(db, run, "test", 0, each.evaluated.confusion)
    return run


def _put(side: Path, folder: Path) -> None:
    if os.path.lexists(folder):  # left by an import that was killed before its row was committed
        files.set_aside(folder)
    side.rename(folder)
