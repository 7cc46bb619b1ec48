"""The command line's `study`: what is listed, queued, collected and printed."""

from __future__ import annotations

import json

import pytest

from hierapp.cli import main as cli
from hierapp.execution import scheduler
from hierapp.runs import Store
from hierapp.studies import library, rows
from tests.finished_runs import add_finished
from tests.store_states import end
from tests.studies.conftest import rows_of, study

FILE = """
title = "Mine"
question = "Does it work?"
data = "digits"
tree = "digits"
seeds = 10
training = { epochs = 3 }
[[groups]]
name = "plain"
loss = "cross-entropy"
[[groups]]
name = "hxe"
loss = "hxe"
[[comparisons]]
first = "hxe"
second = "plain"
"""


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    return Store()


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(FILE)
    return str(file)


@pytest.fixture
def call(capsys):
    def run(*arguments):
        capsys.readouterr()
        try:
            status = cli.main(["study", *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_list_has_every_study_with_its_number_of_runs(call):
    status, out, _ = call("list", "--json")
    listed = {row["study"]: row for row in json.loads(out)}
    assert (status, listed.keys()) == (0, library.shipped().keys())
    assert listed["head-and-weights"]["runs"] == 4 * (15 + 4 * 2)
    assert call("list")[0] == 0


def test_detached_it_queues_once_and_tells_how_far_it_is(call, mine, store):
    status, out, _ = call("run", mine, "--detach", "--json", "--seeds", "2")
    assert (status, json.loads(out)) == (0, [run.id for run in store.runs()])
    assert len(store.runs()) == 4
    assert call("run", mine, "--detach", "--seeds", "2")[1].split() == []
    end(store, "1", "finished")
    _, out, _ = call("status", mine, "--seeds", "2", "--json")
    assert json.loads(out) | {"chosen": None} == {
        "stage": "training", "runs": 4, "finished": 1, "queued": 3, "lacking": 0, "chosen": None
    }  # fmt: skip
    assert "queued 3" in call("status", mine, "--seeds", "2")[1]


def test_a_finished_study_is_collected_judged_and_written(call, mine, store, tmp_path):
    for seed in range(10):
        add_finished(store, seed=seed, skill=2.5)
        add_finished(store, loss="hxe", seed=seed, skill=3.5)
    status, _, err = call("run", mine, "--output", str(tmp_path / "out.csv"))
    assert (status, "100 rows" in err) == (0, True)
    assert rows.read(tmp_path / "out.csv") == rows.read(tmp_path / "home" / "studies" / "mine.csv")
    _, out, _ = call("verdict", mine, "--json")
    assert {each["verdict"] for each in json.loads(out) if each["endpoint"] == "accuracy"} == {"higher"}
    assert "| loss | hxe | plain | leaf | accuracy | 10 |" in call("verdict", mine)[1]
    assert "hxe has a higher accuracy than plain" in call("verdict", mine, "--sentences")[1]
    assert len(call("table", mine)[1].splitlines()) == 2 + 2 * 5
    assert len(store.runs()) == 20


def test_a_table_is_computed_from_a_given_file_alone(call, mine, tmp_path):
    rows.write(rows_of(study(), {"plain": 0.5, "hxe": 0.6, "hxe, permuted": 0.5}), tmp_path / "a.csv")
    _, out, _ = call("table", mine, "--csv", str(tmp_path / "a.csv"), "--json")
    assert [row["n"] for row in json.loads(out)] == [10] * 4
    status, out, err = call("verdict", mine, "--csv", str(tmp_path / "a.csv"), "--seeds", "9")
    assert (status, "9 complete seeds" in err) == (0, True)


def test_a_run_that_failed_costs_the_exit_status(call, mine, store, monkeypatch):
    def fail(store):
        for run in store.runs(states=("queued",)):
            end(store, run.id, "failed", error="It would not.")

    add_finished(store)
    monkeypatch.setattr(scheduler, "reap_lost_runs", fail)
    status, _, err = call("run", mine, "--seeds", "1")
    assert (status, "1 test runs failed" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("table", "nothing"), "no study 'nothing'"),
        (("table", "lenet"), "has no results yet"),
        (("run", "lenet", "--seeds", "99"), "from 1 to 15"),
        (("run", "lenet"), "cifar100"),
        (("run", "cifar100-features"), "cifar100-lite0"),
        (("collect", "abalone", "--seeds", "1"), "No test run of the study abalone"),
        (("table", "lenet", "--csv", "none.csv"), "cannot be read"),
        ((), "required"),
    ],
)
def test_bad_input_costs_one_line_and_queues_nothing(arguments, words, call, store):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert store.runs() == []
