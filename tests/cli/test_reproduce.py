"""The command line's `reproduce`, with real trainings of one epoch on the digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp.cli import main as cli
from hierapp.execution import scheduler
from hierapp.reproduction import results, timing
from hierapp.runs import Store
from hierapp.utils import processes
from tests.reproduction import made_up
from tests.store_states import end

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    made = Store()
    yield made
    for run in made.runs(states=("running",)):
        if run.pid != os.getpid():
            processes.kill(run.process)


@pytest.fixture
def call(capsys, monkeypatch):
    """Runs a command in this process, without a scheduler."""
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)

    def run(*arguments):
        capsys.readouterr()
        try:
            status = cli.main(["reproduce", *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.slow
def test_figures_are_trained_judged_shown_and_written(store, tmp_path):
    command = ("reproduce", "8", "12", "appendix-a", "--data", "digits", "--seeds", "2", "--epochs", "1")

    def reproduce(*more):
        return subprocess.run(
            [sys.executable, "-m", "hierapp", *command, *more],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )

    done = reproduce("--output", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    runs = store.runs()
    assert [run.state for run in runs] == ["finished"] * 4
    for words in ("Figure 8: soft labels", "The paper reports: No difference", "Here it", "Appendix A"):
        assert words in done.stdout
    kept = results.load(results.file_of("quick"))
    assert kept == results.load(tmp_path / "out.json")
    assert {"8", "12", "3c", "appendix-a"} <= kept.results.keys()
    assert kept.results["12"].claims[0].verdict == "cannot tell"  # one epoch
    assert kept.command == "python -m hierapp reproduce 8 12 appendix-a --size quick --data digits --seeds 2 --epochs 1"
    assert kept.took_seconds > 0
    again = reproduce("--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["results"].keys() == kept.results.keys()
    assert "4 of them finished before" in again.stderr
    assert len(store.runs()) == 4
    assert results.load(results.file_of("quick")).took_seconds == kept.took_seconds  # it trained nothing


def test_detached_it_queues_and_returns(store, call):
    status, out, _ = call("8", "10", "--data", "digits", "--seeds", "1", "--epochs", "1", "--detach", "--slots", "1")
    assert status == 0
    assert out.split() == [run.id for run in store.runs()]
    assert {run.state for run in store.runs()} == {"queued"}
    status, again, _ = call("8", "10", "--data", "digits", "--seeds", "1", "--epochs", "1", "--detach", "--json")
    assert json.loads(again) == out.split()


def test_a_run_that_failed_costs_the_exit_status_and_its_figure(store, call, monkeypatch):
    def fail(store):
        for run in store.runs(states=("queued",)):
            end(store, run.id, "failed", error="It would not.")

    monkeypatch.setattr(scheduler, "reap_lost_runs", fail)
    status, out, _ = call("3c", "--data", "digits", "--seeds", "1", "--epochs", "1")
    assert status == 1
    assert "Here: nothing yet" in out
    assert not results.file_of("quick").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("7",), "no figure '7'"),
        (("--data", "nothing"), "nothing"),
        (("--data", "cifar10"), "cifar10"),
        (("--seeds", "0", "--data", "digits"), "--seeds to be 1 or more"),
        (("--epochs", "-1", "--data", "digits"), "--epochs to be 1 or more"),
        (("--size", "huge"), "invalid choice"),
    ],
)
def test_bad_input_costs_one_line_and_queues_nothing(arguments, words, store, call):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert store.runs() == []


def test_times_that_are_kept_are_not_measured_again(store, call, monkeypatch):
    timing.keep(made_up.timing(190, 200, 210), "quick", "digits")
    monkeypatch.setattr(timing, "measure", lambda *arguments: pytest.fail("measured again"))
    status, out, _ = call("appendix-a", "--data", "digits")
    assert status == 0
    assert "200 times as fast" in out
    assert store.setting("slots.cpu") is None  # nothing was trained
