"""Asking, queuing, pruning: what a search does, in a process of its own.

`python -m hierapp.search NAME` works on one search and ends when its trials have, or when it is asked to stop. It holds
a lock while it does, so that there is one for each search. It keeps nothing in mind: whatever it does is noted in the
journal first or can be told from the store, and the next runner goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from hierapp import execution, paths
from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, DatasetError, HierappError, StoreError
from hierapp.execution import scheduler
from hierapp.execution.recorder import say
from hierapp.runs import Store
from hierapp.runs.states import OPEN_STATES
from hierapp.search import journal, sampler, trials
from hierapp.search.journal import Journal, Search
from hierapp.search.plan import Plan
from hierapp.search.trials import Trial
from hierapp.utils import processes
from hierapp.utils.disk import disk_of

POLL_SECONDS = 0.5
FULL_DISK_SECONDS = 2.0  # between looks while the disk is full


class SearchRunner:
    """One runner's view of a search.

    Args:
        search: what it works on.
    """

    def __init__(self, search: Search) -> None:
        self.search, self.plan, self.store = search, search.plan, search.store
        # Of which trials it was seen after which epoch that they are not hopeless.
        self._judged: dict[int, int] = {}
        self._finished = 0

    def revive(self) -> None:
        """Let runs go on whose processes are gone, once, before the first step."""
        scheduler.reap_lost_runs(self.store)
        for trial in trials.read(self.search):
            if trial.state == "interrupted" and trial.run is not None:
                execution.resume(self.store, trial.run.id)

    def step(self) -> bool:
        """Look once: end what is hopeless, queue what is next; False when nothing is left to do.

        Raises:
            HierappError: if no run can be queued any more; one sentence says why.
        """
        done = self.search.read()
        if done.stopping:
            halt(self.search)
            return False
        self._queue_asked(done)
        now = trials.read(self.search, done)
        self._bring_back(done, now)
        self._prune(done, now)
        self._ask(now)
        self._judge(done, now)
        scheduler.ensure_scheduler(self.store)
        return not trials.is_over(self.search, now)

    def _queue_asked(self, done: Journal) -> None:
        """Queue the run of each trial that has none yet, unless it was queued just before a runner died."""
        for number, entry in enumerate(done.entries):
            if entry.run is not None or entry.refused is not None:
                continue
            try:
                config = self.plan.config(entry.params)
            except ConfigError as error:
                entry.refused = str(error)
                self.search.append(trial=number, refused=entry.refused)
                continue
            known = {each.run for each in done.entries}
            tagged = [run for run in self.store.runs() if self.plan.tag in run.tags and run.id not in known]
            found = [run.id for run in tagged if run.config.model_dump_json() == config.model_dump_json()]
            if not found:
                plan = self.plan
                found = execution.submit(self.store, [config], plan.tree, owner=plan.owner, tags=[plan.tag])
            entry.run = found[0]
            self.search.append(trial=number, run=entry.run)
            say(f"trial {number} is run {entry.run}: {entry.params}")

    def _bring_back(self, done: Journal, now: Sequence[Trial]) -> None:
        """Resume the runs that were ended with the search, now that it goes on."""
        for trial, entry in zip(now, done.entries, strict=True):
            if trial.run is None or not entry.halted:
                continue
            if trial.state == "stopped":
                execution.resume(self.store, trial.run.id)
            elif trial.is_open and trial.run.cancel_requested is not None:
                continue  # it is still on its way to its end
            self.search.append(trial=trial.number, halted=False)

    def _prune(self, done: Journal, now: Sequence[Trial]) -> None:
        """End the runs of hopeless trials."""
        for trial, entry in zip(now, done.entries, strict=True):
            if trial.state != "running" or trial.run is None or not trial.values:
                continue
            epoch = trial.values[-1][0]
            given_up = entry.pruned is not None and entry.pruned[0] == trial.run.attempt
            if not given_up and self._judged.get(trial.number) != epoch:
                self._judged[trial.number] = epoch
                if sampler.should_prune(self.plan, now, trial.number):
                    self.search.append(trial=trial.number, pruned=[trial.run.attempt, epoch])
                    say(f"trial {trial.number} is hopeless after epoch {epoch}")
                    given_up = True
            if given_up and trial.run.cancel_requested is None:
                self.store.request_cancel(trial.run.id)

    def _ask(self, now: Sequence[Trial]) -> None:
        """Think of one more trial, if it may go on now; it is queued in the next step."""
        going = sum(trial.is_open or trial.state == "stopped" for trial in now)
        if len(now) < self.plan.trials and going < self.plan.at_once and self._is_room():
            self.search.append(trial=len(now), ask=sampler.ask(self.plan, now))

    def _judge(self, done: Journal, now: Sequence[Trial]) -> None:
        """Note what mattered, whenever one more trial has finished."""
        finished = sum(trial.state == "finished" for trial in now)
        if finished != self._finished:
            self._finished = finished
            found = sampler.importances(self.plan, now)
            if found and found != done.importances:
                self.search.append(importances=found)

    def _is_room(self) -> bool:
        """Whether the owner may have one more run waiting or running."""
        most = self.plan.waiting
        if most is None:
            return True
        return sum(run.owner == self.plan.owner for run in self.store.runs(states=OPEN_STATES)) < most


def run_search(search: Search) -> None:
    """Work on a search until nothing is left to do, or another runner does."""
    # A page that looks whether somebody is at work holds the lock for a moment.
    with search.locked(patience=1.0) as taken:
        if not taken:
            return
        say(f"at work, process {os.getpid()}")
        runner = SearchRunner(search)
        try:
            runner.revive()
            while _step(runner):
                time.sleep(POLL_SECONDS)
            say("nothing is left to do")
        except HierappError as error:
            say(str(error))
            search.append(error=str(error))


def begin(store: Store, plan: Plan) -> Search:
    """Keep a new search and let it go.

    Raises:
        ConfigError: if something of it cannot be tried; nothing is kept.
        DatasetError: if the data set is not there; nothing is kept.
        TreeError: if the tree's leaves are not the data set's classes; nothing is kept.
        StoreError: if there is one of that name already, or it cannot be written or started.
    """
    plan.check()
    data = str(plan.values["data"])
    status = datasets.status(data)
    if status.state != "ready":
        raise DatasetError(status.detail)
    plan.tree.positions_of(datasets.find(data).class_names)
    search = journal.begin(store, plan)
    start(search)
    return search


def start(search: Search) -> None:
    """Let a new search go, or one go on that was stopped or whose runner is gone.

    Raises:
        StoreError: if it goes on already, has ended, or its process cannot be started.
    """
    done = search.read()
    state = trials.state_of(search, trials.read(search, done), done, time.time())
    if state == "finished":
        raise StoreError(f"All trials of the search {search.name!r} have ended; begin another one.")
    if state == "running":
        raise StoreError(f"The search {search.name!r} is going on already; stop it first if it is to go on anew.")
    search.append(stop=False, at=time.time())
    environment = {"HIERAPP_HOME": str(search.store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
    try:
        processes.spawn(["hierapp.search", search.name], search.log_file, environment)
    except OSError as error:
        raise StoreError(
            f"The search's process could not be started ({error.strerror}); mend that and resume the search."
        ) from error


def stop(search: Search) -> None:
    """Let a search try nothing more, and end its runs; they go on with it."""
    search.append(stop=True, at=time.time())
    with search.locked() as taken:
        if taken:  # no runner is there to do it
            halt(search)


def halt(search: Search) -> None:
    """End the runs of all open trials."""
    for trial in trials.read(search):
        if trial.is_open and trial.run is not None:
            search.append(trial=trial.number, halted=True)
            search.store.request_cancel(trial.run.id)


def _step(runner: SearchRunner) -> bool:
    try:
        return runner.step()
    except StoreError:
        disk = disk_of(runner.store.folder)
        if disk is None or disk.room != "full":
            raise
        time.sleep(FULL_DISK_SECONDS)
        return True
