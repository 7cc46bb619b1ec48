"""What a run's state may become: the one place that decides it.

    queued -- claim --> running -- finish --> finished
      ^ |                 | |  -- fail ----> failed
      | +- cancel --+     | |  -- stop ----> cancelled
      |             v     | +  -- lose ----> interrupted
      |         cancelled |
      +---- unclaim ------+        (its process never came to be)
      +---- resume ------------ failed, cancelled, interrupted

`move` is the only statement of the project that writes the column `state` of a run that exists. It says in its
condition what the state must have been, inside the writer's transaction: of two that try the same move one succeeds.

An attempt is one time that a run is claimed. Whoever works on a run writes under the number of its attempt, and a
worker that was taken for dead and comes back (a machine that slept, a node that was cut off) finds its number outdated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

State = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]
Event = Literal["claim", "unclaim", "finish", "fail", "stop", "lose", "cancel", "resume"]

STATES: tuple[State, ...] = get_args(State)
OPEN_STATES: tuple[State, ...] = ("queued", "running")


@dataclass(frozen=True)
class Transition:
    """From which states an event leads to which; `fields` are columns that it sets, as SQL."""

    sources: tuple[State, ...]
    target: State
    meaning: str
    fields: str = ""


# A clock that was set back must not make a run end before it began.
_ENDED = "ended = max(:now, coalesce(started, 0)), pid = NULL, process = NULL, heartbeat = NULL"

TRANSITIONS: Mapping[Event, Transition] = MappingProxyType(
    {
        "claim": Transition(
            ("queued",),
            "running",
            "a scheduler takes it",
            "attempt = attempt + 1, claimed = :now, heartbeat = :now, started = NULL, ended = NULL, error = NULL,"
            " pid = NULL, process = NULL",
        ),
        "unclaim": Transition(
            ("running",),
            "queued",
            "its process never came to be",
            "claimed = NULL, heartbeat = NULL, pid = NULL, process = NULL, assigned_device = NULL",
        ),
        "finish": Transition(("running",), "finished", "the test images are evaluated", f"{_ENDED}, progress = 1"),
        "fail": Transition(("running",), "failed", "it ran into an error", _ENDED),
        "stop": Transition(("running",), "cancelled", "it was asked to stop, and did", _ENDED),
        "lose": Transition(("running",), "interrupted", "its process is gone and left no word", _ENDED),
        "cancel": Transition(("queued",), "cancelled", "it was cancelled while it waited", "ended = :now, held = 0"),
        "resume": Transition(
            ("failed", "cancelled", "interrupted"),
            "queued",
            "it is to go on from its last checkpoint",
            "ended = NULL, cancel_requested = NULL, held = 0, assigned_device = NULL",
        ),
    }
)

ENDS: Mapping[State, Event] = MappingProxyType(
    {"finished": "finish", "failed": "fail", "cancelled": "stop", "interrupted": "lose"}
)


def move(
    db: sqlite3.Connection,
    run: int,
    event: Event,
    now: float,
    attempt: int | None = None,
    **fields: Any,
) -> bool:
    """Let an event happen to a run inside a transaction; False, and nothing changed, if its state does not allow it.

    Args:
        db: a connection inside a writing transaction.
        run: its number.
        event: what happens.
        now: the time, in seconds since 1970.
        attempt: only if this is still the run's attempt.
        fields: more columns to set.
    """
    transition = TRANSITIONS[event]
    changes = ", ".join(
        part for part in ("state = :state", transition.fields, *(f"{name} = :{name}" for name in fields)) if part
    )
    sources = ", ".join(f"'{state}'" for state in transition.sources)
    same = "" if attempt is None else " AND attempt = :of_attempt"
    values = {"now": now, "state": transition.target, "run": run, "of_attempt": attempt, **fields}
    changed = db.execute(f"UPDATE runs SET {changes} WHERE id = :run AND state IN ({sources}){same}", values).rowcount
    return changed == 1
