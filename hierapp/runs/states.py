"""The states of a run and the transitions between them.

    queued -- claim --> running -- finish --> finished
      ^ |                 | |  -- fail ----> failed
      | +- cancel --+     | |  -- stop ----> cancelled
      |             v     | +  -- lose ----> interrupted
      |         cancelled |
      +---- unclaim ------+        (its process never started)
      +---- resume ------------ failed, cancelled, interrupted

`move` is the only code that writes the column `state` of an existing run. Its statement requires the source state,
inside the write transaction: of two concurrent attempts at the same move, one succeeds.

Each claim of a run starts a new attempt. A worker writes under the number of its attempt. If it was presumed dead and
resumes (after the machine slept, or a node lost its network), its number is outdated and its writes are refused.
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
    """The source states and the target state of an event; `fields` are further columns it sets and `condition` what
    else must hold, as SQL."""

    sources: tuple[State, ...]
    target: State
    meaning: str
    fields: str = ""
    condition: str = "true"


# The clock may have been set back; a run must not end before it started.
_ENDED = "ended = max(:now, coalesce(started, 0)), pid = NULL, process = NULL, heartbeat = NULL"

TRANSITIONS: Mapping[Event, Transition] = MappingProxyType(
    {
        "claim": Transition(
            ("queued",),
            "running",
            "a scheduler claims it",
            "attempt = attempt + 1, claimed = :now, heartbeat = :now, started = NULL, ended = NULL, error = NULL,"
            " pid = NULL, process = NULL",
        ),
        "unclaim": Transition(
            ("running",),
            "queued",
            "its process never started",
            "claimed = NULL, heartbeat = NULL, pid = NULL, process = NULL, assigned_device = NULL",
            # A scheduler that was stopped for a while may know the run as it was before.
            condition="process IS NULL",
        ),
        "finish": Transition(("running",), "finished", "the test images are evaluated", f"{_ENDED}, progress = 1"),
        "fail": Transition(("running",), "failed", "an error occurred", _ENDED),
        "stop": Transition(("running",), "cancelled", "it was asked to stop, and stopped", _ENDED),
        "lose": Transition(("running",), "interrupted", "its process is gone without a report", _ENDED),
        "cancel": Transition(("queued",), "cancelled", "it was cancelled while queued", "ended = :now, held = 0"),
        "resume": Transition(
            ("failed", "cancelled", "interrupted"),
            "queued",
            "it is resumed from its last checkpoint",
            "ended = NULL, cancel_requested = NULL, held = 0, assigned_device = NULL",
            condition="deleted IS NULL AND origin = 'trained'",
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
    """Apply an event to a run; return False, with nothing changed, if the state of the run does not allow it.

    Args:
        db: a connection inside a write transaction.
        run: the number of the run.
        event: the event.
        now: the time, in seconds since 1970.
        attempt: if given, the event applies only while this is the current attempt of the run.
        fields: further columns to set.
    """
    transition = TRANSITIONS[event]
    changes = ", ".join(
        part for part in ("state = :state", transition.fields, *(f"{name} = :{name}" for name in fields)) if part
    )
    sources = ", ".join(f"'{state}'" for state in transition.sources)
    same = "" if attempt is None else " AND attempt = :of_attempt"
    values = {"now": now, "state": transition.target, "run": run, "of_attempt": attempt, **fields}
    allowed = f"state IN ({sources}) AND {transition.condition}{same}"
    return db.execute(f"UPDATE runs SET {changes} WHERE id = :run AND {allowed}", values).rowcount == 1
