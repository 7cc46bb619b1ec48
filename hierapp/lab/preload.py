"""Loading and warm-up of the losses in a background thread, once per process, while the user reads the page."""

from __future__ import annotations

import threading

_begun = threading.Lock()
_done = threading.Event()
_failure: list[str] = []


def begin() -> None:
    """Start loading, unless it has already been started."""
    if _begun.acquire(blocking=False):  # never released
        threading.Thread(target=_load, name="hierapp-lab", daemon=True).start()


def has_ended() -> bool:
    """Return whether loading has ended, in success or failure."""
    return _done.is_set()


def is_ready() -> bool:
    """Return whether losses can be used without waiting."""
    return _done.is_set() and not _failure


def failure() -> str | None:
    """Return one sentence on why loading failed; None if it did not."""
    return _failure[0] if _failure else None


def _load() -> None:
    try:
        from hierapp.lab.decoding import decide_all
        from hierapp.lab.judgement import judge_all
        from hierapp.lab.views import start

        # The first call of each loss is slower than later ones.
        judge_all(start().example)
        decide_all(start().example)
    except (ImportError, OSError) as error:
        _failure.append(
            f"The losses cannot be computed because PyTorch does not load ({error}); reinstall it and restart the app."
        )
    except Exception as error:
        _failure.append(
            f"The losses cannot be computed ({type(error).__name__}: {error}); restart the app, and report this if it"
            " happens again."
        )
    finally:
        _done.set()
