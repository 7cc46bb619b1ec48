"""Searches on disk: `searches/NAME` in the store's folder, with the plan and a journal of what was done.

The journal is an append-only file of lines, so that a crash loses nothing that was done: before a trial's run is
queued, a line records its values. The runner, pages and commands all write to it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hierapp.errors import StoreError
from hierapp.runs import Store
from hierapp.search.plan import Plan
from hierapp.search.space import Value
from hierapp.utils import files, locks, parts, private
from hierapp.utils.locks import Held

FOLDER, PLAN, JOURNAL, LOCK, LOG = "searches", "plan.json", "book.jsonl", "lock", "log.txt"


@dataclass
class Entry:
    """What the journal says about one trial.

    Attributes:
        params: its values, by name.
        run: the id of its run, once that is queued.
        refused: the reason why it could not be tried, if any.
        pruned: the attempt of the run that was stopped as unpromising, and the epoch after which it was stopped; None
            if none was.
        halted: whether its run was stopped because the search was asked to stop.
    """

    params: dict[str, Value]
    run: str | None = None
    refused: str | None = None
    pruned: tuple[int, float] | None = None
    halted: bool = False


@dataclass
class Journal:
    """What was done so far.

    Attributes:
        entries: the trials in order.
        stopping: whether the search was asked to stop.
        error: the reason why it could not continue, if any.
        begun: when it was last started, in seconds since 1970.
        importances: the importance of the parameters, as last computed by the runner; pages do not compute it because
            the imports take seconds.
    """

    entries: list[Entry] = field(default_factory=list)
    stopping: bool = False
    error: str | None = None
    begun: float = 0.0
    importances: dict[str, float] = field(default_factory=dict)

    def apply(self, line: dict[str, Any]) -> None:
        """Apply one more line."""
        trial = line.get("trial")
        if "ask" in line and trial == len(self.entries):
            self.entries.append(Entry(line["ask"]))
        elif trial is not None:
            entry = self.entries[trial]
            for name in ("run", "refused", "pruned", "halted"):
                if name in line:
                    setattr(entry, name, tuple(line[name]) if name == "pruned" else line[name])
        elif "error" in line:
            self.error = str(line["error"])
        elif "importances" in line:
            self.importances = {str(name): float(share) for name, share in line["importances"].items()}
        elif "stop" in line:
            self.stopping, self.error = bool(line["stop"]), None
            self.begun = self.begun if self.stopping else float(line["at"])


@dataclass(frozen=True)
class Search:
    """One search of a store.

    Raises:
        StoreError: from every call, if its folder cannot be read or written.
    """

    store: Store
    plan: Plan

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def folder(self) -> Path:
        """The folder of the search."""
        return _folder(self.store) / self.name

    @property
    def log_file(self) -> Path:
        """The file with the output of its runner."""
        return self.folder / LOG

    def read(self) -> Journal:
        """Read the current journal."""
        journal = Journal()
        try:
            text = (self.folder / JOURNAL).read_text(encoding="utf-8")
        except FileNotFoundError:
            return journal
        except OSError as error:
            raise _unreadable(self.folder, error) from None
        for line in text.split("\n"):
            try:
                journal.apply(json.loads(line))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # empty, or cut short by a crash or a full disk
        return journal

    def append(self, **line: Any) -> None:
        """Append a line; it is on disk when this returns."""
        with files.as_store_error(f"The search {self.name} cannot be written"):
            file = os.open(self.folder / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, private.FILE)
            try:
                # A single write with a line break on both sides: an earlier truncated line cannot corrupt this one.
                text = f"\n{json.dumps(line)}\n".encode()
                if os.write(file, text) < len(text):
                    raise OSError(errno.ENOSPC, "No space left on device")
                os.fsync(file)
            finally:
                os.close(file)

    @property
    def lock_file(self) -> Path:
        """The file of the runner's lock (see `locks`)."""
        return self.folder / LOCK

    @contextmanager
    def locked(self, patience: float = 0.0) -> Iterator[Held | None]:
        """Try for up to `patience` seconds to take the runner's lock; None if another process holds it.

        A runner that gives no sign of life is replaced.
        """
        with files.as_store_error(f"The search {self.name} cannot be written"):
            lock = locks.take(self.lock_file, patience) or locks.take_over(self.lock_file, locks.SILENCE_SECONDS)
        with lock or nullcontext():
            yield lock

    def is_at_work(self) -> bool:
        """Return whether a runner is working on the search, without creating a file."""
        silent = locks.silent_for(self.lock_file) or 0.0
        return locks.is_locked(self.lock_file) and silent < locks.SILENCE_SECONDS


def begin(store: Store, plan: Plan) -> Search:
    """Save a new search. It does nothing until `runner.start` starts it.

    Raises:
        StoreError: if a search with this name exists or it cannot be written; nothing is saved then.
    """
    search = Search(store, plan)
    part = parts.beside(search.folder)
    try:
        private.make_folder(part)
        files.place(plan.to_json().encode(), part / PLAN)
        part.rename(search.folder)  # fails if the folder exists and is not empty
    except OSError as error:
        parts.remove(part)
        if (search.folder / PLAN).exists():
            raise StoreError(f"A search {plan.name!r} already exists; choose another name, or resume it.") from None
        raise StoreError(
            f"The folder {_folder(store)} cannot be written ({error.strerror}); make it writable."
        ) from None
    return search


def find(store: Store, name: str) -> Search:
    """Return a search by its name.

    Raises:
        StoreError: if there is none, or its plan is broken.
    """
    # Compare names instead of building a path: a name with slashes must not lead elsewhere.
    if name not in names(store):
        raise StoreError(f"There is no search {name!r}; list them with `python -m hierapp searches`.")
    try:
        return Search(store, Plan.from_json((_folder(store) / name / PLAN).read_text(encoding="utf-8")))
    except OSError as error:
        raise _unreadable(_folder(store) / name, error) from None


def names(store: Store) -> list[str]:
    """Return the names of the searches, the newest first."""
    try:
        kept = [each for each in _folder(store).glob(f"*/{PLAN}") if not each.parent.name.startswith(".")]
        return [plan.parent.name for plan in sorted(kept, key=lambda plan: plan.stat().st_mtime, reverse=True)]
    except OSError:
        return []


def _folder(store: Store) -> Path:
    return store.folder / FOLDER


def _unreadable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"The search in {folder} cannot be read ({error.strerror}); make it readable.")
