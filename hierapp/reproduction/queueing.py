"""Queue the missing runs of a plan, and sort the finished ones by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hierapp.execution import planned as planned_runs
from hierapp.execution.planned import RunQueue, matches
from hierapp.reproduction.planning import Planned
from hierapp.reproduction.presets import SizeName
from hierapp.runs import Run, Store

__all__ = ["by_group", "matches", "queue", "tag_of"]


def tag_of(size: SizeName) -> str:
    """Return the tag of a size's runs."""
    return f"paper:{size}"


def queue(store: Store, planned: Sequence[Planned], size: SizeName, run_queue: RunQueue | None = None) -> list[str]:
    """Make sure that each planned run is finished, open, or queued now; see `execution.planned.queue`."""
    return planned_runs.queue(store, planned, tag_of(size), run_queue)


def by_group(found: Iterable[tuple[Planned, Run | None]]) -> dict[str, dict[int, Run]]:
    """Return the finished runs by the name of their group and their seed."""
    made: dict[str, dict[int, Run]] = {}
    for planned, run in found:
        of_group = made.setdefault(planned.group.name, {})
        if run is not None and run.state == "finished":
            of_group[planned.config.seed] = run
    return made
