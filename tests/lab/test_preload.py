"""Loading the losses in the background, and what is said when that fails."""

from __future__ import annotations

import threading

import pytest

from hierapp.lab import decoding, preload


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(preload, "_begun", threading.Lock())
    monkeypatch.setattr(preload, "_done", threading.Event())
    monkeypatch.setattr(preload, "_failure", [])


def test_losses_are_ready_once_they_are_loaded(fresh):
    assert not preload.has_ended()
    assert not preload.is_ready()
    preload.begin()
    assert preload._done.wait(240)
    assert (preload.has_ended(), preload.is_ready(), preload.failure()) == (True, True, None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ImportError("no libtorch"), "PyTorch does not load (no libtorch); reinstall it and restart the app."),
        (OSError("short read"), "PyTorch does not load (short read); reinstall it and restart the app."),
        (RuntimeError("no memory"), "(RuntimeError: no memory); restart the app, and report this if it happens again."),
    ],
)
def test_after_a_failed_load_nothing_is_ready_and_the_reason_is_told(fresh, monkeypatch, error, says):
    def fail(example: object) -> None:
        raise error

    monkeypatch.setattr(decoding, "decide_all", fail)
    preload.begin()
    assert preload._done.wait(240)
    assert (preload.has_ended(), preload.is_ready()) == (True, False)
    assert preload.failure().endswith(says)
