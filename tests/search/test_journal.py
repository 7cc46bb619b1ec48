"""Journals of searches: what Optuna reads, what is left by crashes and by earlier versions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hierapp.errors import StoreError
from hierapp.search import journal, old_journal, sampler, storage, trials
from hierapp.search.report import Report
from hierapp.search.runner import SearchRunner
from tests.search.conftest import begun, carry_on, finish, report, waiting

REPOSITORY = Path(__file__).resolve().parents[2]


def opened(search) -> optuna.Study:
    """The study as a program without hierapp opens it."""
    backend = JournalFileBackend(str(search.folder / journal.JOURNAL))
    return optuna.load_study(study_name=search.name, storage=JournalStorage(backend))


def by_rate(config):
    return 1 - abs(config["learning_rate"] - 0.01)


def test_optuna_opens_a_search(store):
    search = begun(store, varied=["learning_rate=1e-4..1e-1:log", "optimizer=adam,sgd"])
    carry_on(search, by_rate)
    study, found = opened(search), trials.read(search)
    assert study.direction.name == "MAXIMIZE"
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 6
    assert [trial.params for trial in study.trials] == [trial.params for trial in found]
    assert [trial.intermediate_values for trial in study.trials] == [dict(trial.values) for trial in found]
    assert [trial.user_attrs["run"] for trial in study.trials] == [run.id for run in store.runs()]
    assert study.best_trial.number == Report.of(search).best.number
    assert study.trials_dataframe().shape[0] == 6


def test_trials_that_end_otherwise_are_told_to_optuna(store):
    search = begun(store, trials=3, at_once=3)
    one = SearchRunner(search)
    for _ in range(5):
        one.step()
    finish(store, "1", [0.5, 0.6, 0.7])
    report(store, "2", [0.5])
    store.request_cancel("3")
    one.step()
    assert [trial.state.name for trial in opened(search).trials] == ["COMPLETE", "RUNNING", "FAIL"]
    assert opened(search).trials[1].intermediate_values == {1: 0.5}


def test_a_search_goes_on_after_its_runner_was_killed(store):
    search = begun(store)
    code = (
        "import os, signal, sys; from hierapp.runs import Store; from hierapp.search import journal;"
        "from hierapp.search.runner import SearchRunner; from hierapp.execution import scheduler;"
        "scheduler.ensure_scheduler = lambda store: None; runner = SearchRunner(journal.find(Store(), 'lr'));"
        "[runner.step() for _ in range(4)]; os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "HIERAPP_HOME": str(store.folder)}
    killed = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert waiting(store) == ["1", "2"]
    before = [trial.params for trial in trials.read(search)]
    finish(store, "1", [0.5])
    carry_on(search, by_rate)
    assert [trial.params for trial in trials.read(search)][:2] == before
    assert [run.id for run in store.runs()] == ["1", "2", "3", "4", "5", "6"]
    assert [trial.state.name for trial in opened(search).trials] == ["COMPLETE"] * 6


def test_a_journal_of_an_earlier_version_that_was_cut_short_is_converted(store):
    search = begun(store)
    (search.folder / journal.JOURNAL).unlink()
    (search.folder / old_journal.BOOK).write_text('\n{"trial": 0, "ask": {"learning_rate": 0.01}}\n\n{"trial": 0, "ru')
    carry_on(search, by_rate)
    assert trials.read(search)[0].params == {"learning_rate": 0.01}
    assert len(store.runs()) == 6


def test_a_line_that_was_cut_short_is_gone_with_the_next_one_and_optuna_opens_the_file(store):
    search = begun(store)
    sampler.add(search.plan, search.study(), {"learning_rate": 0.01})
    with (search.folder / journal.JOURNAL).open("a") as file:
        file.write('{"op_code": 8, "trial_id"')
    assert len(search.read().entries) == 1
    search.note(0, run="7")
    assert search.read().entries[0].run == "7"
    assert opened(search).trials[0].user_attrs == {"run": "7"}


def test_a_full_disk_leaves_the_journal_as_it_was(store, monkeypatch):
    search = begun(store)
    before = (search.folder / journal.JOURNAL).read_bytes()
    real = os.write
    monkeypatch.setattr(storage.os, "write", lambda file, content: real(file, content[:9]))
    with pytest.raises(StoreError, match="disk"):
        search.ask_to_go()
    monkeypatch.undo()
    assert (search.folder / journal.JOURNAL).read_bytes() == before


def test_a_journal_that_makes_no_sense_costs_one_sentence(store):
    search = begun(store)
    (search.folder / journal.JOURNAL).write_text('{"op_code": 99}\n')
    with pytest.raises(StoreError, match="broken"):
        search.read()


def test_trials_that_another_program_enqueues_are_tried(store):
    search = begun(store, trials=3, at_once=3)
    for rate in (0.02, 7.0, "much"):
        opened(search).enqueue_trial({"learning_rate": rate, "color": 1})
    carry_on(search, by_rate)
    assert [trial.params for trial in trials.read(search)] == [{"learning_rate": 0.02}, {"learning_rate": 0.1}, {}]
    assert [trial.state.name for trial in opened(search).trials] == ["COMPLETE"] * 3
    assert opened(search).trials[0].params == {"learning_rate": 0.02}
