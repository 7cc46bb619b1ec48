"""Match the runs of a plan with those in the store, and queue the missing ones."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from hierapp import execution
from hierapp.data import registry as datasets
from hierapp.errors import ConfigError
from hierapp.reproduction.planning import Planned
from hierapp.reproduction.presets import SizeName, TreeRole
from hierapp.runs import Run, Store, tags
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

# Of several identical runs, the one that is furthest counts; of these, the newest.
_queueing = threading.Lock()  # two clicks at the same time must not queue the same runs twice
_ORDER = ("finished", "running", "queued", "interrupted", "cancelled", "failed")


class RunQueue(Protocol):
    """What queues and resumes runs: the command line, or a user of a page, whose rights may be limited."""

    def need_room(self, more: int) -> None: ...

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]: ...

    def resume(self, run: str) -> object: ...

    def tag(self, run: str, words: Sequence[str], seen: Sequence[str] | None = None) -> object: ...

    def may_change(self, owner: str | None) -> bool: ...


@dataclass(frozen=True)
class CliRunQueue:
    """The run queue of the command line."""

    store: Store

    def need_room(self, more: int) -> None:
        """Do nothing: the command line has no limit."""

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]:
        return execution.submit(self.store, configs, tree)

    def resume(self, run: str) -> object:
        return execution.resume(self.store, run)

    def tag(self, run: str, words: Sequence[str], seen: Sequence[str] | None = None) -> object:
        return tags.put(self.store, run, words, seen)

    def may_change(self, owner: str | None) -> bool:
        return True


def tag_of(size: SizeName) -> str:
    """Return the tag of a size's runs."""
    return f"paper:{size}"


def matches(runs: Iterable[Run], planned: Sequence[Planned]) -> list[Run | None]:
    """Return, for each planned run, the run with the same configuration, seed, tree and data; None where there is
    none."""
    texts: dict[TreeRole, str] = {}
    for each in planned:
        if each.group.tree not in texts:
            texts[each.group.tree] = tree_formats.render(each.tree, "json")
    wanted = {(each.config.model_dump_json(), texts[each.group.tree]) for each in planned}
    contents = {each.config.data: datasets.content_hashes(each.config.data) for each in planned}
    best: dict[tuple[str, str], Run] = {}
    for run in runs:
        key = (run.config.model_dump_json(), run.tree_text)
        if key not in wanted or run.content.differ(contents[run.config.data]):
            continue
        if key not in best or _rank(run) > _rank(best[key]):
            best[key] = run
    return [best.get((each.config.model_dump_json(), texts[each.group.tree])) for each in planned]


def queue(store: Store, planned: Sequence[Planned], size: SizeName, run_queue: RunQueue | None = None) -> list[str]:
    """Make sure that each planned run is finished, open, or queued now, and return the ids in the order of the plan.

    A stopped run is resumed from its checkpoint if the user may change it; otherwise a new run is queued.

    Raises:
        HierappError: if a launch fails; the runs queued before stay queued, and the next call continues from there.
        AccessError: if these are more runs than the user may have; nothing is queued then.
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
    """Return the finished runs by the name of their group and their seed."""
    made: dict[str, dict[int, Run]] = {}
    for planned, run in found:
        of_group = made.setdefault(planned.group.name, {})
        if run is not None and run.state == "finished":
            of_group[planned.config.seed] = run
    return made


def _tag(run_queue: RunQueue, run: Run, size: SizeName) -> None:
    """Add the size's tag to the run's tags; a run that has too many tags is left unchanged."""
    if tag_of(size) not in run.tags:
        with suppress(ConfigError):
            run_queue.tag(run.id, (*run.tags, tag_of(size)), run.tags)


def _rank(run: Run) -> tuple[int, int]:
    return -_ORDER.index(run.state), int(run.id)
