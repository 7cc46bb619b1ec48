"""How many runs go at once on each device: several small ones can share a GPU, or the cores."""

from __future__ import annotations

import os

from hierapp.devices import cards, cores, kind_of
from hierapp.errors import ConfigError
from hierapp.store import Store

MOST = 64
VARIABLE = "HIERAPP_SLOTS"


def slots(store: Store, kind: str) -> int:
    """Runs at once on one device of a kind: HIERAPP_SLOTS ("2", or "cuda=4,cpu=1"), else what was set, else 1.

    Raises:
        ConfigError: if HIERAPP_SLOTS is neither.
    """
    return chosen(store, kind) or 1


def chosen(store: Store, kind: str) -> int | None:
    """The same, or None where neither HIERAPP_SLOTS nor anybody said so."""
    given = _environment().get(kind)
    kept = store.setting(f"slots.{kind}") if given is None else given
    return None if kept is None else _checked(kept)


def set_slots(store: Store, kind: str, count: int) -> None:
    """Keep how many runs go at once on one device of a kind.

    Raises:
        ConfigError: if it is not from 1 to 64.
    """
    store.set_setting(f"slots.{kind}", str(_checked(str(count))))


def is_fixed(kind: str) -> bool:
    """Whether HIERAPP_SLOTS decides, so that a setting would change nothing."""
    return kind in _environment()


def at_once(store: Store, wanted: str) -> int:
    """How many runs that ask for a device ("auto", "cuda", ...) go at once on this machine."""
    kind = kind_of(wanted)
    # Without a GPU a run for one goes to the CPU all the same, where it fails with a sentence that says so.
    return slots(store, kind) * (max(1, len(cards())) if kind == "cuda" else 1)


def threads(store: Store) -> int:
    """CPU threads for a run on the CPU, so that all that go at once fill the cores."""
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
