"""Other pictures under the name of a data set: runs of the former ones are neither resumed nor mixed with new ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from hierapp import execution
from hierapp.analysis import cell_images, comparison, groups, paired_runs, summary
from hierapp.cli import main as cli
from hierapp.data import registry as datasets
from hierapp.data.content import UNKNOWN
from hierapp.errors import ConfigError, DatasetError, StoreError
from hierapp.execution import worker
from hierapp.export import reproduce_script
from hierapp.lab import run_images
from hierapp.runs import Run, Store, records
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.search.runner import SearchRunner
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import ordinal
from hierapp.training import RunConfig, predictions
from hierapp.trees import LabelTree, formats, library as tree_library
from tests.finished_runs import add_finished
from tests.own_data import own
from tests.search.conftest import begun, finish

CHANGED = "The data set 'swap' has different content than when run 1 was queued"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of this test's own; no scheduler starts."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("hierapp.execution.scheduler.ensure_scheduler", lambda store: None)
    return Store()


def queued(store: Store, **values: object) -> Run:
    config = RunConfig.make(data="swap", tree="swap", loss="cross-entropy", device="cpu", epochs=1, **values)
    (run,) = execution.submit(store, [config], tree_library.load("swap"))
    return store.run(run)


def worked(store: Store) -> Run:
    """Claim the next run and train it in this process."""
    claimed = store.claim()
    writer = SQLiteRunWriter(store.database, number_of(claimed.id), claimed.attempt)
    writer.take(os.getpid(), "this one")
    worker.work(writer, claimed, claimed.folder)
    return store.run(claimed.id)


def swapped(store: Store) -> tuple[Run, Run]:
    """Two finished runs of one name whose pictures differ; their labels are the same."""
    own("swap", 1)
    first = add_finished(store, data="swap", tree="swap")
    own("swap", 2)
    second = add_finished(store, data="swap", tree="swap", seed=1)
    return store.run(first), store.run(second)


def test_a_queued_run_knows_its_data(store):
    own("swap", 1)
    assert queued(store).content == datasets.content_hashes("swap") != UNKNOWN


def test_a_run_of_other_pictures_is_not_resumed(store, capsys):
    own("swap", 1)
    run = queued(store)
    store.request_cancel(run.id)
    own("swap", 2)
    assert cli.main(["resume", "1", "--detach"]) == 2
    assert CHANGED in capsys.readouterr().err
    assert store.run("1").state == "cancelled"
    own("swap", 1)  # the former ones again
    assert execution.resume(store, "1").state == "queued"


def test_a_run_of_another_state_is_refused_for_its_state(store):
    own("swap", 1)
    queued(store)
    with pytest.raises(StoreError, match="Run 1 is queued"):
        execution.resume(store, "1")


def test_pictures_that_change_while_a_run_waits_end_it(store, data_of_others):
    own("swap", 1)
    queued(store)
    data_of_others("swap", 2)
    run = worked(store)
    assert (run.state, run.epoch) == ("failed", 0)
    assert run.error.startswith(CHANGED)


@pytest.fixture
def data_of_others(tmp_path: Path):
    """Replace a data set as no hierapp would that knows of the open run: by hand, or from another machine."""

    def replace(name: str, seed: int) -> None:
        shutil.rmtree(tmp_path / "data" / "own" / name)
        own(name, seed)

    return replace


@pytest.mark.slow
def test_pictures_that_change_during_training_are_not_tested(store, data_of_others, monkeypatch):
    own("swap", 1)
    queued(store)
    write = SQLiteRunWriter.end_epoch

    def end_epoch(writer: SQLiteRunWriter, *given: object) -> None:
        data_of_others("swap", 2)
        write(writer, *given)

    monkeypatch.setattr(SQLiteRunWriter, "end_epoch", end_epoch)
    run = worked(store)
    assert (run.state, run.epoch, run.test) == ("failed", 1, None)
    assert run.error.startswith(CHANGED)


def test_runs_of_two_contents_are_two_groups_that_are_told_apart(store):
    first, second = swapped(store)
    found = groups.groups([first, second])
    assert [group.run.id for group in found] == ["1", "2"]
    marks = [run.content.short for run in (first, second)]
    assert [group.label for group in found] == [f"cross-entropy · swap ({mark})" for mark in marks]
    assert summary.table([first, second])["data"].tolist() == [f"swap ({mark})" for mark in marks]
    assert list(comparison.fields([first, second])) == ["swap (run 2)", "swap (run 1)"]


def test_runs_of_one_content_are_one_group(store):
    own("swap", 1)
    add_finished(store, data="swap", tree="swap")
    own("swap", 2)
    own("swap", 1)
    add_finished(store, data="swap", tree="swap", seed=1)
    (group,) = groups.groups(store.runs())
    assert (group.label, sorted(group.runs)) == ("cross-entropy", [0, 1])
    assert list(comparison.fields(store.runs())) == ["swap"]


def test_runs_of_unknown_content_count_as_of_the_only_known_one(store):
    swapped(store)
    forget(store, "1")
    assert len(groups.groups(store.runs())) == 1
    assert list(comparison.fields(store.runs())) == ["swap"]
    own("swap", 3)
    add_finished(store, data="swap", tree="swap", seed=2)
    labels = [group.label for group in groups.groups(store.runs())]
    assert [label.endswith("(unknown)") for label in labels] == [True, False, False]


def forget(store: Store, run: str) -> None:
    """Make the content of a run unknown, as that of older versions is."""
    with store.database.write() as db:
        db.execute("UPDATE runs SET train_hash = NULL, test_hash = NULL WHERE id = ?", (run,))


def test_test_images_of_one_name_are_not_the_same(store, capsys):
    first, second = swapped(store)
    with pytest.raises(ConfigError, match="The runs 1 and 2 were tested on different images"):
        paired_runs.compare_images(first, second)
    for images in (["--images"], []):
        assert cli.main(["compare", "1", "2", *images]) == 2
        assert "The runs 1 and 2 are of different data: other content has been" in capsys.readouterr().err


def test_new_pictures_are_not_shown_for_an_old_run(store):
    first, second = swapped(store)
    with pytest.raises(StoreError, match="'swap' has changed since run 1 was tested"):
        run_images.pictures(first, [0])
    with pytest.raises(DatasetError, match="The test images of 'swap' are not those that the run was tested on"):
        cell_images.sheet(predictions.stored(first.folder), [0], content=first.content)
    assert cell_images.sheet(predictions.stored(second.folder), [0], content=second.content)


def test_the_lab_shows_the_pictures_of_today_after_a_swap_and_back(store):
    own("swap", 1)
    run = store.run(add_finished(store, data="swap", tree="swap"))
    before = run_images.pictures(run, [0])[0]
    own("swap", 2)
    with pytest.raises(StoreError):
        run_images.pictures(run, [0])
    own("swap", 1)
    assert (run_images.pictures(run, [0])[0] == before).all()


def test_the_content_is_shown_exported_and_backed_up(store, tmp_path, capsys):
    first, _ = swapped(store)
    assert cli.main(["show", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["content"] == first.content._asdict()
    assert cli.main(["store", "backup", str(tmp_path / "all.zip")]) == 0
    assert cli.main(["export", "1", "-o", str(tmp_path / "bundle.zip")]) == 0
    shutil.unpack_archive(tmp_path / "bundle.zip", tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle/runs/1/run.json").read_text())["content"] == first.content._asdict()


def test_two_similarities_of_one_name_are_two_groups(store):
    runs = []
    for ratio in ("0.2", "0.3"):
        run = add_finished(store, "simloss", options={"similarity": "mine"})
        with store.database.write() as db:
            db.execute("INSERT INTO similarities VALUES (?, ?)", (ratio, f",0,1\n0,1,{ratio}\n1,{ratio},1\n"))
            db.execute("UPDATE runs SET similarity = ? WHERE id = ?", (ratio, run))
        runs.append(run)
    found = groups.groups(store.runs())
    assert [group.run.id for group in found] == runs
    assert len({group.label for group in found}) == 2


def test_two_trees_of_one_name_are_two_rows_over_the_seeds(store):
    for seed in (0, 1):
        add_finished(store, seed=seed)
    tree = tree_library.load("digits")
    other = LabelTree(["all", *tree.leaves], [-1] + [0] * len(tree.leaves))
    for seed in (2, 3):
        run = add_finished(store, seed=seed)
        with store.database.write() as db:
            key = records.keep_text(db, "trees", formats.render(other, "json"))
            db.execute("UPDATE runs SET tree = ? WHERE id = ?", (key, run))
    rows = summary.over_seeds(summary.table(store.runs()))
    assert rows["n"].tolist() == [2, 2]
    assert rows["tree"].nunique() == 2


def test_a_bundle_is_not_reproduced_on_other_pictures(store, tmp_path, capsys):
    swapped(store)
    assert cli.main(["export", "1", "-o", str(tmp_path / "bundle.zip")]) == 0
    shutil.unpack_archive(tmp_path / "bundle.zip", tmp_path / "bundle")
    assert reproduce_script.main([], tmp_path / "bundle") == reproduce_script.NOT_TRIED
    assert "'swap' differs from the one that run 1 was trained on" in capsys.readouterr().err


def test_a_search_does_not_go_on_with_other_data(store):
    own("swap", 1)
    search = begun(store, trials=2, at_once=1, values={"data": "swap", "tree": "swap"})
    SearchRunner(search).step()
    SearchRunner(search).step()
    finish(store, "1", [0.5])
    own("swap", 2)
    SearchRunner(search).step()
    with pytest.raises(DatasetError, match=CHANGED):
        SearchRunner(search).step()
    assert len(store.runs()) == 1


def test_a_search_does_not_go_on_with_another_similarity_of_its_name(store):
    own("swap", 1)
    classes = datasets.find("swap").class_names
    similarity_library.keep(Similarity(classes, ordinal(3, 0.2)), "mine")
    search = begun(
        store,
        losses=("simloss",),
        trials=2,
        at_once=1,
        options={"simloss.similarity": "mine"},
        values={"data": "swap", "tree": "swap"},
    )
    SearchRunner(search).step()
    SearchRunner(search).step()
    finish(store, "1", [0.5])
    similarity_library.delete("mine")
    similarity_library.keep(Similarity(classes, ordinal(3, 0.3)), "mine")
    SearchRunner(search).step()
    with pytest.raises(ConfigError, match="The similarity 'mine' differs from that of run 1 of this search"):
        SearchRunner(search).step()
