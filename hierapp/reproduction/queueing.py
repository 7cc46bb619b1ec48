"""The runs of a plan in the store: those that are there already, and how the others get there."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from hierapp import execution
from hierapp.errors import ConfigError
from hierapp.reproduction.planning import Planned
from hierapp.reproduction.presets import SizeName, TreeRole
from hierapp.runs import Run, Store, tags
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

# Of several runs alike the one that is furthest counts, and of these the newest.
_queueing = threading.Lock()  # two clicks at once must not queue the same runs twice
_ORDER = ("finished", "running", "queued", "interrupted", "cancelled", "failed")


class RunQueue(Protocol):
    """Who queues and resumes: the command line, or a person on a page, who may not do everything."""

    def need_room(self, more: int) -> None: ...

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]: ...

    def resume(self, run: str) -> object: ...

    def tag(self, run: str, words: Sequence[str]) -> None: ...

    def may_change(self, owner: str | None) -> bool: ...


@dataclass(frozen=True)
class CliRunQueue:
    """The run queue of the command line."""

    store: Store

    def need_room(self, more: int) -> None:
        """There is always room."""

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]:
        return execution.submit(self.store, configs, tree)

    def resume(self, run: str) -> object:
        return execution.resume(self.store, run)

    def tag(self, run: str, words: Sequence[str]) -> None:
        tags.put(self.store, run, words)

    def may_change(self, owner: str | None) -> bool:
        return True


def tag_of(size: SizeName) -> str:
    """The tag of a size's runs."""
    return f"paper:{size}"


def matches(runs: Iterable[Run], planned: Sequence[Planned]) -> list[Run | None]:
    """For each planned run the one that trains just that: the same configuration, seed and tree; None where there is
    none."""
    texts: dict[TreeRole, str] = {}
    for each in planned:
        if each.group.tree not in texts:
            texts[each.group.tree] = tree_formats.render(each.tree, "json")
    wanted = {(each.config.model_dump_json(), texts[each.group.tree]) for each in planned}
    best: dict[tuple[str, str], Run] = {}
    for run in runs:
        key = (run.config.model_dump_json(), run.tree_text)
        if key in wanted and (key not in best or _rank(run) > _rank(best[key])):
            best[key] = run
    return [best.get((each.config.model_dump_json(), texts[each.group.tree])) for each in planned]


def queue(store: Store, planned: Sequence[Planned], size: SizeName, run_queue: RunQueue | None = None) -> list[str]:
    """See to it that each planned run is finished, open, or queued now; their ids in the order of the plan.

    A run that stopped goes on from its checkpoint if it is whoever's asks to change, else it is queued anew.

    Raises:
        HierappError: what launching does; runs that were queued before stay so, and the next call goes on from there.
        AccessError: if so many are more than whoever asks may have; nothing is queued then.
    """
    with _queueing:
        return _queue(store, planned, size, run_queue or CliRunQueue(store))


def _queue(store: Store, planned: Sequence[Planned], size: SizeName, run_queue: RunQueue) -> list[str]:
    found = matches(store.runs(), planned)
    ids: list[str | None] = [None] * len(planned)
    run_queue.need_room(sum(run is None or run.can_resume for run in found))
    for place, run in enumerate(found):
        if run is None or (run.can_resume and not run_queue.may_change(run.owner)):
            continue
        if run.can_resume:
            run_queue.resume(run.id)
        ids[place] = run.id
        if run_queue.may_change(run.owner):
            _tag(run_queue, run, size)
    missing = [place for place, run in enumerate(ids) if run is None]
    for _, places in groupby(missing, key=lambda place: planned[place].group.tree):
        some = list(places)
        made = run_queue.launch([planned[place].config for place in some], planned[some[0]].tree)
        for place, new in zip(some, made, strict=True):
            ids[place] = new
            run_queue.tag(new, (tag_of(size),))
    return [run for run in ids if run is not None]


def by_group(found: Iterable[tuple[Planned, Run | None]]) -> dict[str, dict[int, Run]]:
    """The finished runs by the name of their group and their seed."""
    made: dict[str, dict[int, Run]] = {}
    for planned, run in found:
        of_group = made.setdefault(planned.group.name, {})
        if run is not None and run.state == "finished":
            of_group[planned.config.seed] = run
    return made


def _tag(run_queue: RunQueue, run: Run, size: SizeName) -> None:
    """Add the tag to those that it has; one with too many goes without."""
    if tag_of(size) not in run.tags:
        with suppress(ConfigError):
            run_queue.tag(run.id, (*run.tags, tag_of(size)))


def _rank(run: Run) -> tuple[int, int]:
    return -_ORDER.index(run.state), int(run.id)
