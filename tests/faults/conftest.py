"""Homes for tests of bad conditions, and a run with nothing in its way to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hierapp.runs import Store
from tests.faults import census
from tests.faults.one_run import (
    DIGITS,
    PATIENCE,
    config,
    train,
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for variable in ("HIERAPP_SLOTS", "HIERAPP_LAUNCHER", "HIERAPP_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    # So that training in this process computes as a worker's does, to the last bit.
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The run, with nothing in its way."""
    threads = torch.get_num_threads()
    calm = Store(tmp_path_factory.mktemp("calm"))
    calm.add([config()], DIGITS)
    assert train(calm).state == "finished"
    torch.set_num_threads(threads)
    return calm


@pytest.fixture
def clean_up() -> Iterator[list[Path]]:
    """Homes whose processes are ended after the test."""
    homes: list[Path] = []
    yield homes
    for home in homes:
        for found in census.of_home(home).values():
            for process in found:
                process.kill()
                process.wait(PATIENCE)
