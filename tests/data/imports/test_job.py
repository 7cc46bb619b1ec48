"""An import from its request to a data set, in this process and in one of its own, and what is left when it dies."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hierapp import execution, paths
from hierapp.data import download, homes, registry as datasets
from hierapp.data.imports import finalize, job as import_job, store as import_store
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.errors import ArchiveError, DatasetError
from hierapp.execution import worker
from hierapp.runs import Store, data_deletion
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.data.imports.conftest import classes, noise, odd_lot, pack, write
from tests.never_started import Gone


def imported(source: Path, owner: str | None = None, **options: object) -> str:
    token = import_job.begin(Request(source.name, Options(**options), str(source), owner))
    import_job.work(token)
    return token


def kept_as(name: str, tmp_path: Path, **options: object) -> datasets.Dataset:
    return finalize.finalize(imported(write(tmp_path / f"source-{name}", classes(10)), **options), name)


def own_files(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "own").iterdir()) if (data / "own").exists() else []


def test_an_import_becomes_a_data_set_like_any_other(tmp_path, data):
    token = imported(pack(tmp_path / "lot.zip", odd_lot()), owner="ada@x.edu", side=16)
    assert list(datasets.catalogue()) == list(datasets.DATASETS), "not before it has a name"
    entry = finalize.finalize(token, "lot")
    assert list(datasets.catalogue()) == [*datasets.DATASETS, "lot"]
    assert datasets.find("lot") == entry
    assert (entry.own, entry.owner, entry.image_shape, entry.ordinal) == (True, "ada@x.edu", (16, 16, 3), False)
    assert datasets.status("lot").state == "ready"
    for part, size in (("train", entry.train_size), ("test", entry.test_size)):
        images, labels = datasets.arrays("lot", part)
        loaded = datasets.load("lot", part)
        assert np.array_equal(loaded.images.numpy(), images)
        assert loaded.labels.tolist() == labels.tolist()
        assert (loaded.class_names, len(loaded)) == (entry.class_names, size)
        assert np.bincount(labels).tolist() == datasets.class_counts("lot")[part].tolist()
    assert RunConfig.make(data="lot", tree="lot", loss="hierarchical").data == "lot"
    tree_library.load(entry.default_tree).positions_of(entry.class_names)
    assert tree_library.entries("lot")[0].owner == "ada@x.edu"
    assert own_files(data) == ["lot"], "nothing is left of the import"
    with pytest.raises(DatasetError, match="finished or discarded"):
        import_job.status(token)


def test_what_is_changed_in_memory_stays_off_the_disk(tmp_path):
    kept_as("mine", tmp_path)
    loaded = datasets.load("mine", "train")
    before = loaded.images.clone()
    loaded.images[:] = 7
    assert (datasets.load("mine", "train").images == before).all()


@pytest.mark.slow
def test_a_process_of_its_own_reads_it(tmp_path, data):
    token = import_job.begin(Request("lot.zip", Options()), pack(tmp_path / "lot.zip", odd_lot()).read_bytes())
    import_job.start(token)
    until = time.monotonic() + 60
    while (now := import_job.status(token)).state == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert now.state == "ready", now.error
    assert now.report is not None
    assert now.report.images == 299
    assert now.tree is not None
    assert set(now.tree.leaves) == {"red", "green", "blue"}
    assert not (data / "own" / f".stage-{token}" / "upload").exists()


def test_what_went_wrong_is_told_by_the_uploads_name_and_leaves_nothing(tmp_path, data):
    token = import_job.begin(Request("notes.zip", Options()), b"no archive at all")
    with pytest.raises(ArchiveError):
        import_job.work(token)
    now = import_job.status(token)
    assert now.state == "failed"
    assert now.error == "The archive notes.zip is neither a zip nor a tar; pack the files as one of these."
    assert sorted(path.name for path in (data / "own" / f".stage-{token}").iterdir()) == [
        *(".get-import.json", ".get-import.lock", "request.json"),
    ]
    with pytest.raises(DatasetError, match="cannot be saved yet"):
        finalize.finalize(token, "notes")
    import_job.discard(token)
    assert own_files(data) == []


SLOW = """
import sys, time
from hierapp.data.imports import job, pictures
read = pictures.read
def slow(*arguments):
    print("reading", flush=True)
    time.sleep(0.1)
    return read(*arguments)
pictures.read = slow
job.work(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_import_leaves_nothing_that_looks_like_data(tmp_path, data, sign):
    token = import_job.begin(Request("s", Options(), str(write(tmp_path / "s", classes(30)))))
    with subprocess.Popen([sys.executable, "-c", SLOW, token], stdout=subprocess.PIPE, env=os.environ) as child:
        assert child.stdout is not None
        for _ in range(5):
            assert child.stdout.readline() == b"reading\n"
        assert import_job.status(token).state == "running"
        child.send_signal(sign)
    now = import_job.status(token)
    assert (now.state, now.error) == ("failed", "The import was interrupted; start it again.")
    assert list(datasets.catalogue()) == list(datasets.DATASETS)
    assert all(name.startswith(".") for name in own_files(data))
    import_job.discard(token)
    assert own_files(data) == []


@pytest.fixture
def at_work(tmp_path, data):
    """The token of an import whose process has told how far it is, and the process."""
    token = import_job.begin(Request("s", Options(), str(write(tmp_path / "s", classes(30)))))
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, token], stdout=subprocess.PIPE, env=os.environ, start_new_session=True
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        while import_job.work_of(data / "own" / f".stage-{token}").record() is None:
            time.sleep(0.02)
        yield token, child


def test_a_discarded_import_ends_its_process(at_work, data):
    token, child = at_work
    import_job.discard(token)
    assert child.wait(30) == -signal.SIGKILL
    assert own_files(data) == []


def test_an_import_that_has_failed_before_its_start_is_recorded_says_why(tmp_path, data, monkeypatch):
    """On a busy machine its process may be quicker than the one that started it."""
    (tmp_path / "empty").mkdir()
    token = import_job.begin(Request("empty", Options(), str(tmp_path / "empty")))

    def fail_at_once(*arguments: object, **named: object) -> Gone:
        with pytest.raises(DatasetError):
            import_job.work(token, lock=os.dup(named["files"][0]))
        return Gone()

    monkeypatch.setattr(processes, "spawn", fail_at_once)
    import_job.start(token)
    found = import_job.status(token)
    assert found.state == "failed"
    assert "was interrupted" not in found.error


def test_an_import_that_is_discarded_in_a_copy_of_the_data_goes_on(at_work, tmp_path, data):
    token, child = at_work
    shutil.copytree(data, tmp_path / "copy")
    assert import_job.status(token).state == "running"
    assert import_job.status(token, tmp_path / "copy").state == "failed"
    import_job.discard(token, tmp_path / "copy")
    assert child.poll() is None
    import_job.discard(token)
    assert child.wait(30) == -signal.SIGKILL


def test_old_leavings_are_cleaned_away_and_fresh_ones_are_not(tmp_path, data):
    source = write(tmp_path / "s", classes(5))
    old, fresh = imported(source), imported(source)
    long_ago = time.time() - 2 * import_job.KEPT_SECONDS
    os.utime(data / "own" / f".stage-{old}", (long_ago, long_ago))
    (data / "own" / ".gone-0123").mkdir()
    kept_as("mine", tmp_path)
    import_job.clean()
    assert own_files(data) == [f".stage-{fresh}", "mine"]


def test_what_cannot_begin_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="There is no file or folder"):
        import_job.begin(Request("x", Options(), str(tmp_path / "nowhere")))
    monkeypatch.setattr(import_job, "LEAST_FREE", 10**18)
    with pytest.raises(DatasetError, match="too little for an import"):
        import_job.begin(Request("x", Options()), b"x")
    monkeypatch.undo()
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(import_job, "MOST_JOBS", 1)
    import_job.begin(Request("x", Options()), b"x")
    with pytest.raises(DatasetError, match="1 of your imports are open"):
        import_job.begin(Request("x", Options()), b"x")


@pytest.mark.parametrize("token", ["", "../../..", "0" * 15, "0" * 17, "g" * 16, "0" * 16])
def test_a_token_that_is_none_leads_nowhere(token):
    with pytest.raises(DatasetError, match="finished or discarded"):
        import_job.status(token)
    import_job.discard(token)


# Names


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", ".hidden", "x" * 41, "a\nb", "-a-"])
def test_a_name_that_is_no_word_is_refused(name):
    with pytest.raises(DatasetError, match=r"is not a valid data set name; .*\.$"):
        finalize.free_name(name)


def test_a_name_is_given_once(tmp_path):
    kept_as("Mine", tmp_path)
    token = imported(write(tmp_path / "s", classes(5)))
    for taken in ("Mine", "mine", "cifar10", "CIFAR10"):
        with pytest.raises(DatasetError, match="already exists"):
            finalize.finalize(token, taken)
    assert finalize.finalize(token, "other").name == "other", "a name that is taken costs no import"


def test_a_name_that_is_taken_meanwhile_is_told_and_no_tree_is_lost(tmp_path, monkeypatch):
    first, second = (imported(write(tmp_path / f"source-{part}", classes(10))) for part in (0, 1))
    tree = tree_library.keep(import_job.status(second).tree, "lot")  # the user's own, the same as the proposed one
    finalize.finalize(first, "lot")
    monkeypatch.setattr(finalize, "free_name", lambda name, folder: name)  # as if both had asked before
    with pytest.raises(DatasetError, match="A data set 'lot' already exists"):
        finalize.finalize(second, "lot")
    assert tree_library.own(tree.name) == tree


def test_a_tree_of_that_name_stays_and_the_proposed_one_gets_a_number(tmp_path):
    tree_library.keep(tree_library.load("digits"), "mine")
    entry = kept_as("mine", tmp_path)
    assert entry.default_tree == "mine-2"
    assert tree_library.load("mine") == tree_library.load("digits")
    assert set(tree_library.load("mine-2").leaves) == set(entry.class_names)


def test_without_its_tree_a_set_has_the_one_that_was_proposed(tmp_path):
    proposed = tree_library.load(kept_as("mine", tmp_path).default_tree)
    tree_library.delete("mine")
    assert tree_library.load(datasets.find("mine").default_tree) == proposed


# Kept


@pytest.mark.parametrize("fault", ["short", "missing", "objects", "shape"])
def test_a_broken_file_is_told(tmp_path, data, fault):
    kept_as("mine", tmp_path)
    file = data / "own" / "mine" / "test-images.npy"
    size = file.stat().st_size
    if fault == "missing":
        file.unlink()
    elif fault == "short":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        np.save(file, np.array([{}]) if fault == "objects" else np.zeros((2, 2), np.uint8), allow_pickle=True)
        file.write_bytes(file.read_bytes().ljust(size, b"\0"))
    status = datasets.status("mine")
    assert (status.state == "broken") == (fault in ("short", "missing"))
    with pytest.raises(DatasetError, match="delete it on the Data page and import it again"):
        datasets.load("mine", "test")
    assert len(datasets.load("mine", "train"))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"title": 1}'])
def test_a_folder_that_is_no_data_set_is_left_out(tmp_path, data, text):
    kept_as("mine", tmp_path)
    (data / "own" / "other").mkdir()
    (data / "own" / "other" / import_store.DESCRIPTION).write_text(text)
    assert list(import_store.found(data)) == ["mine"]
    with pytest.raises(DatasetError, match="Unknown data set 'other'"):
        datasets.find("other")


def test_own_sets_come_from_no_download(tmp_path):
    from hierapp.data import download

    kept_as("mine", tmp_path)
    with pytest.raises(DatasetError, match="is an imported data set"):
        download.get("mine")
    with pytest.raises(DatasetError, match="is an imported data set"):
        download.start("mine")


# Deletion


def test_a_set_is_deleted_with_its_tree_which_stays_among_the_versions(tmp_path, data):
    kept_as("mine", tmp_path)
    kept_as("other", tmp_path)
    data_deletion.delete("mine", Store())
    assert list(import_store.found(data)) == ["other"]
    assert own_files(data) == [".trash", "other"]
    assert tree_library.own("mine") is None
    assert len(tree_library.versions("mine")) == 1
    assert kept_as("mine", tmp_path).train_size == 24, "the name is free again"


def test_a_set_under_an_open_run_is_not_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **named: None)
    entry, store = kept_as("mine", tmp_path), Store()
    config = RunConfig.make(data="mine", tree="mine", loss="cross-entropy")
    (run,) = execution.submit(store, [config], tree_library.load(entry.default_tree))
    for _ in ("queued", "running"):
        with pytest.raises(DatasetError, match=f"^Run {run} uses mine; cancel"):
            data_deletion.delete("mine", store)
        store.claim()
    assert datasets.load("mine", "train")
    store.writer(run).end("failed", "It would not.")
    data_deletion.delete("mine", store)
    assert store.run(run).config.data == "mine", "a run outlives its data"
    worker.share_cores(store.run(run))  # a node of a cluster has no own sets, and trains on them all the same


def unreadable(file):
    raise sqlite3.OperationalError("unable to open database file")


def test_a_set_under_an_open_run_of_another_home_is_not_deleted(tmp_path, data, monkeypatch):
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **named: None)
    entry, other = kept_as("mine", tmp_path), Store(tmp_path / "other home")
    config = RunConfig.make(data="mine", tree="mine", loss="cross-entropy")
    monkeypatch.setenv("HIERAPP_DATA", str(data))
    (run,) = execution.submit(other, [config], tree_library.load(entry.default_tree))
    said = f"^Run {run} in .*/other home, which also uses the data folder .*, uses mine; cancel it there"
    with pytest.raises(DatasetError, match=said):
        data_deletion.delete("mine", Store())
    with monkeypatch.context() as patch:
        patch.setattr(data_deletion, "open_readonly", unreadable)
        with pytest.raises(DatasetError, match=r"^The runs in .*/other home, .* cannot be read, so one"):
            data_deletion.delete("mine", Store())
    Store(tmp_path / "other home").request_cancel(run)
    data_deletion.delete("mine", Store())
    assert own_files(data) == [".trash"]


def test_a_home_that_is_gone_or_has_no_store_hinders_nothing(tmp_path, data):
    kept_as("mine", tmp_path)
    (tmp_path / "empty").mkdir()
    for home in ("gone", "empty"):
        homes.register(tmp_path / home, data)
        homes.register(tmp_path / home, data)
    assert homes.others(paths.home(), data) == [tmp_path / "empty"]
    data_deletion.delete("mine", Store())
    homes.register(tmp_path / "empty", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_downloaded_set_goes_with_those_of_the_same_files(tiny_cifar, data):
    tiny_cifar.write(data)
    assert datasets.status("cifar10").state == "ready"
    data_deletion.delete("cifar10", Store())
    assert datasets.status("cifar10").state == "absent"
    assert not (data / "cifar-10-batches-py").exists()
    with pytest.raises(DatasetError, match="is not on this machine; there is nothing to delete"):
        data_deletion.delete("cifar10", Store())
    with pytest.raises(DatasetError, match="is part of an installed package"):
        data_deletion.delete("digits", Store())
    together = data_deletion.with_the_same_files(datasets.find("cifar100"))
    assert [entry.name for entry in together] == ["cifar100", "cifar100-coarse"]


def test_a_set_that_is_being_downloaded_is_not_deleted(tiny_cifar, data):
    tiny_cifar.write(data)
    with download.job_of("cifar10", data).working():
        download.job_of("cifar10", data).tell(1, 2, "Downloading")
        with pytest.raises(DatasetError, match="is being downloaded"):
            data_deletion.delete("cifar10", Store())


def deep_folder(top: Path) -> Path:
    """A folder in which others lie deeper than Python's recursion and longer than a path may be."""
    top.mkdir(parents=True)
    here = os.open(top, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("folder", dir_fd=here)
        inner = os.open("folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    return top


def test_a_stage_with_deep_folders_hinders_no_import_a_day_later(tmp_path, data):
    source = write(tmp_path / "source", classes())
    old = time.time() - 2 * import_job.KEPT_SECONDS
    stage = deep_folder(data / "own" / f"{import_job.PREFIX}{'0' * 16}")
    os.utime(stage, (old, old))
    imported(source)
    assert not stage.exists()


def test_a_zip_with_deep_folders_fails_in_a_sentence_and_leaves_no_file(tmp_path, data):
    files = {f"{'d/' * 1_000}a.png": noise(0), **classes()}
    token = import_job.begin(Request("deep.zip", Options()), pack(tmp_path / "deep.zip", files).read_bytes())
    with pytest.raises(ArchiveError, match="1,001 folders deep"):
        import_job.work(token)
    assert "1,001 folders deep" in (import_job.status(token).error or "")
    assert not list((data / "own").glob(f"{import_job.PREFIX}*/{import_job.PART}"))
    import_job.discard(token)
    assert own_files(data) == []


def test_the_waiting_imports_of_one_person_take_no_place_of_another(tmp_path, data):
    source = str(write(tmp_path / "source", classes(1)))
    for _ in range(import_job.MOST_JOBS):
        import_job.begin(Request("source", Options(), source, "ada@x.edu"))
    with pytest.raises(DatasetError, match="20 of your imports are open"):
        import_job.begin(Request("source", Options(), source, "ada@x.edu"))
    for owner in ("bob@x.edu", None):
        import_job.begin(Request("source", Options(), source, owner))
