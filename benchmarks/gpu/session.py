"""What a part of the GPU benchmark works with: the device, its time, and a file for its results."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class Session:
    """One part in one process. What it finds is on disk after each line, so that a part that is killed keeps it.

    Args:
        file: where the results go, as JSON.
        title: of the part, for people.
        dry: go through everything with the smallest sizes; the figures mean nothing.
        seconds: the time that the part may take.
    """

    file: Path
    title: str
    dry: bool = False
    seconds: float = 60.0
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._content: dict[str, Any] = {"title": self.title, "tables": {}, "notes": [], "faults": [], "state": "cut"}

    def choose(self, full: T, dry: T) -> T:
        """The size for a measurement, and the one for a dry run."""
        return dry if self.dry else full

    def seconds_left(self) -> float:
        """Until the part must end; what takes longer is to be left out, with a note."""
        return self.seconds - (time.monotonic() - self.started)

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """A row of a table; rows of a table have the same columns in the same order."""
        self._content["tables"].setdefault(table, []).append(dict(row))
        self._write()

    def note(self, text: str) -> None:
        """What the reader of the tables must know, or what was left out."""
        self._content["notes"].append(text)
        self._write()

    def fault(self, text: str) -> None:
        """What is wrong with hierapp and must be corrected."""
        self._content["faults"].append(text)
        self._write()

    def end(self, state: str = "done") -> None:
        """Say how the part ended: "done" or "failed"."""
        self._content["state"] = state
        self._write()

    def _write(self) -> None:
        self._content["seconds"] = round(time.monotonic() - self.started, 1)
        side = self.file.with_suffix(".part")
        side.write_text(json.dumps(self._content, indent=1, default=float) + "\n")
        os.replace(side, self.file)  # noqa: PTH105 - one call, whole or not at all
