"""Two single runs on the same test images, and the command line that compares them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import stats

from hierapp.analysis.paired_runs import compare_images
from hierapp.cli import main as cli
from hierapp.errors import ConfigError, StoreError
from hierapp.runs import Store
from hierapp.training import predictions
from hierapp.training.predictions import FILE, Outputs
from tests.finished_runs import add_finished


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A run, a better one of another tree, one without outputs."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    made = Store()
    add_finished(made, "cross-entropy")
    add_finished(made, "soft-labels", tree="digits-flat", skill=3.5)
    add_finished(made, "hxe", with_outputs=False)
    return made


def put_outputs(store: Store, run: str, said: Outputs) -> None:
    save_file(said.tensors(), store.run(run).folder / FILE, metadata=said.about())


def hits(store: Store, run: str) -> list[bool]:
    """Image by image, by the classes' names."""
    said = predictions.stored(store.run(run).folder)
    guessed = [said.classes[row.tolist().index(max(row.tolist()))] for row in said.probabilities]
    return [guess == said.classes[true] for guess, true in zip(guessed, said.target.tolist(), strict=True)]


def test_the_table_counts_the_images_and_its_test_is_scipys(store):
    found = compare_images(store.run("1"), store.run("2"))
    pairs = list(zip(hits(store, "1"), hits(store, "2"), strict=True))
    counts = [[pairs.count((one, other)) for other in (True, False)] for one in (True, False)]
    assert found.counts().to_numpy().tolist() == counts
    assert np.sum(counts) == found.mcnemar.images == len(pairs)
    assert list(found.counts().index) == ["run 1 right", "run 1 wrong"]
    assert list(found.counts().columns) == ["run 2 right", "run 2 wrong"]
    p = stats.binomtest(counts[0][1], counts[0][1] + counts[1][0]).pvalue
    assert found.mcnemar.p == pytest.approx(p)
    assert "run 2 is correct more often." in found.mcnemar.sentence


def test_folds_are_the_same_images_for_both_and_said_to_be_no_seeds(store):
    found = compare_images(store.run("1"), store.run("2"))
    assert (found.folds.replicates, found.folds.paired, found.folds.a.n) == ("test folds", False, 10)
    assert found.folds.sentence.endswith("and say nothing about another seed.")
    frame = found.by_fold()
    assert frame.shape == (2, 10)
    for run in ("1", "2"):
        right = np.array(hits(store, run))
        folds = np.array_split(np.random.default_rng(0).permutation(len(right)), 10)
        assert frame.loc[f"run {run}"].tolist() == [right[fold].mean() for fold in folds]
    p = stats.mannwhitneyu(*frame.to_numpy(), method="asymptotic").pvalue
    assert found.folds.p == pytest.approx(p, abs=0.01)


def test_trees_that_order_their_classes_differently_are_the_same_images(store):
    said = predictions.stored(store.run("1").folder)
    order = np.random.default_rng(3).permutation(10)
    place = np.argsort(order)
    turned = Outputs(
        np.ascontiguousarray(said.probabilities[:, order]),
        place[said.target].astype(np.int32),
        tuple(said.classes[column] for column in order),
        said.data,
        said.epoch,
    )
    put_outputs(store, "2", turned)
    found = compare_images(store.run("1"), store.run("2"))
    assert (found.mcnemar.only_first, found.mcnemar.only_second, found.mcnemar.p) == (0, 0, 1.0)


def test_other_images_the_same_run_and_a_run_without_outputs_are_refused(store):
    first, second, bare = store.runs()
    with pytest.raises(ConfigError, match="Run 1 was given twice"):
        compare_images(first, first)
    with pytest.raises(StoreError, match="no test outputs"):
        compare_images(first, bare)
    said = predictions.stored(second.folder)
    put_outputs(store, "2", Outputs(said.probabilities[:-1], said.target[:-1], said.classes, said.data, said.epoch))
    with pytest.raises(ConfigError, match="1 and 2 were tested on different images"):
        compare_images(first, second)
    put_outputs(store, "2", Outputs(said.probabilities, said.target[::-1].copy(), said.classes, said.data, said.epoch))
    with pytest.raises(ConfigError, match="1 and 2 were tested on different images"):
        compare_images(first, second)


def test_the_command_prints_both_tests(store, capsys):
    assert cli.main(["compare", "1", "2", "--images"]) == 0
    said = capsys.readouterr().out
    found = compare_images(store.run("1"), store.run("2"))
    assert found.mcnemar.sentence in said
    assert found.folds.sentence in said
    assert cli.main(["compare", "1", "2", "--images", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["runs"] == ["1", "2"]
    assert [shown["mcnemar"][name] for name in ("both", "only_first", "only_second", "neither")] == (
        found.counts().to_numpy().ravel().tolist()
    )
    assert shown["folds"]["accuracies"]["run 2"] == list(found.accuracies["run 2"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("1",), "--images compares two runs but got 1;"),
        (("1", "2", "3"), "but got 3;"),
        (("1", "2", "--metric", "severity"), "leave out --metric"),
        (("1", "2", "--unpaired"), "leave out --metric"),
        (("1", "3"), "no test outputs"),
    ],
)
def test_what_cannot_be_compared_so_is_told_in_one_line(store, arguments, why, capsys):
    assert cli.main(["compare", *arguments, "--images"]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert len(said.splitlines()) == 1
