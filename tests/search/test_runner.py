"""A search over a real store; the tests are its workers. Whoever dies on the way, each trial is one run."""

import fcntl
import threading
import time

import pytest

from hierapp.errors import StoreError
from hierapp.execution import scheduler
from hierapp.runs import trash
from hierapp.search import journal, runner, sampler, trials
from hierapp.search.journal import Search
from hierapp.search.report import Report
from hierapp.search.runner import SearchRunner
from hierapp.search.storage import JournalFile
from hierapp.utils import locks, processes
from tests.search.conftest import begun, carry_on, finish, report, waiting
from tests.store_states import end


def by_rate(config):
    """Better, the nearer the rate is to 0.01."""
    return 1 - abs(config["learning_rate"] - 0.01)


def steps(search, count=4):
    """Some looks of one driver, and no worker."""
    one = SearchRunner(search)
    for _ in range(count):
        one.step()
    return one


def test_every_trial_is_one_ordinary_run_with_its_tag(store):
    search = begun(store, owner="bob@x.edu")
    carry_on(search, by_rate)
    found, runs = trials.read(search), store.runs()
    assert [trial.run.id for trial in found] == [run.id for run in runs] == ["1", "2", "3", "4", "5", "6"]
    assert {run.tags for run in runs} == {("search:lr",)}
    assert {run.owner for run in runs} == {"bob@x.edu"}
    assert [trial.params["learning_rate"] for trial in found] == [run.config.learning_rate for run in runs]
    assert [trial.value for trial in found] == [by_rate(run.config.model_dump()) for run in runs]
    seen = Report.of(search)
    assert seen.state == "finished"
    assert seen.best.value == max(trial.value for trial in found)


def test_a_trial_in_the_trash_keeps_its_value_and_one_that_was_removed_is_gone(store):
    search = begun(store)
    carry_on(search, by_rate)
    before = Report.of(search)
    trash.delete(store, [before.best.run.id])
    after = Report.of(search)
    assert (after.state, after.best.number, after.best.value) == ("finished", before.best.number, before.best.value)
    trash.empty(store)
    removed = Report.of(search)
    assert removed.state == "finished"
    assert removed.trials[before.best.number].state == "gone"
    steps(search, 1)


def test_so_many_go_at_once_and_no_more(store):
    search = begun(store, at_once=2)
    steps(search, 10)
    assert len(store.runs()) == 2
    finish(store, "1", [0.5])
    steps(search, 10)
    assert len(waiting(store)) == 2


def test_the_owners_limit_holds_with_runs_of_other_origin(store):
    from hierapp.training import RunConfig
    from hierapp.trees import library as tree_library

    other = RunConfig.make(data="digits", tree="digits", loss="hxe")
    store.add([other, other], tree_library.load("digits"), owner="bob@x.edu")
    search = begun(store, at_once=3, owner="bob@x.edu", waiting=3)
    steps(search, 10)
    assert [run.tags for run in store.runs()] == [(), (), ("search:lr",)]


class Killed(BaseException):
    """The driver's process is gone."""


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [*range(8), 11, 20])
def test_a_runner_that_is_killed_at_any_line_loses_and_doubles_nothing(nth, after, store, monkeypatch):
    search = begun(store)
    real, seen = JournalFile.append_logs, []

    def append(self, logs):
        seen.append(logs)
        if len(seen) - 1 == nth:
            if after:
                real(self, logs)
            raise Killed
        real(self, logs)

    monkeypatch.setattr(JournalFile, "append_logs", append)
    with pytest.raises(Killed):
        carry_on(search, by_rate)
    carry_on(search, by_rate)
    found, runs = trials.read(search), store.runs()
    assert len(found) == len(runs) == 6
    assert [trial.run.id for trial in found] == [run.id for run in runs]
    assert [trial.params["learning_rate"] for trial in found] == [run.config.learning_rate for run in runs]
    assert Report.of(search).state == "finished"
    assert [trial.value for trial in search.study().trials] == [trial.value for trial in found]


def test_runs_that_ended_while_no_driver_was_there_are_told(store):
    search = begun(store)
    steps(search)
    finish(store, "1", [0.5, 0.9, 0.7])
    report(store, "2", [0.4])
    first, second = trials.read(search)
    assert (first.state, first.value) == ("finished", 0.9)
    assert (second.state, second.value) == ("running", 0.4)
    carry_on_from = steps(search)
    assert len(store.runs()) == 3  # one more in the place of the one that ended
    assert carry_on_from is not None


def test_with_select_last_the_last_epoch_counts(store):
    search = begun(store, values={"select": "last"})
    steps(search)
    finish(store, "1", [0.5, 0.9, 0.7])
    assert trials.read(search)[0].value == 0.7


def test_only_the_validation_part_is_read(store, tmp_path, monkeypatch):
    from hierapp.runs import Store

    def refuse(*arguments):
        raise AssertionError("a search looks at no confusion matrix")

    monkeypatch.setattr(Store, "confusion", refuse)
    told = {}
    for name, test in {
        "one": lambda value: {"accuracy": 1 - value, "loss": value},
        "other": lambda value: {"accuracy": value, "loss": 1 - value},
    }.items():
        of_its_own = Store(tmp_path / name)
        search = begun(of_its_own, trials=14)
        carry_on(search, by_rate, test)
        runs = of_its_own.runs()
        assert all(run.test["accuracy"] >= 0 for run in runs)
        told[name] = ([trial.params for trial in trials.read(search)], Report.of(search).as_dict())
    assert told["one"][0] == told["other"][0]
    assert {**told["one"][1], "created": 0} == {**told["other"][1], "created": 0}


@pytest.mark.slow
def test_what_mattered_is_noted_once_there_is_enough_and_whoever_looks_imports_no_torch(store):
    import subprocess
    import sys

    search = begun(store, trials=12, varied=["learning_rate=1e-4..1e-1:log", "crop=0..4"])
    carry_on(search, by_rate)
    shares = Report.of(search).as_dict()["importances"]
    assert set(shares) == {"learning_rate", "crop"}
    assert shares == sampler.importances(search.plan, search.study())
    code = (
        "import sys\n"
        "from hierapp.search import journal\n"
        "from hierapp.search.report import Report\n"
        "from hierapp.runs import Store\n"
        "assert Report.of(journal.find(Store(), 'lr')).as_dict()['importances']\n"
        "from hierapp.access import actions; from hierapp.plots import search as figures_search\n"
        "assert not {'sklearn', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Pruning


def five_good_ones(store, **given):
    """A search with five finished trials, and a sixth that waits."""
    search = begun(store, trials=7, at_once=1, **given)
    one = SearchRunner(search)
    for _ in range(5):
        one.step()
        one.step()
        finish(store, waiting(store)[0], [0.7, 0.8, 0.9])
    one.step()
    one.step()
    return search, one


def test_a_hopeless_trial_is_cancelled_as_any_run_and_called_pruned(store):
    search, one = five_good_ones(store)
    report(store, "6", [0.1])
    one.step()
    assert store.run("6").cancel_requested is not None
    assert trials.read(search)[5].state == "running"  # until its worker has stopped
    end(store, "6", "cancelled")
    assert store.run("6").state == "cancelled"
    assert trials.read(search)[5].state == "pruned"
    steps(search)
    assert len(store.runs()) == 7
    assert Report.of(search).counts == {"waiting": 1, "finished": 5, "pruned": 1}


def test_a_trial_that_does_well_is_left_alone(store):
    _, one = five_good_ones(store)
    report(store, "6", [0.95])
    one.step()
    assert store.run("6").cancel_requested is None


def test_nothing_is_pruned_if_it_shall_not(store):
    _, one = five_good_ones(store, pruner="off")
    report(store, "6", [0.1])
    one.step()
    assert store.run("6").cancel_requested is None


def test_a_driver_that_was_killed_between_the_line_and_the_cancelling_cancels(store, monkeypatch):
    search, one = five_good_ones(store)
    report(store, "6", [0.1])

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "request_cancel", killed)
        with pytest.raises(Killed):
            one.step()
    assert store.run("6").cancel_requested is None
    SearchRunner(search).step()
    assert store.run("6").cancel_requested is not None


def test_a_pruned_run_that_somebody_resumes_counts_as_it_ends(store):
    search, one = five_good_ones(store)
    report(store, "6", [0.1])
    one.step()
    end(store, "6", "cancelled")
    store.resume("6")
    assert trials.read(search)[5].state == "waiting"
    finish(store, "6", [0.99, 0.99])
    assert (trials.read(search)[5].state, trials.read(search)[5].value) == ("finished", 0.99)


def test_a_run_that_is_cancelled_by_hand_is_not_called_pruned_and_not_tried_again(store):
    search = begun(store, trials=2, at_once=2)
    steps(search)
    store.request_cancel("1")
    finish(store, "2", [0.5])
    assert not SearchRunner(search).step()
    assert Report.of(search).counts == {"finished": 1, "cancelled": 1}
    assert len(store.runs()) == 2


# Stop, resume


def test_stop_ends_the_runs_and_resume_lets_them_go_on(store):
    search = begun(store)
    one = steps(search)
    report(store, "1", [0.3])
    runner.stop(search)
    assert store.run("2").state == "cancelled"
    assert store.run("1").cancel_requested is not None
    assert Report.of(search).state == "stopping"
    assert not one.step()
    end(store, "1", "cancelled")
    assert Report.of(search).state == "stopped"
    assert Report.of(search).counts == {"stopped": 2}

    runner.start(search)
    assert Report.of(search).state == "running"
    steps(search)
    assert [run.state for run in store.runs()] == ["queued", "queued"]
    carry_on(search, by_rate)
    assert len(store.runs()) == 6
    assert Report.of(search).counts == {"finished": 6}


def test_resumed_at_once_it_waits_for_the_run_that_is_still_stopping(store):
    search = begun(store)
    steps(search)
    report(store, "1", [0.3])
    runner.stop(search)
    runner.start(search)
    steps(search)
    assert store.run("1").state == "running"
    end(store, "1", "cancelled")
    steps(search)
    assert store.run("1").state == "queued"


def test_a_search_that_is_stopped_tries_nothing_more(store):
    search = begun(store)
    runner.stop(search)
    assert not SearchRunner(search).step()
    assert store.runs() == []
    assert Report.of(search).state == "stopped"


def test_runs_whose_processes_are_gone_go_on_with_the_search(store):
    search = begun(store)
    steps(search)
    report(store, "1", [0.3])
    end(store, "1", "interrupted", "its process is gone")
    one = SearchRunner(search)
    one.revive()
    assert store.run("1").state == "queued"
    end(store, "1", "interrupted", "its process is gone")
    one.step()
    assert store.run("1").state == "interrupted"  # once: a run that kills its process would do so again
    carry_on(search, by_rate)
    assert Report.of(search).state == "interrupted"
    runner.start(search)


def test_a_search_whose_driver_is_gone_says_so_and_one_that_is_over_does_not(store):
    search = begun(store)
    steps(search)
    assert Report.of(search).state == "interrupted"
    with search.locked() as taken:
        assert taken
        assert Report.of(search).state == "running"
        with pytest.raises(StoreError, match="'lr'"):
            runner.start(search)
    carry_on(search, by_rate)
    assert Report.of(search).state == "finished"
    with pytest.raises(StoreError, match="All trials of the search 'lr' have ended"):
        runner.start(search)


def test_of_two_drivers_one_works(store, monkeypatch, capsys):
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 0.01)
    search = begun(store, trials=1)
    with search.locked() as taken:
        assert taken
        runner.run_search(search)
    assert store.runs() == []
    assert "running, process" not in capsys.readouterr().out


def test_a_search_has_its_runner_from_the_start_and_says_so_when_that_dies(store, runners):
    search = begun(store)
    for count in (1, 2):
        runner.start(search)
        assert [command[:2] for command in runners.commands] == [["hierapp.search", "lr"]] * count
        assert Report.of(search).state == "running"
        with pytest.raises(StoreError, match="'lr'"):
            runner.start(search)
        runners.die()
        assert Report.of(search).state == "interrupted"


def working_runner(monkeypatch, store, after_first_step):
    """Let a runner and a worker take turns; something happens when the runner's first step is over."""
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.0)
    real, steps_done = SearchRunner.step, []

    def step(self):
        going = real(self)
        steps_done.append(going)
        if len(steps_done) == 1:
            after_first_step()
        for run in waiting(store):
            finish(store, run, [0.5])
        return going

    monkeypatch.setattr(SearchRunner, "step", step)
    return steps_done


def test_a_search_that_is_resumed_while_its_runner_exits_goes_on(store, runners, monkeypatch, capsys):
    search = begun(store)
    steps(search)
    runner.stop(search)
    done = working_runner(monkeypatch, store, lambda: runner.start(search))
    runner.run_search(search)
    assert not done[0], "the runner that had seen the stop was about to exit"
    assert runners.commands == [], "it held the lock"
    assert Report.of(search).counts == {"finished": 6}
    assert len(store.runs()) == 6
    capsys.readouterr()


def test_a_search_that_is_stopped_while_its_runner_exits_stops(store, monkeypatch, capsys):
    """The runner ended because of an error, and its trials are still open."""
    search = begun(store)
    steps(search)

    def fail(self, *given) -> None:
        runner.stop(search)
        raise StoreError("It would not.")

    monkeypatch.setattr(SearchRunner, "_prune", fail)
    runner.run_search(search)
    assert Report.of(search).state == "stopped"
    assert [run.state for run in store.runs()] == ["cancelled"] * 2
    capsys.readouterr()


def test_a_search_that_is_resumed_while_somebody_else_stops_it_goes_on(store, runners, monkeypatch):
    search = begun(store)
    steps(search)
    real = runner.halt

    def halt(search: Search) -> None:
        real(search)
        monkeypatch.setattr(runner, "halt", real)
        runner.start(search)
        assert runners.commands == [], "the lock is held, by one that is no runner"

    monkeypatch.setattr(runner, "halt", halt)
    runner.stop(search)
    assert [command[:2] for command in runners.commands] == [["hierapp.search", "lr"]]
    assert Report.of(search).state == "running"


@pytest.mark.parametrize("act", [runner.start, runner.stop])
def test_a_look_at_the_lock_keeps_nobody_from_starting_or_stopping_a_search(store, runners, act):
    search = begun(store)
    steps(search)
    with search.job.lock.open("a") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        threading.Timer(locks.GLANCE_SECONDS / 4, look.close).start()
        act(search)
    assert Report.of(search).state == ("running" if act is runner.start else "stopped")


def test_a_runner_without_a_sign_of_life_is_replaced_and_queues_nothing_more(store, runners, monkeypatch, capsys):
    search = begun(store)
    silent = f"{processes.machine()} {time.monotonic() - 2 * locks.SILENCE_SECONDS:.1f}"
    real = SearchRunner._queue_asked

    def stopped_here(self, done) -> None:
        monkeypatch.setattr(SearchRunner, "_queue_asked", real)
        sampler.add(search.plan, search.study(), {"learning_rate": 0.01})
        search.job.lock.write_text(silent)
        assert Report.of(search).state == "interrupted"
        runner.start(search)
        real(self, search.read())

    monkeypatch.setattr(SearchRunner, "_queue_asked", stopped_here)
    monkeypatch.setattr(locks.Held, "beat", lambda self: None)
    runner.run_search(search)
    assert len(runners.commands) == 1
    assert store.runs() == []
    assert "another process has taken over" in capsys.readouterr().out
    steps(search, 1)
    assert len(store.runs()) == 1


def test_a_driver_works_until_its_trials_have_ended(store, monkeypatch, capsys):
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.0)
    real = SearchRunner.step

    def step(self):
        going = real(self)
        for run in waiting(store):
            finish(store, run, [0.5])
        return going

    monkeypatch.setattr(SearchRunner, "step", step)
    search = begun(store)
    runner.run_search(search)
    assert [run.state for run in store.runs()] == ["finished"] * 6
    assert "nothing left to do" in capsys.readouterr().out


# What goes wrong


def test_values_that_do_not_go_together_are_told_and_the_search_goes_on(store, monkeypatch):
    plan = {"varied": ["label_smoothing=0.1,0.2", "cross-entropy.label_smoothing=0,0.1"], "losses": ("cross-entropy",)}
    search = begun(
        store, trials=2, **{**plan, "varied": ["label_smoothing=0,0.2", "cross-entropy.label_smoothing=0,0.1"]}
    )
    asked = iter([(0.2, 0.1), (0.2, 0.0)])

    def ask(*arguments):
        both = next(asked)
        return dict(zip(["label_smoothing", "cross-entropy.label_smoothing"], both, strict=True))

    monkeypatch.setattr(sampler, "ask", ask)
    carry_on(search, lambda config: 0.5)
    first, second = trials.read(search)
    assert (first.state, first.run) == ("refused", None)
    assert "smooth the labels" in first.why
    assert second.state == "finished"
    assert len(store.runs()) == 1


def test_what_keeps_runs_from_being_queued_is_told_and_can_be_mended(store, monkeypatch, capsys):
    search = begun(store)
    monkeypatch.setenv("HIERAPP_SLOTS", "many")
    runner.run_search(search)
    seen = Report.of(search)
    assert seen.state == "failed"
    assert "'many'" in seen.journal.error
    monkeypatch.delenv("HIERAPP_SLOTS")
    runner.start(search)
    assert Report.of(search).journal.error is None
    carry_on(search, by_rate)
    assert len(store.runs()) == 6
    capsys.readouterr()


def test_a_run_that_is_gone_from_the_store_breaks_nothing(store):
    search = begun(store, trials=2)
    sampler.add(search.plan, search.study(), {"learning_rate": 0.01})
    search.note(0, run="77")
    carry_on(search, by_rate)
    assert [trial.state for trial in trials.read(search)] == ["gone", "finished"]


def test_begin_refuses_what_cannot_be_tried_and_keeps_nothing(store):
    from hierapp.errors import DatasetError
    from tests.search.conftest import a_plan

    with pytest.raises(DatasetError):
        runner.begin(store, a_plan(values={"data": "cifar10", "tree": "cifar10"}))
    assert journal.names(store) == []
    search = runner.begin(store, a_plan())
    assert Report.of(search).state == "running"
