"""Runs that go on while their workers, their launcher and the app are killed at random moments."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hierapp import execution
from hierapp.execution import scheduler, settings, slots
from hierapp.runs import Store
from hierapp.training import RunConfig, trainer
from hierapp.training.evaluation import Confusion
from hierapp.trees import library as tree_library
from tests.faults import census
from tests.faults.ledger import Ledger, recorded
from tests.faults.victims import REPOSITORY, Victim
from tests.training.test_trainer import Notes

PATIENCE = 240.0  # in which nothing changes: how long the work takes depends on what else the machine does
SLOTS = 2
LEAST_EPOCHS, MOST_EPOCHS = 50, 5_000
LOSSES = ("cross-entropy", "hierarchical", "conditional", "soft-labels", "hxe", "tree-wasserstein")


@dataclass
class Kill:
    """One kill: what, when (seconds since the runs were queued), and what came of it; epochs and seconds."""

    what: str
    at: float
    clock: float
    reached: float | None = None  # the epoch that a killed worker had recorded
    seen_after: float | None = None  # until the run read as interrupted
    resumed_by: str = ""
    went_on_from: float | None = None
    back_after: float | None = None  # until the next worker trained, the next launcher was at work, the app answered

    @property
    def lost(self) -> float | None:
        if self.reached is None or self.went_on_from is None:
            return None
        return max(0.0, self.reached - self.went_on_from)  # it trained on while its epoch was looked up


def configs(runs: int, epochs: int) -> list[RunConfig]:
    """Short runs on the digits, each with another loss and seed."""
    return [
        RunConfig.make(
            data="digits", tree="digits", loss=LOSSES[number % len(LOSSES)], seed=number, epochs=epochs, device="cpu"
        )
        for number in range(runs)
    ]


def epochs_for(seconds: float, runs: int) -> int:
    """How many epochs make some runs take about so long on this machine, as it is now, `SLOTS` of them at once."""
    seen: list[float] = []

    class Timer(Notes):
        def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion) -> None:
            seen.append(values["epoch_seconds"])

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker does with batches this small
    try:
        trainer.train(configs(1, epochs=20)[0], tree_library.load("digits"), Timer())
    finally:
        torch.set_num_threads(threads)
    wanted = seconds * SLOTS / runs / statistics.median(seen)
    return round(min(MOST_EPOCHS, max(LEAST_EPOCHS, wanted)))


def undisturbed(home: Path, planned: Sequence[RunConfig]) -> Store:
    """The same runs, and nobody touches them."""
    store = Store(home)
    slots.set_slots(store, "cpu", SLOTS)
    ids = execution.submit(store, planned, tree_library.load("digits"))
    try:
        _wait(
            lambda: not any(run.is_open for run in store.runs(ids)), "the undisturbed runs", lambda: progress_of(store)
        )
        _wait(lambda: not census.of_home(home), "their processes' end")
    except BaseException:
        census.end_all(home)
        raise
    return store


class Campaign:
    """Runs in a home of their own, with kills.

    Args:
        home: a folder that does not exist yet.
        planned: what to train.
        kills: how many.
        seed: decides what is killed and when.
    """

    def __init__(self, home: Path, planned: Sequence[RunConfig], kills: int, seed: int) -> None:
        self.store = Store(home)
        self.planned = planned
        self.chance = random.Random(seed)
        # Moments by how far the runs are, so that they hit any machine's runs in the middle, and some time more, so
        # that they hit starts and ends as well.
        self.moments = sorted(self.chance.uniform(0.02, 0.9) for _ in range(kills))
        self.kills: list[Kill] = []
        self.ids: list[str] = []

    def go(self, victims: Sequence[Victim]) -> None:
        """Queue, kill, resume, until every run has finished."""
        slots.set_slots(self.store, "cpu", SLOTS)
        self.ids = self.store.add(self.planned, tree_library.load("digits"))
        self.ledger = Ledger(self.store)
        self.watch = census.Watch(self.store.folder)
        self.watch.start()
        self.began = time.time()
        # An open page wakes the launcher; without one the test does, as the command line would.
        self.wakes = all(victim.name != "app" for victim in victims)
        try:
            for victim in dict.fromkeys(victims):
                victim.open()
            scheduler.ensure_scheduler(self.store)
            for number, moment in enumerate(self.moments):
                delay = self.chance.uniform(0, 1.5)
                self._go_on(lambda moment=moment: self._progress() >= moment)
                if self._is_over():
                    break
                until = time.monotonic() + delay
                self._go_on(lambda until=until: time.monotonic() > until)
                # Each kind gets its turn, in an order drawn anew each time.
                if number % len(victims) == 0:
                    turn = self.chance.sample(list(victims), len(victims))
                # Half of the time hierapp resumes by itself, half of the time somebody does.
                settings.set_retries(self.store, self.chance.choice([0, settings.MOST_RETRIES]))
                if not self._kill(turn[number % len(victims)]):
                    break
                if self.chance.random() < 0.5:  # or the next kill may come before this one is noticed
                    until = time.monotonic() + 1.0
                    self._go_on(lambda until=until: time.monotonic() > until)
            self._go_on(self._is_over)
        except BaseException:
            census.end_all(self.store.folder)
            raise
        finally:
            for victim in dict.fromkeys(victims):
                victim.close()
            self._fill_in()
        _wait(lambda: not census.of_home(self.store.folder), "the end of every process")
        self.watch.stop()

    def _progress(self) -> float:
        return statistics.fmean(run.progress for run in self.store.runs(self.ids))

    def _is_over(self) -> bool:
        return all(run.state == "finished" for run in self.store.runs(self.ids))

    @property
    def shortfall(self) -> str | None:
        """A sentence if the runs were over before every kill had come; None otherwise."""
        if len(self.kills) == len(self.moments):
            return None
        return (
            f"The runs were over after {len(self.kills)} of {len(self.moments)} kills, with nothing lost: this machine"
            " is faster now than it was when the work was sized; run the campaign again."
        )

    def _kill(self, victim: Victim) -> bool:
        """Kill one of a kind as soon as one is alive; return False if the runs are over before."""
        killed: list[str] = []

        def hit() -> bool:
            reached.update({run: self.ledger.reached(run) for run in self.ids})
            what = victim.kill(self.chance)
            if what:
                killed.append(what)
            return bool(what) or self._is_over()

        reached: dict[str, float] = {}
        self._go_on(hit)
        if not killed:
            return False
        now = time.time()
        kill = Kill(killed[0], now - self.began, now)
        if killed[0].startswith("worker"):
            kill.reached = reached[killed[0].split()[1]]
        self.kills.append(kill)
        victim.bring_back()
        if victim.name == "app":
            kill.back_after = time.time() - now
        return True

    def _go_on(self, done: Callable[[], object]) -> None:
        """Until something is so, do as users do: look at the runs now and then, and resume what was interrupted."""
        changed, looked = time.monotonic(), 0.0
        last = progress_of(self.store)
        while not done():
            if last != (last := progress_of(self.store)):
                changed = time.monotonic()
            assert time.monotonic() < changed + PATIENCE, (
                f"stuck: {[(run.id, run.state, run.progress, run.error) for run in self.store.runs(self.ids)]},"
                f" processes {census.of_home(self.store.folder)}, kills {self.kills}"
            )
            if time.monotonic() - looked > 0.5:
                self._resume()
                if self.wakes:
                    scheduler.ensure_scheduler(self.store)
                looked = time.monotonic()
            time.sleep(0.02)

    def _resume(self) -> None:
        for run in self.store.runs(self.ids, states=("interrupted",)):
            if self.chance.random() < 0.5:
                execution.resume(self.store, run.id)
            else:
                subprocess.run(
                    [sys.executable, "-m", "hierapp", "resume", run.id, "--detach"],
                    cwd=REPOSITORY,
                    env={**os.environ, "HIERAPP_HOME": str(self.store.folder)},
                    check=True,
                    capture_output=True,
                )

    def _fill_in(self) -> None:
        """What came of each kill, from what the store noted meanwhile."""
        changes, begins = self.ledger.changes(), self.ledger.begins()
        for kill in self.kills:
            if kill.what == "launcher":
                seen = self.watch.next_seen("launcher", kill.clock)
                kill.back_after = None if seen is None else seen - kill.clock
            if kill.reached is None:
                continue
            run = kill.what.split()[1]
            until = min(
                (later.clock for later in self.kills if later.what == kill.what and later.clock > kill.clock),
                default=float("inf"),
            )
            after = [change for change in changes if change.run == run and kill.clock - 0.01 <= change.at < until]
            for first, second in zip(after, [*after[1:], None], strict=True):
                if first.after == "interrupted":
                    kill.seen_after = first.at - kill.clock
                    # In one transaction with its interruption, or later.
                    by_itself = second is not None and second.at - first.at < 0.005
                    kill.resumed_by = "hierapp" if by_itself else "a user"
                    break
            for begun, epoch, at in begins:
                if begun == run and kill.clock < at < until:
                    kill.went_on_from, kill.back_after = epoch, at - kill.clock
                    break

    def table(self) -> str:
        """The kills, as Markdown."""
        lines = [
            "| kill | what | after | reads as interrupted after | resumed by | at work again after | epochs lost |",
            "| ---: | --- | ---: | ---: | --- | ---: | ---: |",
        ]
        for number, kill in enumerate(self.kills, start=1):
            cells = [
                str(number),
                kill.what,
                f"{kill.at:.1f} s",
                _seconds(kill.seen_after),
                kill.resumed_by,
                _seconds(kill.back_after),
                "" if kill.lost is None else f"{kill.lost:.1f} of {kill.reached:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join([*lines, "", *self._spreads()])

    def _spreads(self) -> list[str]:
        workers = [kill for kill in self.kills if kill.reached is not None]
        launchers_back = [kill.back_after for kill in self.kills if kill.what == "launcher"]
        columns = {
            "reads as interrupted after": ([kill.seen_after for kill in workers], "s"),
            "trains again after, a wait for a slot included": ([kill.back_after for kill in workers], "s"),
            "a launcher is at work again after": (launchers_back, "s"),
            "lost": ([kill.lost for kill in workers], "epochs"),
        }
        return [
            f"- {name}: median {statistics.median(known):.2f} {unit}, {min(known):.2f} to {max(known):.2f},"
            f" n = {len(known)}"
            for name, (values, unit) in columns.items()
            if (known := [value for value in values if value is not None])
        ]

    def check(self, reference: Store) -> None:
        """Nothing was lost, nothing was done twice."""
        assert self.kills
        assert self.watch.looks > 20, "the processes were watched"
        assert self.watch.doubles == [], f"two workers of a run at a moment: {self.watch.doubles}"
        changes = self.ledger.changes()
        for run, planned_as in zip(self.ids, [run.id for run in reference.runs()], strict=True):
            ends = [change for change in changes if change.run == run and change.after == "finished"]
            assert len(ends) == 1, f"run {run} finished {len(ends)} times"
            log = self.store.run(run).log_file.read_text()
            assert log.count(" finished: ") == 1, log
            assert self.store.run(run).error is None
            ours, theirs = recorded(self.store, run), recorded(reference, planned_as)
            for what, value in theirs.items():
                assert ours[what] == value, f"{what} of run {run} is not what it is undisturbed"
        interruptions = sum(change.after == "interrupted" for change in changes)
        assert interruptions == sum(kill.seen_after is not None for kill in self.kills), "none but the killed"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def progress_of(store: Store) -> object:
    """What changes as long as the runs go on."""
    return [(run.state, run.attempt, run.progress) for run in store.runs()]


def _wait(condition: Callable[[], object], what: str, sign: Callable[[], object] = lambda: None) -> None:
    changed, last = time.monotonic(), sign()
    while not condition():
        if last != (last := sign()):
            changed = time.monotonic()
        assert time.monotonic() < changed + PATIENCE, f"waited in vain for {what}"
        time.sleep(0.05)
