"""A run as one row of the store tells it."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hierapp.runs.states import OPEN_STATES, State
from hierapp.similarities import formats as similarity_formats
from hierapp.similarities.similarity import Matrix
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats


@dataclass(frozen=True)
class Run:
    """One run as it stood when it was read; times in seconds since 1970, progress from 0 to 1. `note` is what
    hierapp says of it, `own_note` what people wrote."""

    id: str
    state: State
    config: RunConfig
    tree_text: str
    similarity_text: str | None
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
    folder: Path

    @classmethod
    def of_row(cls, row: sqlite3.Row, tree_text: str, similarity_text: str | None, folder: Path) -> Run:
        """The run that a row of the table tells; `folder` is where all runs have theirs."""
        elsewhere = ("tree", "similarity", "cut_seq", "cut_epoch")
        fields = {name: row[name] for name in row.keys() if name not in elsewhere}  # noqa: SIM118 - a row iterates over its values
        run = str(fields.pop("id"))
        # Checked when it was queued; a registry that has changed since must not hide the run.
        fields["config"] = RunConfig.model_construct(**json.loads(fields["config"]))
        fields["test"] = json.loads(fields["test"]) if fields["test"] else None
        fields["last"] = {
            name: math.nan if value is None else value for name, value in json.loads(fields["last"]).items()
        }
        fields["tags"] = tuple(fields["tags"].split())
        fields["held"] = bool(fields["held"])
        return cls(id=run, tree_text=tree_text, similarity_text=similarity_text, folder=folder / run, **fields)

    @cached_property
    def tree(self) -> LabelTree:
        """The tree that the run was queued with."""
        return tree_formats.parse(self.tree_text, "json")

    @cached_property
    def similarity(self) -> Matrix | None:
        """The similarity it was queued with, [L, L] in the order of `tree.leaves`; None for the tree's own."""
        if self.similarity_text is None:
            return None
        return similarity_formats.parse(self.similarity_text).over(self.tree.leaves)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def can_resume(self) -> bool:
        return self.state in ("failed", "cancelled", "interrupted")

    @property
    def log_file(self) -> Path:
        """Where the output of the run's worker goes."""
        return self.folder / "log.txt"

    @property
    def seconds_left(self) -> float | None:
        """What the run still takes if it goes on as so far; None until that can be told."""
        done = self.progress - self.progress_before
        if self.state != "running" or self.started is None or done <= 0:
            return None
        # A clock that was set back must not promise a negative time.
        return max(0.0, time.time() - self.started) * (1 - self.progress) / done
