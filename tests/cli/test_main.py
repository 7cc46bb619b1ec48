"""The command line: what it prints, its exit status, and that bad input costs one line and leaves the store alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.cli import main as cli
from hierapp.data import mirrors, registry as datasets
from hierapp.execution import scheduler
from hierapp.runs import Run, Store
from hierapp.similarities import Similarity, formats as similarity_formats
from hierapp.similarities.similarity import ordinal
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.store_states import end, working

PROJECT = Path(__file__).resolve().parents[2]
DIGITS = tree_library.load("digits")
KEYS = {
    *("id", "state", "pid", "config", "epoch", "epochs", "progress", "metrics", "test", "folder", "error"),
    *("device", "version", "content", "created", "started", "ended"),
    *("note", "own_note", "tags", "owner", "priority", "held", "attempt", "origin"),
}
PATIENCE = 600.0


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.chdir(tmp_path)
    made = Store()
    yield made
    for run in made.runs(states=("running",)):
        if run.pid != os.getpid():
            processes.kill(run.process)


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with a finished, a failed and a cancelled run."""
    configs = [
        RunConfig.make(data="digits", tree="digits", loss=loss, epochs=1)
        for loss in ("cross-entropy", "hierarchical", "simloss")
    ]
    done, failed, cancelled = store.add(configs, DIGITS)
    working(store, done).end_epoch(1, {"val_accuracy": 0.25, "val_loss": 2.0}, np.eye(10, dtype=np.int64))
    end(store, done, "finished", test={"accuracy": 0.75})
    end(store, failed, "failed", error="It would not.")
    store.request_cancel(cancelled)
    return store


@pytest.fixture
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is started; the states in which runs are to end, one after another, when the scheduler is woken."""
    states: list[str] = []

    def wake(store: Store) -> None:
        for state in states:
            if (run := store.claim()) is not None:
                end(store, run.id, state, error="It would not." if state == "failed" else None)

    monkeypatch.setattr(scheduler, "ensure_scheduler", wake)
    monkeypatch.setattr(scheduler, "reap_lost_runs", wake)
    return states


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process; exit status, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_scheduler_without_a_sign_of_life_is_told(call, store, no_launcher, monkeypatch):
    sentence = "The scheduler has not responded."
    monkeypatch.setattr(scheduler, "trouble", lambda store: sentence)
    store.add([RunConfig.make(data="digits", tree="digits", loss="conditional")], DIGITS)
    status, output, errors = call("runs")
    assert (status, errors) == (0, f"hierapp: {sentence}\n")
    assert "queued" in output


def python(*arguments: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def rows(store: Store) -> list[tuple[Run, object, object]]:
    runs = store.runs()
    metrics = store.metrics(run.id for run in runs)
    return [(run, metrics[run.id], str(store.confusion(run.id, "validation"))) for run in runs]


# Runs, with real processes


@pytest.mark.slow
def test_run_follows_the_runs_and_prints_them_as_json(store):
    done = python("-m", "hierapp", "run", "--data", "digits", "--loss", "hierarchical", "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert run.keys() == KEYS
    assert (run["state"], run["pid"], run["epoch"], run["error"]) == ("finished", None, 1, None)
    config = run["config"]
    assert (config["data"], config["tree"], config["loss"], config["model"]) == (
        "digits",
        "digits",
        "hierarchical",
        "lenet",
    )
    assert (config["epochs"], config["batch_size"], config["seed"]) == (1, 128, 0)
    assert run["config"]["learning_rate"] == 1e-3
    assert run["config"]["options"]["targets"] == "path"
    assert {"train_loss", "val_loss", "val_accuracy"} <= run["metrics"].keys()
    assert 0 <= run["test"]["accuracy"] <= 1
    assert (Path(run["folder"]) / "model.safetensors").exists()
    assert "Traceback" not in done.stderr
    assert run["id"] in done.stderr, "who waits is told how it went"


@pytest.mark.slow
def test_a_detached_run_goes_on_when_the_command_has_returned(store):
    done = python("-m", "hierapp", "run", "--data", "digits", "--loss", "simloss", "--epochs", "1", "--detach")
    assert done.returncode == 0, done.stderr
    (run,) = done.stdout.split()
    until = time.monotonic() + PATIENCE
    while store.run(run).is_open:
        assert time.monotonic() < until
        time.sleep(0.05)
    end = store.run(run)
    assert (end.state, end.error) == ("finished", None), end.log_file.read_text()


# Runs, without


def test_run_plans_every_loss_for_every_seed(store, call, no_launcher):
    status, out, err = call(
        *("run", "--data", "digits", "--tree", "digits-flat", "--loss", "simloss", "--loss", "hierarchical"),
        *("--option", "mass=0.5", "--option", "simloss.lower_bound=0.25", "--seeds", "2", "--seed", "7"),
        *("--epochs", "5", "--batch-size", "16", "--learning-rate", "0.01", "--device", "cpu", "--detach"),
    )
    assert (status, err) == (0, "")
    runs = store.runs()
    assert out.split() == [run.id for run in runs]
    assert [(run.config.seed, run.config.loss) for run in runs] == [
        (seed, loss) for seed in (7, 8) for loss in ("simloss", "hierarchical")
    ]
    assert runs[0].config.options == {"similarity": "tree", "lower_bound": 0.25}
    assert runs[1].config.options["mass"] == 0.5
    for run in runs:
        config = run.config
        assert (config.tree, config.epochs, config.batch_size, config.device) == ("digits-flat", 5, 16, "cpu")
        assert config.learning_rate == 0.01
        assert run.tree == tree_library.load("digits-flat")
        assert run.state == "queued"


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_runs_of_few_steps_are_warned_about(store, call, no_launcher, json_too):
    status, out, err = call(*RUN, "--epochs", "2", "--batch-size", "128", "--detach", *json_too)
    assert (status, len(store.runs())) == (0, 1)
    assert err.startswith("hierapp: warning: A run of 18 steps")
    assert len(err.splitlines()) == 1
    assert "warning" not in out


def test_the_data_set_and_its_tree_need_not_be_given(store, call, no_launcher):
    status, out, _ = call("run", "--loss", "simloss", "--detach", "--json")
    assert status == 0
    (run,) = json.loads(out)
    assert (run["config"]["data"], run["config"]["tree"], run["state"]) == ("digits", "digits", "queued")
    assert run.keys() == KEYS


def test_a_sweep_of_the_learning_rate(store, call, no_launcher):
    words = (
        "run",
        "--data",
        "digits",
        "--loss",
        "simloss",
        "--learning-rate",
        "0.01",
        "--epochs",
        "1",
        "--sweep-rates",
    )
    status, out, _ = call(*words, "--detach")
    assert (status, len(out.split())) == (0, 5)
    assert [run.config.learning_rate for run in store.runs()] == [0.001, 0.003, 0.01, 0.03, 0.1]


def test_a_tree_can_be_a_file(store, call, no_launcher):
    DIGITS.save("own.nwk")
    assert call("run", "--data", "digits", "--tree", "own.nwk", "--loss", "simloss", "--detach")[0] == 0
    (run,) = store.runs()
    assert (run.config.tree, run.tree) == ("own.nwk", DIGITS)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["finished", "finished"], 0),
        (["finished", "failed"], 1),
        (["cancelled", "finished"], 1),
        (["interrupted"] * 2, 1),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_the_exit_status_tells_whether_every_run_finished(call, no_launcher, states, status, json_too):
    no_launcher[:] = states
    command = ("run", "--data", "digits", "--loss", "simloss", "--loss", "hierarchical")
    found, out, err = call(*command, *(["--json"] if json_too else []))
    assert found == status
    assert "Traceback" not in err
    if json_too:
        assert [run["state"] for run in json.loads(out)] == states
    else:
        assert all(state in out for state in states)
        assert ("It would not." in out) == ("failed" in states)


def test_runs_are_listed(filled, call):
    status, out, err = call("runs", "--json")
    assert (status, err) == (0, "")
    runs = json.loads(out)
    assert [run["state"] for run in runs] == ["finished", "failed", "cancelled"]
    assert all(run.keys() == KEYS for run in runs)
    assert (runs[0]["test"], runs[0]["metrics"]) == ({"accuracy": 0.75}, {"val_accuracy": 0.25, "val_loss": 2.0})
    status, out, _ = call("runs")
    assert status == 0
    assert all(word in out for word in ("cross-entropy", "0.7500", "0.2500", "failed", "It would not.", "1 of 1"))


def test_names_with_brackets_are_printed_as_they_are(store, call):
    store.add([RunConfig.make(data="digits", tree="[/bold] [red]mine.json", loss="simloss")], DIGITS)
    status, out, _ = call("runs")
    assert status == 0
    assert "[/bold] [red]mine.json" in out


def test_runs_with_brackets_in_their_names_can_be_followed(call, no_launcher):
    no_launcher[:] = ["finished", "failed"]
    Path("[").mkdir()  # a folder, for there is a slash in the name
    Path("[/bold]mine.json").write_text(json.dumps({"name": "r", "children": [{"name": n} for n in "0123456789"]}))
    status, out, err = call("run", "--tree", "[/bold]mine.json", "--loss", "simloss", "--loss", "hierarchical")
    assert status == 1, err
    assert "[/bold]mine.json" in out


def test_without_runs_the_list_says_how_to_start_some(store, call):
    assert call("runs", "--json")[:2] == (0, "[]\n")
    status, out, _ = call("runs")
    assert (status, "python -m hierapp run --loss" in out) == (0, True)
    assert not store.folder.exists()


def test_a_run_is_shown(filled, call):
    status, out, err = call("show", "1", "--json")
    assert (status, err) == (0, "")
    run = json.loads(out)
    assert run.keys() == KEYS
    assert (run["id"], run["state"], run["config"]["loss"]) == ("1", "finished", "cross-entropy")
    status, out, _ = call("show", "1")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith("test "))
    assert (status, lines["state"], lines["batch_size"]) == (0, "finished", "128")
    assert "test accuracy" in out
    assert call("show", "3")[0] == 0


def test_a_run_is_cancelled(store, filled, call):
    running, waiting = store.add([RunConfig.make(data="digits", tree="digits", loss="simloss")] * 2, DIGITS)
    store.claim()
    assert call("cancel", running) == (0, f"run {running} will stop within seconds\n", "")
    assert store.run(running).cancel_requested is not None
    assert call("cancel", waiting) == (0, f"run {waiting} is cancelled\n", "")
    assert store.run(waiting).state == "cancelled"
    assert call("cancel", "1") == (0, "run 1 is finished\n", "")
    assert store.run("1").state == "finished"
    status, out, _ = call("cancel", running, "--json")
    assert (status, json.loads(out)[0]["state"]) == (0, "running")


@pytest.mark.parametrize("stopped", ["2", "3"])
def test_a_stopped_run_is_resumed(store, filled, call, no_launcher, stopped):
    before = store.run(stopped)
    assert call("resume", stopped, "--detach") == (0, f"{stopped}\n", "")
    assert (store.run(stopped).state, before.attempt) == ("queued", int(stopped == "2"))


def test_a_resumed_run_is_followed_to_its_end(store, filled, call, no_launcher):
    no_launcher.append("finished")
    status, out, _ = call("resume", "2", "--json")
    (run,) = json.loads(out)
    assert (status, run["state"], run["attempt"]) == (0, "finished", 2)


def test_a_run_whose_process_is_gone_reads_as_interrupted_at_once(store, call):
    store.add([RunConfig.make(data="digits", tree="digits", loss="simloss")], DIGITS)
    store.claim()
    where = processes.identity(os.getpid()).rsplit(" ", 2)[0]
    store.writer("1").take(2**22 + 5, f"{where} {2**22 + 5} 7")
    status, out, _ = call("show", "1", "--json")
    shown = json.loads(out)
    assert (status, shown["state"], shown["pid"]) == (0, "interrupted", None)
    assert shown["error"] == "The run's process is gone; the machine or the process was stopped externally."


def test_only_a_stopped_run_is_resumed(store, filled, call, no_launcher):
    sentence = "Run 1 is finished; only a failed, cancelled or interrupted run can be resumed."
    assert call("resume", "1") == (2, "", f"hierapp: {sentence}\n")


def test_waiting_runs_are_held_released_and_moved(store, call, no_launcher):
    ids = store.add([RunConfig.make(data="digits", tree="digits", loss="simloss")] * 3, DIGITS)
    assert call("hold", "2") == (0, "1\n2 held\n3\n", "")
    assert call("move", "3", "first") == (0, "3\n1\n2 held\n", "")
    assert call("release", "2") == (0, "3\n1\n2\n", "")
    assert [run.id for run in store.queue()] == ["3", "1", "2"]
    store.claim()
    status, _, error = call("hold", ids[2])
    assert (status, error) == (2, "hierapp: Run 3 is running; only a waiting run has a place in the queue.\n")


def test_a_run_of_higher_priority_goes_first(store, call, no_launcher):
    for priority in ("0", "5", "-1"):
        assert call(*RUN, "--detach", "--priority", priority)[0] == 0
    assert [run.id for run in store.queue()] == ["2", "1", "3"]
    status, _, error = call(*RUN, "--detach", "--priority", "101")
    assert (status, error) == (2, "hierapp: Expected a priority from -100 to 100 but got 101.\n")


# Bad input

RUN = ("run", "--data", "digits", "--loss", "hierarchical")
FILES = {
    "broken.json": '{"name": "root", ',
    "list.json": "[1, {}]",
    "child-parent.csv": "cat,animal\ndog,animal\n",
    "others.json": '{"r": {"animal": ["cat", "other"], "vehicle": ["bus", "other"]}}',
    "cycle.csv": "parent,child\nroot,0\na,b\nb,a\n",
    "roots.csv": "parent,child\na,0\nb,1\n",
    "twice.json": '{"name": "root", "children": [{"name": "0"}, {"name": "0"}]}',
    "few.csv": "parent,child\n" + "".join(f"root,{name}\n" for name in "012345678"),
    "many.csv": "parent,child\n" + "".join(f"root,{name}\n" for name in "0123456789X"),
    "notes.txt": "root",
    "empty.nwk": "",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--loss", "nonsense"), "Unknown loss 'nonsense'"),
        (("run", "--data", "digits"), "No loss is chosen"),
        ((*RUN, "--epochs", "-1"), "-1 for epochs"),
        ((*RUN, "--epochs", "0"), "0 for epochs"),
        ((*RUN, "--epochs", "many"), "invalid int value: 'many'"),
        ((*RUN, "--epochs", "1.5"), "invalid int value: '1.5'"),
        ((*RUN, "--epochs"), "expected one argument"),
        ((*RUN, "--batch-size", "0"), "0 for batch_size"),
        ((*RUN, "--learning-rate", "nan"), "nan for learning_rate"),
        ((*RUN, "--seeds", "0"), "No seed is chosen"),
        ((*RUN, "--seed", "-1"), "-1 for seed"),
        ((*RUN, "--model", "vgg"), "Unknown model 'vgg'"),
        ((*RUN, "--device", "tpu"), "'tpu' for device"),
        ((*RUN, "--option", "strength=1"), "has an option 'strength'"),
        ((*RUN, "--option", "mass"), "NAME=VALUE"),
        ((*RUN, "--option", "mass=much"), "mass of hierarchical"),
        ((*RUN, "--surprise"), "unrecognized arguments: --surprise"),
        (("run", "--data", "imagenet", "--loss", "simloss"), "Unknown data set 'imagenet'"),
        (("run", "--data", "cifar10", "--loss", "simloss"), "CIFAR-10 is not on this machine"),
        (("data", "get", "imagenet"), "Unknown data set 'imagenet'"),
        (("data", "get", "cifar10"), "Could not download cifar10: no network here"),
        ((*RUN, "--tree", "nowhere"), "There is no tree 'nowhere'"),
        ((*RUN, "--tree", "nowhere.json"), "There is no file nowhere.json"),
        ((*RUN, "--tree", "notes.txt"), "notes.txt"),
        ((*RUN, "--tree", "broken.json"), "broken.json: Broken JSON"),
        ((*RUN, "--tree", "few.csv"), "class '9' not among the leaves"),
        ((*RUN, "--tree", "many.csv"), "leaf 'X' not among the classes"),
        ((*RUN, "--tree", "cifar10"), "does not fit the data set"),
        (("tree", "check", "nowhere.csv"), "There is no file nowhere.csv"),
        (("tree", "check", "notes.txt"), "notes.txt"),
        (("tree", "check", "broken.json"), "broken.json: Broken JSON"),
        (("tree", "check", "list.json"), "list.json"),
        (("tree", "check", "empty.nwk"), "empty.nwk: The file is empty"),
        (("tree", "check", "cycle.csv"), "form a cycle"),
        (("tree", "check", "roots.csv"), "all roots"),
        (("tree", "check", "twice.json"), "'0' is used twice"),
        (("tree", "check", "few.csv", "--data", "digits"), "class '9' not among the leaves"),
        (("tree", "check", "many.csv", "--data", "digits"), "leaf 'X' not among the classes"),
        (("tree", "check", "few.csv", "--data", "imagenet"), "Unknown data set"),
        (("tree", "show", "child-parent.csv"), "--as 'child-parent no-header' on the command line"),
        (("tree", "show", "child-parent.csv", "--as", "newick"), "cannot be read as 'newick'"),
        (("tree", "show", "others.json"), "--disambiguate on the command line"),
        (("tree", "show", "cycle.csv"), "form a cycle"),
        (("tree", "convert", "few.csv", "few.txt"), "few.txt"),
        (("tree", "convert", "few.csv", "nowhere/few.json"), "cannot be written"),
        (("tree", "convert", "few.csv"), "required: OUT"),
        (("show", "99"), "There is no run '99'"),
        (("show", "one"), "There is no run 'one'"),
        (("export", "99", "-o", "runs.zip"), "There is no run '99'"),
        (("export", "1"), "required: -o/--out"),
        (("export", "1", "-o", "few.csv"), "few.csv already exists"),
        (("report", "1", "-o", "nowhere/runs.html"), "cannot be written to nowhere"),
        (("report", "1", "no", "-o", "runs.html"), "There is no run 'no'"),
        (("cancel", "99999999999999999999"), "There is no run"),
        (("run", "--data", "digits", "--loss", "simloss", "--option", "similarity=nope"), "no similarity 'nope'"),
        (("run", "--data", "digits", "--loss", "simloss", "--option", "similarity=cifar10-names"), "does not fit: The"),
        (("run", "--data", "digits", "--loss", "simloss", "--option", "similarity=ordinal:1"), "below 1"),
        (("similarity", "show", "nope"), "There is no similarity 'nope'"),
        (("similarity", "keep", "nowhere.csv"), "'nowhere.csv' cannot be read (No such file or directory)"),
        (("similarity", "keep", "few.csv"), "few.csv: Line 2 is the row of 'root'"),
        (("similarity", "delete", "cifar10-names"), "can be deleted"),
        (("similarity", "embed", "--data", "digits", "--prompt", "x"), "Expected a prompt with one {}"),
        (("similarity", "embed", "--data", "digits", "-o", "few.csv"), "few.csv already exists"),
        (("train",), "invalid choice: 'train'"),
        (("tree", "grow"), "invalid choice: 'grow'"),
        ((), "required: COMMAND"),
        (("tree",), "required: {check,show,convert,propose,drafts,wordnet}"),
        (("similarity",), "required: {list,show,keep,delete,embed}"),
        (("data",), "required: {list,get,check,import,toy,delete}"),
        (("show",), "required: run"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_bad_input_costs_one_line_and_leaves_the_store_as_it_was(filled, call, monkeypatch, arguments, message):
    def fail(*rest: object) -> bool:
        raise mirrors._WayFailedError("no network here")

    monkeypatch.setattr(mirrors, "_by_torchvision", fail)
    monkeypatch.setattr(processes, "spawn", None)  # nothing may be started
    for name, text in FILES.items():
        Path(name).write_text(text)
    before, files = rows(filled), sorted(Path().rglob("*.*"))
    status, _, err = call(*arguments)
    assert status == 2
    assert message in err
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    assert rows(filled) == before
    assert [file for file in sorted(Path().rglob("*.*")) if file not in files and "data" not in file.parts] == []


def test_a_home_that_cannot_be_written_costs_one_line(filled, call, monkeypatch, tmp_path):
    before = rows(filled)
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(processes, "spawn", None)
    for home in ("file", "file/below"):
        monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / home))
        status, out, err = call(*RUN)
        assert (status, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert "HIERAPP_HOME" in err
    assert rows(filled) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_slots_that_cannot_be_cost_one_line_and_queue_nothing(filled, call, monkeypatch):
    before = rows(filled)
    monkeypatch.setenv("HIERAPP_SLOTS", "many")
    monkeypatch.setattr(processes, "spawn", None)
    status, _, err = call(*RUN)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "'many'" in err
    assert rows(filled) == before


# Data sets


def test_data_sets_are_listed_with_their_state(call):
    status, out, err = call("data", "list", "--json")
    assert (status, err) == (0, "")
    states = {row["name"]: row["state"] for row in json.loads(out)}
    assert states.keys() == datasets.DATASETS.keys()
    assert (states["digits"], states["cifar10"]) == ("ready", "absent")
    status, out, _ = call("data", "list")
    assert status == 0
    assert [line.split()[0] for line in out.partition("\n\n")[0].splitlines()] == list(datasets.DATASETS)
    assert call("data", "get", "digits")[0] == 0


# Trees


def test_a_tree_is_checked(call):
    status, out, err = call("tree", "check", "digits", "--data", "digits", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {"file": "digits", "nodes": 14, "leaves": 10, "depth": 3, "is_uniform_depth": True}
    ragged = LabelTree.from_edges([("root", "a"), ("a", "b"), ("a", "c"), ("root", "d")])
    ragged.save("ragged.csv")
    status, out, _ = call("tree", "check", "ragged.csv")
    assert (status, out) == (0, "ragged.csv: a label tree, 5 nodes, 3 leaves, ragged, depth 3.\n")
    assert json.loads(call("tree", "check", "ragged.csv", "--json")[1])["is_uniform_depth"] is False


@pytest.mark.parametrize(
    ("arguments", "drawn"),
    [
        (("child-parent.csv", "--as", "child-parent"), ["animal", "cat", "dog"]),
        (
            ("others.json", "--disambiguate"),
            ["r", "animal", "cat", "other (animal)", "vehicle", "bus", "other (vehicle)"],
        ),
    ],
)
def test_a_question_about_a_tree_file_is_answered_by_an_option(call, arguments, drawn):
    Path(arguments[0]).write_text(FILES[arguments[0]])
    status, out, err = call("tree", "show", *arguments)
    assert (status, err) == (0, "")
    assert [line.lstrip("│├└─ |`-") for line in out.splitlines()] == drawn
    assert call("tree", "convert", *arguments, "out.nwk")[0] == 0
    assert set(LabelTree.load("out.nwk").nodes) == set(drawn)


def test_a_tree_is_drawn_with_all_its_nodes_even_with_brackets(call):
    tree = LabelTree.from_edges([("root", "[/a]"), ("[/a]", "[red]b"), ("root", "c")])
    tree.save("odd.json")
    status, out, err = call("tree", "show", "odd.json")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [any(line.endswith(name) for line in lines) for name in tree.nodes] == [True] * 4
    assert len(lines) == 4


def test_a_tree_keeps_itself_through_every_format(call):
    suffixes = (".json", ".csv", ".adjacency.csv", ".nwk", ".json")
    before = "digits"
    for number, suffix in enumerate(suffixes):
        after = f"tree{number}{suffix}"
        status, out, err = call("tree", "convert", before, after)
        assert (status, out, err) == (0, f"{after}: 14 nodes, 10 leaves\n", "")
        assert LabelTree.load(after) == DIGITS
        before = after


def test_convert_overwrites_nothing(call):
    Path("mine.json").write_text("precious")
    status, out, err = call("tree", "convert", "digits", "mine.json")
    assert (status, out) == (2, "")
    assert "already exists" in err
    assert len(err.splitlines()) == 1
    assert Path("mine.json").read_text() == "precious"


# The process itself


def test_a_similarity_is_kept_shown_trained_with_and_deleted(store, call, no_launcher):
    classes = tuple("0123456789")
    Path("alike.csv").write_text(similarity_formats.render(Similarity.of(classes[::-1], ordinal(10, 0.25))))
    status, out, _ = call("similarity", "keep", "alike.csv")
    assert (status, out) == (0, "alike: 10 classes; train with --option similarity=alike\n")
    listed = json.loads(call("similarity", "list", "--json")[1])
    assert listed[-1] == {"name": "alike", "title": "alike", "data": "digits", "shipped": False}
    assert "alike                    digits         alike (yours)" in call("similarity", "list")[1]
    shown = json.loads(call("similarity", "show", "alike", "--json")[1])
    assert shown["matrix"] == ordinal(10, 0.25).tolist()
    assert shown["far_loss"] > shown["near_loss"] > shown["right_loss"] == 0
    assert "most similar" in call("similarity", "show", "alike")[1]
    status, *_ = call("run", "--data", "digits", "--loss", "simloss", "--option", "similarity=alike", "--detach")
    assert status == 0
    assert call("similarity", "delete", "alike")[0] == 0
    (run,) = store.runs()
    assert run.config.options["similarity"] == "alike"
    assert run.similarity[run.tree.leaves.index("3"), run.tree.leaves.index("5")] == 0.25**2


@pytest.mark.slow
def test_the_command_line_starts_without_torch_streamlit_and_plotly():
    script = (
        "import runpy, sys\n"
        "sys.argv = ['hierapp', *sys.argv[1:]]\n"
        "try:\n    runpy.run_module('hierapp', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print([name for name in ('torch', 'streamlit', 'plotly', 'pandas') if name in sys.modules])\n"
    )
    for arguments in (["--help"], ["tree", "check", "digits"], ["data", "list"]):
        done = python("-c", script, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "[]"
    assert "usage: python -m hierapp" in python("-m", "hierapp", "--help").stdout


@pytest.mark.slow
def test_the_store_the_summary_and_the_figures_need_no_torch():
    done = python(
        "-c",
        "import hierapp.runs.store, hierapp.analysis.summary, hierapp.plots.core, sys; print('torch' in sys.modules)",
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_a_pipe_early_is_no_error(filled):
    command = f"{sys.executable} -m hierapp runs --json | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_about_the_input_is_one_line(call, tmp_path):
    file = tmp_path / "cosines.csv"
    file.write_text(",cat,dog\ncat,1,-0.02\ndog,0.5,1\n")
    status, out, err = call("similarity", "keep", str(file))
    assert (status, out.count("\n")) == (0, 1)
    assert err == "hierapp: warning: The similarity has 1 negative value, down to -0.02, which counts as 0.\n"
