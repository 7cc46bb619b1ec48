"""A run's similarity from the queue to the loss: read once, kept with the run, mapped onto the tree by name."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from hierapp import execution
from hierapp.data import registry as datasets
from hierapp.errors import ConfigError
from hierapp.execution import scheduler, worker
from hierapp.losses import pairs
from hierapp.runs import Store
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import bounded, ordinal
from hierapp.training import RunConfig, trainer
from hierapp.trees import library as tree_library
from tests.training.test_trainer import Notes

TREE = tree_library.load("digits")
CLASSES = datasets.find("digits").class_names
MINE = Similarity.of(CLASSES, np.random.default_rng(0).uniform(0, 0.5, (10, 10)) * (1 - np.eye(10)) + np.eye(10))


def config(spec: str, **values: object) -> RunConfig:
    options = {"similarity": spec, "lower_bound": values.pop("lower_bound", 0.0)}
    return RunConfig.make(data="digits", tree="digits", loss="simloss", options=options, epochs=1, **values)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    return Store()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The matrices, with their lower bound, that SimLoss was made with."""
    found: list[np.ndarray] = []
    made = pairs.SimLoss.__init__

    def note(self, *arguments, **named):
        made(self, *arguments, **named)
        found.append(self.log_similarity.exp().numpy())

    monkeypatch.setattr(pairs.SimLoss, "__init__", note)
    return found


def work(store: Store, run: str) -> bool:
    claimed = store.claim()
    assert claimed.id == run
    writer = SQLiteRunWriter(store.database, int(run), claimed.attempt)
    writer.take(1, "")
    return worker.work(writer, pickle.loads(pickle.dumps(claimed)), claimed.folder)  # as it goes to another machine


def test_a_run_is_trained_with_what_was_there_when_it_was_queued(store, seen):
    kept = similarity_library.keep(MINE, "mine")
    (run,) = execution.submit(store, [config("mine", lower_bound=0.25)], TREE)
    kept.path.write_text(kept.path.read_text().replace("0.", "0.0"))  # changed behind its back
    assert work(store, run)
    (used,) = seen
    for i, true in enumerate(TREE.leaves):
        for j, other in enumerate(TREE.leaves):
            before = MINE.matrix[CLASSES.index(true), CLASSES.index(other)]
            assert used[i, j] == pytest.approx(max(0.0, (before - 0.25) / 0.75))
    assert store.run(run).state == "finished"


def test_a_run_whose_similarity_was_deleted_trains_all_the_same(store, seen):
    similarity_library.keep(MINE, "mine")
    (run,) = execution.submit(store, [config("mine")], TREE)
    similarity_library.delete("mine")
    assert work(store, run)
    assert np.allclose(seen[0], MINE.over(TREE.leaves))


def test_ordinal_digits_are_alike_by_their_place_in_the_data_set(store, seen):
    (run,) = execution.submit(store, [config("ordinal:0.5")], TREE)
    assert work(store, run)
    numbers = [int(leaf) for leaf in TREE.leaves]
    assert np.allclose(seen[0], [[0.5 ** abs(i - j) for j in numbers] for i in numbers])


def test_runs_that_share_a_similarity_keep_it_once_and_the_trees_own_keeps_none(store):
    similarity_library.keep(MINE, "mine")
    configs = [config("mine"), config("mine", seed=1), config("tree"), config("ordinal:0.5"), config("mine", seed=2)]
    ids = execution.submit(store, configs, TREE)
    runs = store.runs(ids)
    with store.database.read() as db:
        assert db.execute("SELECT count(*) FROM similarities").fetchone()[0] == 2
    assert [run.similarity is None for run in runs] == [False, False, True, False, False]
    assert np.array_equal(runs[0].similarity, MINE.over(TREE.leaves))
    assert np.array_equal(runs[4].similarity, MINE.over(TREE.leaves))
    places = [CLASSES.index(leaf) for leaf in TREE.leaves]
    assert np.array_equal(runs[3].similarity, ordinal(10, 0.5)[np.ix_(places, places)])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nope", "There is no similarity 'nope'"),
        ("cifar10-names", "'cifar10-names' does not fit: The similarity has no row for '0'"),
        ("broken", r"broken\.csv: Expected 2 cells in line 2"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_queued_and_nothing_is(store, spec, message):
    folder = similarity_library.own_folder()
    folder.mkdir()
    (folder / "broken.csv").write_text(",0\n0,1,1\n")
    with pytest.raises(ConfigError, match=message) as error:
        execution.submit(store, [config("tree"), config(spec)], TREE)
    assert "\n" not in str(error.value)
    assert store.runs() == []


def test_a_word_without_its_matrix_is_told_not_taken_for_the_tree():
    with pytest.raises(ConfigError, match="the matrix"):
        trainer.train(config("ordinal:0.5"), TREE, Notes())


def test_training_takes_the_matrix_beside_the_configuration(seen):
    matrix = MINE.over(TREE.leaves)
    trainer.train(config("mine", lower_bound=0.2), TREE, Notes(), similarity=matrix)
    assert np.allclose(seen[0], bounded(matrix, 0.2), atol=1e-6)
