"""Ask, queue, prune: the work of a search, in a separate process.

`python -m hierapp.search NAME LOCK` works on one search and ends when its trials have ended or when it is asked to
stop. It holds a lock meanwhile, so that each search has one runner; the process that starts it takes the lock first and
hands it over. It has no state of its own: everything it does is recorded in the journal first or can be derived from
the store, and the next runner continues from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from hierapp import execution, paths
from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, DatasetError, HierappError, StoreError
from hierapp.execution import scheduler
from hierapp.runs import Store, same_data
from hierapp.runs.states import OPEN_STATES
from hierapp.search import journal, sampler, trials
from hierapp.search.journal import Journal, Search
from hierapp.search.plan import Plan
from hierapp.search.trials import Trial
from hierapp.similarities import library as similarity_library
from hierapp.training import RunConfig, models
from hierapp.utils import locks
from hierapp.utils.disk import disk_of
from hierapp.utils.locks import Held, Superseded
from hierapp.utils.own_log import say

if TYPE_CHECKING:
    import optuna

POLL_SECONDS = 0.5
FULL_DISK_SECONDS = 2.0  # between checks while the disk is full


class SearchRunner:
    """The work of one runner on a search.

    Args:
        search: the search to work on.
        is_in_charge: whether no other runner has taken over.
    """

    def __init__(self, search: Search, is_in_charge: Callable[[], bool] = lambda: True) -> None:
        self.search, self.plan, self.store = search, search.plan, search.store
        self._is_in_charge = is_in_charge
        # By trial, the last epoch at which the trial was judged worth continuing.
        self._judged: dict[int, int] = {}
        self._finished = 0

    def revive(self) -> None:
        """Resume runs whose processes are gone, once, before the first step."""
        if self.search.read().stopping:
            return
        scheduler.reap_lost_runs(self.store)
        for trial in trials.read(self.search):
            if trial.state == "interrupted" and trial.run is not None:
                execution.resume(self.store, trial.run.id)

    def step(self) -> bool:
        """Do one step: stop unpromising runs, queue the next one. Return False when nothing is left to do.

        Raises:
            HierappError: if no run can be queued any more; one sentence gives the reason.
            Superseded: if another runner has taken over.
        """
        self._check_charge()
        done = self.search.read()
        if done.stopping:
            halt(self.search)
            return False
        study = self.search.study()
        sampler.adopt(self.plan, study)
        done = self.search.read()
        self._queue_asked(done)
        now = trials.read(self.search, done)
        self._bring_back(done, now)
        sampler.tell(study, now)
        self._prune(done, now, study)
        self._ask(now, study)
        self._judge(done, now, study)
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
                self.search.note(number, refused=entry.refused)
                continue
            known = {each.run for each in done.entries}
            tagged = [run for run in self.store.runs() if self.plan.tag in run.tags and run.id not in known]
            found = [run.id for run in tagged if run.config.model_dump_json() == config.model_dump_json()]
            if not found:
                plan = self.plan
                self._refuse_changes(known, config)
                self._check_charge()
                found = execution.submit(self.store, [config], plan.tree, owner=plan.owner, tags=[plan.tag])
            entry.run = found[0]
            self.search.note(number, run=entry.run)
            say(f"trial {number} is run {entry.run}: {entry.params}")

    def _refuse_changes(self, known: Collection[str | None], config: RunConfig) -> None:
        """Refuse to compare trials that have other data or another similarity matrix under the same name.

        Raises:
            DatasetError, ConfigError: if a run of the search has other content than a new one would have.
        """
        now = datasets.content_hashes(config.data)
        name = config.options.get("similarity")
        for run in self.store.runs([each for each in known if each is not None], deleted=None):
            same_data.refuse_other(run, now)
            if name is not None and run.config.options.get("similarity") == name:
                text = similarity_library.text_of(str(name), datasets.find(config.data).class_names)
                if text != run.similarity_text:
                    raise ConfigError(
                        f"The similarity {name!r} differs from that of run {run.id} of this search; save the former"
                        " one under that name again, or start another search."
                    )

    def _bring_back(self, done: Journal, now: Sequence[Trial]) -> None:
        """Resume the runs that were stopped with the search."""
        for trial, entry in zip(now, done.entries, strict=True):
            if trial.run is None or not entry.halted:
                continue
            if trial.state == "stopped":
                execution.resume(self.store, trial.run.id)
            elif trial.is_open and trial.run.cancel_requested is not None:
                continue  # it has not stopped yet
            self.search.note(trial.number, halted=False)

    def _prune(self, done: Journal, now: Sequence[Trial], study: optuna.Study) -> None:
        """Stop the runs of unpromising trials."""
        for trial, entry in zip(now, done.entries, strict=True):
            if trial.state != "running" or trial.run is None or not trial.values:
                continue
            epoch = trial.values[-1][0]
            given_up = entry.pruned is not None and entry.pruned[0] == trial.run.attempt
            if not given_up and self._judged.get(trial.number) != epoch:
                self._judged[trial.number] = epoch
                if sampler.should_prune(self.plan, study, trial.number):
                    self.search.note(trial.number, pruned=[trial.run.attempt, epoch])
                    say(f"trial {trial.number} is stopped early after epoch {epoch}")
                    given_up = True
            if given_up and trial.run.cancel_requested is None:
                self.store.request_cancel(trial.run.id)

    def _ask(self, now: Sequence[Trial], study: optuna.Study) -> None:
        """Ask for one more trial if one may start now; the next step queues it."""
        going = sum(trial.is_open or trial.state == "stopped" for trial in now)
        if len(now) < self.plan.trials and going < self.plan.at_once and self._is_room():
            sampler.add(self.plan, study, sampler.ask(self.plan, study))

    def _judge(self, done: Journal, now: Sequence[Trial], study: optuna.Study) -> None:
        """Record the importances whenever one more trial has finished."""
        finished = sum(trial.state == "finished" for trial in now)
        if finished != self._finished:
            self._finished = finished
            found = sampler.importances(self.plan, study)
            if found and found != done.importances:
                self.search.note_importances(found)

    def _check_charge(self) -> None:
        if not self._is_in_charge():
            raise Superseded

    def _is_room(self) -> bool:
        """Return whether the owner may have one more run waiting or running."""
        most = self.plan.waiting
        if most is None:
            return True
        return sum(run.owner == self.plan.owner for run in self.store.runs(states=OPEN_STATES)) < most


def run_search(search: Search, lock: int | None = None) -> None:
    """Work on a search until nothing is left to do; return at once if another runner is at work.

    Args:
        search: the search.
        lock: the descriptor of the lock's file if the lock was taken for this process.
    """
    served = None
    if lock is not None:
        with search.job.working(lock) as held:
            served = _asked(search)
            _work(search, held)
    # Whoever starts or stops the search while the lock is still held leaves that to this process; so check again after
    # the release.
    while served != (served := _asked(search)):
        # A page that checks for a runner holds the lock for a moment.
        with search.locked(patience=1.0) as taken:
            if taken is None:
                return
            _work(search, taken)


def _asked(search: Search) -> tuple[float, bool]:
    """Return what was last asked of the search: when it was started, and whether it is to stop."""
    done = search.read()
    return done.begun, done.stopping


def _work(search: Search, lock: Held) -> None:
    say(f"running, process {os.getpid()}")
    runner = SearchRunner(search, lock.is_mine)
    with lock.beating():
        try:
            runner.revive()
            while _step(runner):
                time.sleep(POLL_SECONDS)
            say("nothing left to do")
        except Superseded:
            say("another process has taken over, because this one had no heartbeat; it exits")
        except HierappError as error:
            say(str(error))
            search.note_error(str(error))


def begin(store: Store, plan: Plan) -> Search:
    """Save a new search and start it.

    Raises:
        ConfigError: if some part of it cannot be tried; nothing is saved.
        DatasetError: if the data set is not available; nothing is saved.
        TreeError: if the tree's leaves are not the data set's classes; nothing is saved.
        StoreError: if a search with this name exists, or it cannot be written or started.
    """
    plan.check()
    data = str(plan.values["data"])
    status = datasets.status(data)
    if status.state != "ready":
        raise DatasetError(status.detail)
    plan.tree.positions_of(datasets.find(data).class_names)
    for model in plan.models:
        models.require(model)
    search = journal.begin(store, plan)
    start(search)
    return search


def start(search: Search) -> None:
    """Start a new search, or resume one that was stopped or whose runner is gone.

    Raises:
        StoreError: if it is already running, has ended, or its process cannot be started.
    """
    done = search.read()
    state = trials.state_of(search, trials.read(search, done), done)
    if state == "finished":
        raise StoreError(f"All trials of the search {search.name!r} have ended; start another search.")
    if state == "running":
        raise StoreError(f"The search {search.name!r} is already running; stop it first to restart it.")
    search.ask_to_go()
    _wake(search)


def _wake(search: Search) -> None:
    """Start a runner, unless one is there."""
    with search.locked(patience=locks.GLANCE_SECONDS) as lock:
        if lock is None:
            return  # a runner that has not ended yet: it sees the line just written
        environment = {"HIERAPP_HOME": str(search.store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
        try:
            search.job.hand_over(lock, ["hierapp.search", search.name, str(lock.descriptor)], environment)
        except OSError as error:
            raise StoreError(
                f"The search's process could not be started ({error.strerror}); fix the problem and resume the search."
            ) from error


def stop(search: Search) -> None:
    """Stop a search: no further trials, and its runs are stopped; resuming the search resumes them."""
    search.ask_to_stop()
    with search.locked(patience=locks.GLANCE_SECONDS) as taken:
        if taken is not None:  # no runner is there to do it
            halt(search)
    if not search.read().stopping:
        _wake(search)  # started again meanwhile, which may have taken this process for the runner


def halt(search: Search) -> None:
    """Stop the runs of all open trials."""
    for trial in trials.read(search):
        if trial.is_open and trial.run is not None:
            search.note(trial.number, halted=True)
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
