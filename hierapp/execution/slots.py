"""Slots: how many runs execute in parallel on each device; small runs can share a GPU or the CPU cores."""

from __future__ import annotations

import os

from hierapp.errors import ConfigError
from hierapp.runs import Store
from hierapp.utils.devices import cards, cores, kind_of

MOST = 64
VARIABLE = "HIERAPP_SLOTS"


def slots(store: Store, kind: str) -> int:
    """Return the slots per device of a kind: HIERAPP_SLOTS ("2", or "cuda=4,cpu=1"), else the stored setting, else 1.

    Raises:
        ConfigError: if HIERAPP_SLOTS is invalid.
    """
    return chosen(store, kind) or 1


def chosen(store: Store, kind: str) -> int | None:
    """Return the slots as `slots` does, or None if neither HIERAPP_SLOTS nor the stored setting gives them."""
    given = _environment().get(kind)
    kept = store.setting(f"slots.{kind}") if given is None else given
    return None if kept is None else _checked(kept)


def set_slots(store: Store, kind: str, count: int) -> None:
    """Store the slots per device of a kind.

    Raises:
        ConfigError: if it is not from 1 to 64.
    """
    store.set_setting(f"slots.{kind}", str(_checked(str(count))))


def is_fixed(kind: str) -> bool:
    """Return whether HIERAPP_SLOTS gives the slots of this kind, which overrides the stored setting."""
    return kind in _environment()


def at_once(store: Store, wanted: str) -> int:
    """Return how many runs that ask for a device ("auto", "cuda", ...) execute in parallel on this machine."""
    kind = kind_of(wanted)
    # Without a GPU, a run that asks for one goes to the CPU, where it fails with an error that explains it.
    return slots(store, kind) * (max(1, len(cards())) if kind == "cuda" else 1)


def threads(store: Store) -> int:
    """Return the number of threads of a run on the CPU, so that the parallel runs together use all cores."""
    return max(1, cores() // slots(store, "cpu"))


def _environment() -> dict[str, str]:
    given = os.environ.get(VARIABLE, "").strip()
    if "=" not in given:
        return dict.fromkeys(("cuda", "mps", "cpu"), given) if given else {}
    return {kind.strip(): count.strip() for kind, _, count in (part.partition("=") for part in given.split(","))}


def _checked(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= MOST:
        raise ConfigError(f"Expected the number of runs at once to be from 1 to {MOST} but got {given!r}.")
    return int(given)
