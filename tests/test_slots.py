"""How many runs go at once on each device."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp import devices, slots
from hierapp.errors import ConfigError
from hierapp.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    return Store(tmp_path / "home")


@pytest.mark.parametrize("given", ["0", "-1", "65", "two", "1.5", "²", "cpu=", "cpu=two", "cuda=1,cpu=0"])
def test_a_number_of_slots_that_cannot_be_is_refused(store, monkeypatch, given):
    monkeypatch.setenv("HIERAPP_SLOTS", given)
    with pytest.raises(ConfigError, match="from 1 to 64 but got"):
        slots.slots(store, "cpu")


def test_the_environment_goes_before_the_setting_and_the_setting_before_one(store, monkeypatch):
    assert slots.slots(store, "cpu") == 1
    slots.set_slots(store, "cpu", 2)
    assert (slots.slots(store, "cpu"), slots.slots(store, "cuda")) == (2, 1)
    monkeypatch.setenv("HIERAPP_SLOTS", "64")
    assert (slots.slots(store, "cpu"), slots.slots(store, "cuda")) == (64, 64)
    monkeypatch.setenv("HIERAPP_SLOTS", "cuda=4, mps=3")
    assert [slots.slots(store, kind) for kind in ("cpu", "cuda", "mps")] == [2, 4, 3]
    assert [slots.is_fixed(kind) for kind in ("cpu", "cuda")] == [False, True]
    monkeypatch.setenv("HIERAPP_SLOTS", "")
    assert slots.slots(store, "cpu") == 2
    for wrong in (0, -2, 65):
        with pytest.raises(ConfigError, match="from 1 to 64"):
            slots.set_slots(store, "cpu", wrong)
    assert slots.slots(store, "cpu") == 2


def test_each_gpu_has_its_slots(store, monkeypatch):
    monkeypatch.setattr(devices, "kinds", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(slots, "cards", lambda: ("0", "1", "2"))
    slots.set_slots(store, "cuda", 2)
    assert (slots.at_once(store, "auto"), slots.at_once(store, "cuda"), slots.at_once(store, "cpu")) == (6, 6, 1)


def test_a_run_for_a_gpu_that_is_not_here_waits_for_one_place(store, monkeypatch):
    monkeypatch.setattr(slots, "cards", lambda: ())
    assert slots.at_once(store, "cuda") == 1


def test_runs_that_share_the_cores_share_the_threads(store, monkeypatch):
    monkeypatch.setattr(slots, "cores", lambda: 8)
    for count, threads in ((1, 8), (3, 2), (8, 1), (20, 1)):
        slots.set_slots(store, "cpu", count)
        assert slots.threads(store) == threads
