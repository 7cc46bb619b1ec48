"""A home of its own for each fuzzer, and a watch over what it touches outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hierapp.execution import scheduler
from hierapp.utils import processes
from tests.fuzz.watch import Watch


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Everything outside `tmp_path` is watched; no process is started, and the clock of a call runs out."""
    inside = tmp_path / "inside"
    (inside / "deep" / "work").mkdir(parents=True)
    monkeypatch.setenv("HIERAPP_HOME", str(inside / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(inside / "data"))
    monkeypatch.setenv("TMPDIR", str(inside))
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.chdir(inside / "deep" / "work")  # so that ../.. is inside, too
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **named: None)
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    with Watch(tmp_path) as opened:
        yield opened
