"""A home of its own, and nothing that starts processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp.execution import scheduler
from hierapp.runs import Store


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    return Store()
