"""Loads what computes losses in the background, once, so that whoever looks reads the words meanwhile."""

from __future__ import annotations

import threading

_begun = threading.Lock()
_done = threading.Event()
_failure: list[str] = []


def begin() -> None:
    """Start loading, unless somebody has."""
    if _begun.acquire(blocking=False):  # and never released
        threading.Thread(target=_load, name="hierapp-lab", daemon=True).start()


def is_ready() -> bool:
    """Whether losses can be asked for without waiting."""
    return _done.is_set()


def failure() -> str | None:
    """One sentence on why they never can be, if so."""
    return _failure[0] if _failure else None


def _load() -> None:
    try:
        from hierapp.lab.decoding import decide_all
        from hierapp.lab.judgement import judge_all
        from hierapp.lab.views import start

        # The first call of each loss is slower than all others.
        judge_all(start().example)
        decide_all(start().example)
    except (ImportError, OSError) as error:
        _failure.append(f"The losses cannot be computed here, for PyTorch does not load ({error}); install it anew.")
    finally:
        _done.set()
