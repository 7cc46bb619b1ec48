"""A run, as read from one row of the store."""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from hierapp import losses
from hierapp.data.content import ContentHashes
from hierapp.runs.states import OPEN_STATES, State
from hierapp.similarities import formats as similarity_formats
from hierapp.similarities.similarity import Matrix
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

# "trained": by a worker of hierapp; "imported": predictions of a model that was trained elsewhere; "tracked": by a
# training loop that reports to `hierapp.track`.
Origin = Literal["trained", "imported", "tracked"]
# Fields of the configuration that mean something for imported predictions: `model` is the name that the user gave.
IMPORTED_FIELDS = ("data", "tree", "loss", "options", "model", "seed")


@dataclass(frozen=True)
class Run:
    """The state of a run when it was read. Times are in seconds since 1970, progress is from 0 to 1. `note` is
    written by hierapp, `own_note` by users. `content` is that of the data set when the run was queued. `deleted` is
    the time at which the run was moved to the trash, None for all others. `reading` is a number that no other object of
    this process has: what was computed from a run is still right for the same reading."""

    id: str
    state: State
    config: RunConfig
    tree_text: str
    similarity_text: str | None
    content: ContentHashes
    owner: str | None
    created: float
    priority: int
    place: float
    held: bool
    attempt: int
    lost_count: int
    launcher: str | None
    assigned_device: str | None
    claimed: float | None
    started: float | None
    ended: float | None
    pid: int | None
    process: str | None
    heartbeat: float | None
    device: str | None
    version: str | None
    epoch: int
    progress: float
    progress_before: float
    cancel_requested: float | None
    error: str | None
    note: str | None
    tags: tuple[str, ...]
    own_note: str
    test: dict[str, Any] | None
    last: Mapping[str, float]
    origin: Origin
    deleted: float | None
    folder: Path
    reading: int = field(init=False, default_factory=itertools.count(1).__next__, compare=False, repr=False)

    @classmethod
    def of_row(cls, row: sqlite3.Row, tree_text: str, similarity_text: str | None, folder: Path) -> Run:
        """Create a run from a row of the table; `folder` contains the folders of all runs."""
        elsewhere = ("tree", "similarity", "train_hash", "test_hash", "cut_seq", "cut_epoch")
        fields = {name: row[name] for name in row.keys() if name not in elsewhere}  # noqa: SIM118 - a row iterates over its values
        run = str(fields.pop("id"))
        # Validated when queued. Not validated again: a changed registry must not hide the run.
        config = json.loads(fields["config"])
        # JSON has no tuples; an option that is a list would differ from the configuration that was stored.
        options = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config["options"].items()
        }
        # An option that a later version added has the default value, with which the loss is as before.
        loss = losses.LOSSES.get(config["loss"])
        known = {option.name: option.default for option in loss.options} if loss else {}
        config["options"] = {name: options.get(name, default) for name, default in known.items()} | options
        fields["config"] = RunConfig.model_construct(**config)
        fields["test"] = json.loads(fields["test"]) if fields["test"] else None
        fields["last"] = {
            name: math.nan if value is None else value for name, value in json.loads(fields["last"]).items()
        }
        fields["tags"] = tuple(fields["tags"].split())
        fields["held"] = bool(fields["held"])
        fields["content"] = ContentHashes(row["train_hash"], row["test_hash"])
        return cls(id=run, tree_text=tree_text, similarity_text=similarity_text, folder=folder / run, **fields)

    @property
    def tree(self) -> LabelTree:
        """The tree with which the run was queued; runs with the same tree share it."""
        return _tree(self.tree_text)

    @cached_property
    def similarity(self) -> Matrix | None:
        """The similarity matrix [L, L] of the run, in the order of `tree.leaves`; None for that of the tree."""
        if self.similarity_text is None:
            return None
        return similarity_formats.parse(self.similarity_text).over(self.tree.leaves)

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere, so that it has no weights and no configuration of training; its predictions
        were imported, or its training loop was tracked."""
        return self.origin != "trained"

    @property
    def config_values(self) -> dict[str, Any]:
        """The configuration as plain values; None for the fields of training in imported predictions."""
        values = self.config.model_dump()
        if self.is_imported:
            known = (*IMPORTED_FIELDS, *(["epochs"] if self.config.epochs else []))
            values |= {name: None for name in values if name not in known}
        return values

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def can_resume(self) -> bool:
        return self.origin == "trained" and self.state in ("failed", "cancelled", "interrupted")

    @property
    def log_file(self) -> Path:
        """The file with the output of the run's worker."""
        return self.folder / "log.txt"

    @property
    def seconds_left(self) -> float | None:
        """The estimated remaining seconds at the speed so far; None if unknown."""
        done = self.progress - self.progress_before
        if self.state != "running" or self.started is None or done <= 0:
            return None
        # The clock may have been set back; the estimate must not be negative.
        return max(0.0, time.time() - self.started) * (1 - self.progress) / done


@lru_cache(maxsize=32)
def _tree(text: str) -> LabelTree:
    return tree_formats.parse(text, "json")
