"""One run, trained in this process or by the command line, and what stands of it in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hierapp.execution import worker
from hierapp.runs import Run, Store
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.faults.ledger import recorded

DIGITS = tree_library.load("digits")
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
EPOCHS = 6


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": EPOCHS, **values})


def hierapp(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "hierapp", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "HIERAPP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def sentence(refused: subprocess.CompletedProcess[str]) -> str:
    """What the command line said when it refused: one line on standard error, and nothing else."""
    assert refused.returncode == 2, refused
    assert refused.stdout == ""
    assert refused.stderr.startswith("hierapp: ")
    assert refused.stderr.count("\n") == 1, refused.stderr
    return refused.stderr


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


class WatchingRunWriter(SQLiteRunWriter):
    """Does something when an epoch is recorded."""

    def __init__(self, store: Store, run: Run, at: dict[int, Callable[[], object]] | None = None) -> None:
        super().__init__(store.database, number_of(run.id), run.attempt)
        self.at = at or {}

    def end_epoch(self, epoch, values, confusion) -> None:
        super().end_epoch(epoch, values, confusion)
        self.at.get(epoch, lambda: None)()


def claimed(store: Store) -> Run:
    """The next run, with this process for its worker."""
    run = store.claim()
    store.writer(run.id).take(os.getpid(), processes.identity(os.getpid()))
    return store.run(run.id)


def train(store: Store, at: dict[int, Callable[[], object]] | None = None) -> Run:
    """Work on the next run in this process."""
    run = claimed(store)
    worker.work(WatchingRunWriter(store, run, at), run, run.folder)
    return store.run(run.id)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def is_as_calm(store: Store, run: str, calm: Store) -> bool:
    """Whether all that is recorded of a run is what the undisturbed one recorded, the weights bit for bit."""
    ours, theirs = recorded(store, run), recorded(calm, "1")
    assert {name for name in theirs if ours[name] != theirs[name]} == set()
    return True
