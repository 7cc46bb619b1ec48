"""Match the runs of a plan with those in the store, and queue the missing ones."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from hierapp.data import registry as datasets
from hierapp.errors import ConfigError
from hierapp.execution import submission
from hierapp.runs import Run, Store, tags
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

_queueing = threading.Lock()  # two clicks at the same time must not queue the same runs twice
# Of several identical runs, the one that is furthest counts; of these, the newest.
_ORDER = ("finished", "running", "queued", "interrupted", "cancelled", "failed")


class PlannedRun(Protocol):
    """A run that a plan asks for. Configurations with the same data set and tree name have the same tree."""

    @property
    def config(self) -> RunConfig: ...

    @property
    def tree(self) -> LabelTree: ...


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
        return submission.submit(self.store, configs, tree)

    def resume(self, run: str) -> object:
        return submission.resume(self.store, run)

    def tag(self, run: str, words: Sequence[str], seen: Sequence[str] | None = None) -> object:
        return tags.put(self.store, run, words, seen)

    def may_change(self, owner: str | None) -> bool:
        return True


def matches(runs: Iterable[Run], planned: Sequence[PlannedRun]) -> list[Run | None]:
    """Return, for each planned run, the run with the same configuration, seed, tree and data; None where there is
    none."""
    texts: dict[tuple[str, str], str] = {}
    for each in planned:
        if _tree_key(each) not in texts:
            texts[_tree_key(each)] = tree_formats.render(each.tree, "json")
    keys = [(each.config.model_dump_json(), texts[_tree_key(each)]) for each in planned]
    wanted = set(keys)
    contents = {name: datasets.content_hashes(name) for name in {each.config.data for each in planned}}
    best: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.config.data not in contents or (key := (run.config.model_dump_json(), run.tree_text)) not in wanted:
            continue
        if run.content.differ(contents[run.config.data]):
            continue
        if key not in best or _rank(run) > _rank(best[key]):
            best[key] = run
    return [best.get(key) for key in keys]


def queue(store: Store, planned: Sequence[PlannedRun], tag: str, run_queue: RunQueue | None = None) -> list[str]:
    """Make sure that each planned run is finished, open, or queued now, and return the ids in the order of the plan.

    A stopped run is resumed from its checkpoint if the user may change it; otherwise a new run is queued. All of them
    get the tag.

    Raises:
        HierappError: if a launch fails; the runs queued before stay queued, and the next call continues from there.
        AccessError: if these are more runs than the user may have; nothing is queued then.
    """
    with _queueing:
        return _queue(store, planned, tag, run_queue or CliRunQueue(store))


def _queue(store: Store, planned: Sequence[PlannedRun], tag: str, run_queue: RunQueue) -> list[str]:
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
            _tag(run_queue, run, tag)
    missing = [place for place, run in enumerate(ids) if run is None]
    for _, places in groupby(missing, key=lambda place: _tree_key(planned[place])):
        some = list(places)
        made = run_queue.launch([planned[place].config for place in some], planned[some[0]].tree)
        for place, new in zip(some, made, strict=True):
            ids[place] = new
            run_queue.tag(new, (tag,))
    return [run for run in ids if run is not None]


def _tree_key(planned: PlannedRun) -> tuple[str, str]:
    return planned.config.data, planned.config.tree


def _tag(run_queue: RunQueue, run: Run, tag: str) -> None:
    """Add the tag to the run's tags; a run that has too many tags is left unchanged."""
    if tag not in run.tags:
        with suppress(ConfigError):
            run_queue.tag(run.id, (*run.tags, tag), run.tags)


def _rank(run: Run) -> tuple[int, int]:
    return -_ORDER.index(run.state), int(run.id)
