"""Runs of training loops that are not hierapp's: rows that begin in state running."""

from __future__ import annotations

import time
import warnings

import numpy as np
from numpy.typing import NDArray

from hierapp.data import registry as datasets
from hierapp.data.content import UNKNOWN
from hierapp.errors import ConfigError, DatasetError, DataWarning, PredictionsError, short
from hierapp.runs import records
from hierapp.runs.predictions.matching import data_of, name_of_unknown
from hierapp.runs.run import Run
from hierapp.runs.states import move
from hierapp.runs.store import Store, number_of
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

LOSS = "tracked"  # what the configuration has in place of a loss
LAUNCHER = "tracked"
LONGEST_NAME = 80


def start(
    store: Store,
    *,
    name: str,
    group: str | None,
    seed: int,
    tree: LabelTree,
    tree_name: str,
    data: str | None,
    epochs: int | None,
) -> Run:
    """Add a run that has already started, as its first attempt; see `hierapp.track`.

    Raises:
        ConfigError: if a name, the seed or the number of epochs is not valid.
        StoreError: if the store cannot be written.
    """
    config = RunConfig.model_construct(
        data=name_of_unknown(tree_name) if data is None else _name("data", data),
        tree=tree_name,
        loss=LOSS,
        options={},
        model=_name("group" if group else "name", group or name),
        seed=_number("seed", seed, 0, 2**31 - 1),
        epochs=0 if epochs is None else _number("epochs", epochs, 1, 10**9),
    )
    note = _name("name", name) if group else ""
    known = data is not None and data in datasets.catalogue() and datasets.status(data).state == "ready"
    content = datasets.content_hashes(config.data) if known else UNKNOWN
    now = time.time()
    with store.database.write() as db:
        kept = records.keep_text(db, "trees", tree_formats.render(tree, "json"))
        values = {
            "state": "queued",
            "origin": "tracked",
            "config": config.model_dump_json(),
            "tree": kept,
            "train_hash": content.train,
            "test_hash": content.test,
            "created": now,
            "own_note": note,
        }
        run = db.execute(
            f"INSERT INTO runs ({', '.join(values)}) VALUES ({records.marks(list(values))})", list(values.values())
        ).lastrowid
        assert run is not None
        move(db, run, "claim", now, launcher=LAUNCHER)
    return store.run(str(run))


def settle_data(store: Store, run: Run, target: NDArray[np.int64]) -> str:
    """Find the data set whose test labels [n] a tracked run was tested on, and record its name and content.

    Warns (`DataWarning`) if they are not those of the data set that was named at the start.

    Returns:
        The name.
    """
    is_named = run.config.data in datasets.catalogue() and run.config.data != name_of_unknown(run.config.tree)
    named = run.config.data if is_named else None
    try:
        data, content = data_of(target, run.tree, run.config.tree, named)
    except (PredictionsError, DatasetError) as error:
        # Not an error: the outputs, which may have taken a week, are to be kept.
        warnings.warn(f"{error} The run is stored as one on other data.", DataWarning, stacklevel=3)
        data, content = data_of(target, run.tree, run.config.tree, None)
    config = run.config.model_copy(update={"data": data})
    with store.database.write() as db:
        db.execute(
            "UPDATE runs SET config = ?, train_hash = ?, test_hash = ? WHERE id = ? AND state = 'running'"
            " AND attempt = ?",
            (config.model_dump_json(), content.train, content.test, number_of(run.id), run.attempt),
        )
    return data


def _name(what: str, text: str) -> str:
    words = " ".join(str(text).split())
    if not words or len(words) > LONGEST_NAME or not words.isprintable():
        raise ConfigError(
            f"The {what} {short(str(text))} is empty, too long or unprintable; use 1 to {LONGEST_NAME} characters."
        )
    return words


def _number(what: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"Expected for {what} a whole number from {low} to {high:,} but got {value!r}.")
    return value
