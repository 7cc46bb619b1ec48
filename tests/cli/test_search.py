"""`search` and `searches` on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hierapp.cli import main as cli
from hierapp.paths import project_folder
from hierapp.runs import Store
from hierapp.search import journal
from hierapp.search.report import Report
from tests.search.conftest import begun, carry_on, quiet_store

BEGIN = ["search", "lr", "--data", "digits", "--loss", "hierarchical", "--epochs", "1", "--vary", "mass=0..1"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    return quiet_store(tmp_path, monkeypatch)


@pytest.fixture
def call(capsys):
    def run(*arguments):
        capsys.readouterr()
        status = cli.main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_search_begins_with_what_the_command_says(call, store):
    status, out, _ = call(
        *BEGIN,
        "--loss=hxe",
        "--vary=learning_rate=1e-4..1e-1:log",
        "--vary=batch_size=64,128",
        "--option=soft=0.1",
        "--trials=7",
        "--at-once=3",
        "--metric=val_distance",
        "--pruner=off",
        "--sampler-seed=5",
        "--seed=2",
        "--optimizer=sgd",
        "--detach",
    )
    assert status == 0
    assert out.startswith("search lr: running, 0 of 7 trials")
    plan = journal.find(store, "lr").plan
    assert plan.losses == ("hierarchical", "hxe")
    assert [each.name for each in plan.dimensions] == ["loss", "hierarchical.mass", "learning_rate", "batch_size"]
    assert (plan.trials, plan.at_once, plan.metric, plan.pruner, plan.seed) == (7, 3, "val_distance", "off", 5)
    assert plan.options == {"hierarchical.soft": "0.1"}
    assert (plan.values["seed"], plan.values["optimizer"], plan.values["epochs"]) == (2, "sgd", 1)
    assert plan.config({"loss": "hierarchical", "hierarchical.mass": 0.5}).options["soft"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search", "lr", "--data", "digits", "--vary", "mass=0..1"], "No loss is chosen"),
        (BEGIN[:-2], "Nothing varies"),
        ([*BEGIN[:-1], "mass"], "NAME=RANGE"),
        ([*BEGIN, "--trials", "0"], "from 1 to 1,000 trials"),
        ([*BEGIN, "--option", "mass"], "NAME=VALUE"),
        ([*BEGIN, "--show"], "leave --vary out"),
        (["search", "lr", "--show"], "There is no search 'lr'"),
        (["search", "lr", "--resume"], "There is no search 'lr'"),
        (["search", "lr", "--stop"], "There is no search 'lr'"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_kept(arguments, says, call, store):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert journal.names(store) == []


def test_a_search_is_shown_listed_stopped_and_resumed(call, store):
    assert "no searches yet" in call("searches")[1]
    search = begun(store, trials=3)
    assert call("search", "lr", "--stop")[1].startswith("search lr: stopped")
    assert call("search", "lr", "--resume", "--detach")[1].startswith("search lr: running")
    carry_on(search, lambda config: 0.5)
    status, out, _ = call("search", "lr", "--show")
    assert status == 0
    assert "search lr: finished, 3 of 3 trials (3 finished)" in out
    assert "best: trial 0, run 1: learning_rate" in out
    shown = json.loads(call("search", "lr", "--show", "--json")[1])
    assert [(each["trial"], each["run"], each["value"]) for each in shown["tried"]] == [
        (0, "1", 0.5),
        (1, "2", 0.5),
        (2, "3", 0.5),
    ]
    assert "3 of 3" in call("searches")[1]
    (listed,) = json.loads(call("searches", "--json")[1])
    assert listed == shown
    assert "All trials" in call("search", "lr", "--resume")[2]
    assert "A search 'lr'" in call(*BEGIN)[2]


@pytest.mark.slow
def test_a_real_search_is_followed_to_its_end(tmp_path):
    environment = {**os.environ, "HIERAPP_HOME": str(tmp_path / "home"), "PYTHONPATH": str(project_folder())}
    environment.pop("HIERAPP_SLOTS", None)
    done = subprocess.run(
        [sys.executable, "-m", "hierapp", *BEGIN, "--trials", "3", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["state"] == "finished"
    assert [each["state"] for each in shown["tried"]] == ["finished"] * 3
    assert all(0 < each["value"] <= 1 for each in shown["tried"])
    assert done.stderr.count("finished, validation accuracy") == 3
    store = Store(tmp_path / "home")
    assert [run.tags for run in store.runs()] == [("search:lr",)] * 3
    search = journal.find(store, "lr")
    assert Report.of(search).as_dict() == shown
    assert "Traceback" not in search.log_file.read_text()
    assert "Warning" not in search.log_file.read_text()
