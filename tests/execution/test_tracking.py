"""Training loops of one's own: what they report, how their runs end, and from which processes."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hierapp import track
from hierapp.analysis import groups
from hierapp.data import registry as datasets
from hierapp.errors import Cancelled, ConfigError, PredictionsError, StoreError, TreeError
from hierapp.execution import scheduler
from hierapp.execution.tracking import TrackedRun
from hierapp.runs import Store
from hierapp.training import predictions
from hierapp.trees import LabelTree, library

REPOSITORY = Path(__file__).resolve().parents[2]
TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "car")])
PROBABILITIES = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def tracked(store: Store, name: str = "loop", **values) -> TrackedRun:
    return track(name, values.pop("tree", TREE), home=store.folder, **values)


def test_a_loop_is_a_run_while_it_trains_and_afterwards(store):
    with tracked(store, epochs=2) as run:
        run.log(0.5, train_loss=1.0)
        run.log(1, train_loss=np.float32(0.5), val_accuracy=0.25)
        run.confusion(1, [0, 1, 2], [0, 1, 1])
        going = store.run(run.id)
        assert (going.state, going.epoch, going.progress, going.pid) == ("running", 1, 0.5, os.getpid())
        assert store.confusion(run.id, "validation").toarray().tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
        test = run.finish(PROBABILITIES, [0, 1, 1])
    ended = store.run(run.id)
    assert (ended.state, ended.origin, ended.error, ended.pid) == ("finished", "tracked", None, None)
    assert ended.test == json.loads(json.dumps(test))
    assert test["accuracy"] == pytest.approx(2 / 3)
    assert store.metrics([run.id])[run.id] == {"train_loss": [(0.5, 1.0), (1.0, 0.5)], "val_accuracy": [(1.0, 0.25)]}
    stored = predictions.stored(ended.folder)
    assert (stored.classes, stored.target.tolist()) == (TREE.leaves, [0, 1, 1])
    assert np.allclose(stored.probabilities, PROBABILITIES, atol=1e-3)
    assert "epoch 1 of 2: train_loss 0.5" in ended.log_file.read_text()


def test_between_two_epochs_means_are_stored_ten_times(store):
    run = tracked(store)
    for step in range(1, 100):
        run.log(step / 100, train_loss=step)
    run.log(1, train_loss=7)
    points = store.metrics([run.id])[run.id]["train_loss"]
    assert len(points) == 10
    assert points[:2] == [(0.1, 5.5), (0.2, 15.5)]
    assert points[-1] == (1.0, 7.0)
    run.end("cancelled")


def test_tensors_and_known_trees_are_taken_as_they_are(store):
    torch = pytest.importorskip("torch")
    with tracked(store, tree=library.load("digits")) as run:
        run.log(1, train_loss=torch.tensor(0.5, requires_grad=True), val_accuracy=torch.tensor([0.25]))
    assert store.run(run.id).config.tree == "digits"
    assert store.run(run.id).last == {"train_loss": 0.5, "val_accuracy": 0.25}


def test_runs_of_a_group_compare_over_their_seeds(store):
    for seed in (0, 1):
        with tracked(store, f"trial {seed}", group="mine", seed=seed) as run:
            run.finish([*PROBABILITIES[:2], PROBABILITIES[seed]], [0, 1, 1])
    (group,) = groups.groups(store.runs())
    assert group.values("accuracy") == {0: pytest.approx(2 / 3), 1: 1.0}
    assert [run.own_note for run in store.runs()] == ["trial 0", "trial 1"]


def test_finish_finds_the_data_set_by_its_labels(store):
    names = datasets.find("digits").class_names
    targets = datasets.arrays("digits", "test")[1]
    leaves = LabelTree.from_edges([("root", name) for name in names])
    with tracked(store, tree=leaves) as run:
        run.finish(np.eye(10)[targets], targets)
    ended = store.run(run.id)
    assert ended.config.data == "digits"
    assert ended.content == datasets.content_hashes("digits")


def test_labels_that_are_not_those_of_the_named_data_set_are_kept_with_a_warning(store):
    leaves = LabelTree.from_edges([("root", name) for name in datasets.find("digits").class_names])
    with tracked(store, tree=leaves, data="digits") as run, pytest.warns(UserWarning, match="true labels"):
        run.finish(np.eye(10), np.arange(10))
    assert store.run(run.id).state == "finished"
    assert store.run(run.id).config.data != "digits"


@pytest.mark.parametrize("stem", ["digits", "a (very) " + "long" * 15])
def test_a_tree_names_no_data_set(store, tmp_path, stem):
    file = tmp_path / f"{stem}.json"
    file.write_text('{"animal": ["cat", "dog"], "vehicle": ["car"]}')
    with tracked(store, tree=file) as run:
        assert store.run(run.id).config.data not in datasets.catalogue()
        run.finish(PROBABILITIES, [0, 1, 1])
    assert store.run(run.id).config.data.startswith("imported-")


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (None, "interrupted", "without a call of finish"),
        (ValueError("no such batch"), "failed", "no such batch"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
def test_a_block_that_ends_early_says_why(store, error, state, words):
    def loop() -> None:
        with tracked(store) as run:
            run.log(1, train_loss=1.0)
            if error is not None:
                raise error

    if error is None:
        loop()
    else:
        with pytest.raises(type(error)):
            loop()
    (run,) = store.runs()
    assert run.state == state
    assert words in run.error
    assert not run.can_resume


def report_on_and_on(run: TrackedRun) -> None:
    for step in range(10**9):
        run.log(step)


def test_a_cancelled_run_ends_its_block_at_the_next_report(store):
    with tracked(store) as run:
        assert not run.should_stop
        store.request_cancel(run.id)
        with pytest.raises(Cancelled):
            report_on_and_on(run)
        assert run.should_stop
        raise Cancelled
    assert store.run(run.id).state == "cancelled"
    with pytest.raises(Cancelled):
        run.log(2)


def test_an_object_that_is_discarded_ends_its_run(store):
    tracked(store)
    gc.collect()
    assert store.runs()[0].state == "interrupted"


def test_a_killed_loop_leaves_a_run_that_says_so_and_is_not_started_again(store, monkeypatch):
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    loop = (
        "import os, signal, sys; from hierapp import track; run = track('loop', 'digits', home=sys.argv[1]);"
        "run.log(1, train_loss=2.0); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", loop, str(store.folder)], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert store.runs()[0].state == "running"
    scheduler.reap_lost_runs(store)
    (run,) = store.runs()
    assert (run.state, run.attempt) == ("interrupted", 1)
    assert "process of this training loop is gone" in run.error
    assert store.metrics([run.id])[run.id] == {"train_loss": [(1.0, 2.0)]}
    with pytest.raises(StoreError, match="not trained by hierapp"):
        store.resume(run.id)


def _report(run: TrackedRun, epoch: int) -> None:
    run.log(epoch, val_accuracy=epoch / 10)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_report_to_the_run(store, method):
    with tracked(store) as run:
        run.log(1, val_accuracy=0.1)
        context = multiprocessing.get_context(method)
        child = context.Process(target=_report, args=(run, 2))
        child.start()
        child.join()
        assert child.exitcode == 0
        run.log(3, val_accuracy=0.3)
        assert store.run(run.id).pid == os.getpid()
    assert store.metrics([run.id])[run.id]["val_accuracy"] == [(1.0, 0.1), (2.0, 0.2), (3.0, 0.3)]


def test_a_copy_in_another_process_neither_owns_nor_ends_the_run(store):
    with tracked(store) as run:
        copy = pickle.loads(pickle.dumps(run))
        copy.log(1, train_loss=1.0)
        del copy
        gc.collect()
        assert run.state == "running"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda store: tracked(store, ""), ConfigError),
        (lambda store: tracked(store, "x" * 81), ConfigError),
        (lambda store: tracked(store, seed=-1), ConfigError),
        (lambda store: tracked(store, epochs=0), ConfigError),
        (lambda store: tracked(store, tree="no such tree"), TreeError),
        (lambda store: tracked(store).log(-1), ConfigError),
        (lambda store: tracked(store).log(float("nan")), ConfigError),
        (lambda store: tracked(store).log(1, train_loss="much"), ConfigError),
        (lambda store: tracked(store).log(1, train_loss=[1.0, 2.0]), ConfigError),
        (lambda store: tracked(store).confusion(0.5, [0], [0]), ConfigError),
        (lambda store: tracked(store).confusion(1, [0], [3]), ConfigError),
        (lambda store: tracked(store).finish([[0.5, 0.5]], [0]), PredictionsError),
        (lambda store: tracked(store).finish(PROBABILITIES, [0, 1]), PredictionsError),
        (lambda store: tracked(store).finish(PROBABILITIES, [0, 1, 3]), PredictionsError),
        (lambda store: tracked(store).finish([[0.5, 1.0, 0.5]] * 3, [0, 1, 2]), PredictionsError),
    ],
)
def test_wrong_arguments_cost_one_sentence(store, call, error):
    with pytest.raises(error) as told:
        call(store)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)


def test_tracking_imports_neither_torch_nor_pandas():
    code = "import sys; from hierapp import track; print([m for m in ('torch', 'pandas', 'ray') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
