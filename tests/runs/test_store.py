"""The store: what a run's state may become, what is recorded, and what happens to a file that cannot be used."""

from __future__ import annotations

import gc
import json
import math
import sqlite3
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.analysis import summary
from hierapp.errors import StaleAttemptError, StoreError
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.runs import Store
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.runs.states import State
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from tests.store_states import end, working

DIGITS = tree_library.load("digits")
ENDED: tuple[State, ...] = ("finished", "failed", "cancelled", "interrupted")


def database_file(store: Store) -> Path:
    return store.folder / "store.sqlite"


def configs(count: int = 1, **values: object) -> list[RunConfig]:
    rest = {"data": "digits", "tree": "digits", "loss": "hierarchical", **values}
    return [RunConfig.make(seed=seed, **rest) for seed in range(count)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return Store()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Runs


def test_runs_are_added_and_claimed_in_order(store):
    ids = store.add(configs(3), DIGITS)
    assert [run.id for run in store.runs()] == ids
    assert sorted(ids, key=int) == ids
    assert [run.config.seed for run in store.runs()] == [0, 1, 2]
    assert {run.state for run in store.runs()} == {"queued"}
    claimed = [store.claim() for _ in ids]
    assert [run.id for run in claimed] == ids
    assert {run.state for run in claimed} == {"running"}
    assert store.claim() is None


def test_a_run_is_added_whole_or_not_at_all(store):
    class Unwritable:
        def model_dump_json(self) -> str:
            raise RuntimeError("no")

    store.add(configs(1), DIGITS)
    with pytest.raises(RuntimeError):
        store.add([*configs(2), Unwritable()], DIGITS)
    assert len(store.runs()) == 1


def test_claimers_at_once_never_get_the_same_run(store):
    ids = store.add(configs(40), DIGITS)
    begin = threading.Barrier(8)

    def claim_all() -> list[str]:
        begin.wait()
        mine = []
        while (run := Store(store.folder).claim()) is not None:
            mine.append(run.id)
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = [run for future in [pool.submit(claim_all) for _ in range(8)] for run in future.result()]
    assert sorted(taken) == sorted(ids)


def test_a_stored_run_comes_back_as_it_was_queued(store):
    tree = LabelTree(["top", "b", "a", 'z, "q" \'é'], [-1, 0, 1, 1])
    given = configs(1, loss="simloss", options={"lower_bound": 0.25}, epochs=7, learning_rate=0.02, batch_size=3)
    (run,) = store.add(given, tree)
    read = store.run(run)
    assert read.config == given[0]
    assert read.tree == tree
    assert read.folder == store.folder / "runs" / run
    assert (read.epoch, read.progress, read.test, read.error, read.started, read.ended) == (
        0,
        0,
        None,
        None,
        None,
        None,
    )


def test_runs_are_chosen_by_id_and_state(store):
    first, second, third = store.add(configs(3), DIGITS)
    store.claim()
    assert [run.id for run in store.runs([third, first])] == [first, third]
    assert [run.id for run in store.runs(states=("queued",))] == [second, third]
    assert [run.id for run in store.runs([first, second], ("running",))] == [first]
    assert store.runs([]) == []
    assert store.runs(states=()) == []


@pytest.mark.parametrize(
    "unknown", ["7", "-1", "0", "", "one", "1.5", "9" * 30, "-" + "9" * 30, "9" * 5000, "1; DROP TABLE runs"]
)
def test_an_unknown_run_is_told_in_one_sentence(store, unknown):
    store.add(configs(1), DIGITS)
    for call in (store.run, store.request_cancel):
        with pytest.raises(StoreError, match="There is no run") as caught:
            call(unknown)
        assert "\n" not in str(caught.value)
    assert store.confusion(unknown, "test") is None
    assert [run.state for run in store.runs()] == ["queued"]


# States


@pytest.mark.parametrize("state", ENDED)
def test_a_running_run_ends_once(store, state):
    (run,) = store.add(configs(1), DIGITS)
    with pytest.raises(StaleAttemptError):  # a queued run does not end
        store.writer(run).end("failed")
    assert store.run(run).state == "queued"
    end(store, run, state, error="why", test={"accuracy": 0.5})
    ended = store.run(run)
    expected = (None, {"accuracy": 0.5}) if state == "finished" else ("why", None)
    assert (ended.state, ended.error, ended.test) == (state, *expected)
    assert ended.ended is not None
    assert not ended.is_open
    for other in set(ENDED[1:]) - {state}:
        with pytest.raises(StaleAttemptError):
            store.writer(run).end(other, "other")
    assert store.claim() is None
    assert store.run(run) == ended


def test_progress_is_whole_only_when_finished(store):
    finished, failed = store.add(configs(2), DIGITS)
    for run, state in ((finished, "finished"), (failed, "failed")):
        working(store, run).report(0.5, {"train_loss": 1.0}, progress=0.25)
        assert store.run(run).progress == 0.25
        end(store, run, state)
    assert store.run(finished).progress == 1.0
    assert store.run(failed).progress == 0.25


def test_a_queued_run_is_cancelled_at_once(store):
    (run,) = store.add(configs(1), DIGITS)
    cancelled = store.request_cancel(run)
    assert cancelled.state == "cancelled"
    assert cancelled.ended is not None
    assert store.claim() is None


def test_a_running_run_is_asked_to_stop_and_the_first_request_counts(store):
    (run,) = store.add(configs(1), DIGITS)
    writer = working(store, run)
    assert not writer.is_asked_to_stop()
    assert not writer.heartbeat()
    first = store.request_cancel(run)
    assert first.state == "running"
    assert writer.is_asked_to_stop()
    assert writer.heartbeat()
    assert store.request_cancel(run).cancel_requested == first.cancel_requested is not None


@pytest.mark.parametrize("state", ENDED)
def test_cancelling_an_ended_run_changes_nothing(store, state):
    (run,) = store.add(configs(1), DIGITS)
    end(store, run, state)
    before = store.run(run)
    assert store.request_cancel(run) == before
    assert before.cancel_requested is None


def test_process_and_start_are_noted(store):
    (run,) = store.add(configs(1), DIGITS)
    claimed = store.claim()
    writer = store.writer(run)
    writer.take(123, "here now - 123 45")
    writer.take(123, "here now - 123 45")
    writer.begin("cpu", "0.1.0+abc")
    read = store.run(run)
    assert (read.pid, read.process, read.device, read.version) == (123, "here now - 123 45", "cpu", "0.1.0+abc")
    assert read.started >= claimed.claimed
    with pytest.raises(StaleAttemptError):  # another process has the same attempt
        writer.take(124, "here now - 124 46")
    assert store.run(run) == read


def test_seconds_left_are_told_only_while_a_run_goes_on(store):
    (run,) = store.add(configs(1), DIGITS)
    assert store.run(run).seconds_left is None
    writer = working(store, run)
    assert store.run(run).seconds_left is None
    writer.begin("cpu", "0")
    writer.report(1, {}, progress=0.5)
    assert store.run(run).seconds_left >= 0
    end(store, run, "finished")
    assert store.run(run).seconds_left is None


# What runs record


def test_metrics_come_back_in_order_with_nan_and_infinity(store):
    first, second, third = store.add(configs(3), DIGITS)
    working(store, first).report(1.5, {"train_loss": math.nan}, 0.3)
    working(store, first).report(0.5, {"train_loss": 2.25}, 0.1)
    working(store, first).report(1.0, {"train_loss": math.inf, "other": -1.0}, 0.2)
    working(store, second).report(1.0, {"train_loss": 9.0}, 0.2)
    found = store.metrics([first, third])
    assert found.keys() == {first, third}
    assert found[third] == {}
    assert found[first]["other"] == [(1.0, -1.0)]
    (epoch_a, loss_a), (epoch_b, loss_b), (epoch_c, loss_c) = found[first]["train_loss"]
    assert (epoch_a, epoch_b, epoch_c) == (0.5, 1.0, 1.5)
    assert (loss_a, loss_b) == (2.25, math.inf)
    assert math.isnan(loss_c)


def test_a_value_reported_again_replaces_the_first(store):
    (run,) = store.add(configs(1), DIGITS)
    working(store, run).report(1, {"val_loss": 1.0}, 0.1)
    working(store, run).report(1, {"val_loss": 2.0}, 0.1)
    assert store.metrics([run])[run] == {"val_loss": [(1.0, 2.0)]}


@pytest.mark.parametrize("size", [1, 2, 10, 100])
def test_a_confusion_matrix_comes_back(store, size):
    (run,) = store.add(configs(1), DIGITS)
    counts = np.random.default_rng(size).integers(0, 100_000, (size, size))
    working(store, run).end_epoch(1, {}, counts)
    read = store.confusion(run, "validation")
    assert read.dtype == np.int64
    assert np.array_equal(read.toarray(), counts)
    assert store.confusion(run, "test") is None


def test_a_confusion_matrix_of_many_classes_comes_back_by_its_pairs(store):
    (run,) = store.add(configs(1), DIGITS)
    counts = sparse_confusion_matrix([0, 0, 19_999], [0, 0, 5], 20_000)
    working(store, run).finish(1, {}, counts)
    read = store.confusion(run, "test")
    assert (read.shape, read.nnz, read[0, 0], read[19_999, 5]) == ((20_000, 20_000), 2, 2, 1)


def test_the_last_or_a_given_epoch_of_the_confusion_is_read(store):
    run, other = store.add(configs(2), DIGITS)
    assert store.confusion(run, "validation") is None
    for epoch in (1, 2, 10):
        working(store, run).end_epoch(epoch, {"val_loss": epoch}, np.full((2, 2), epoch))
    assert store.confusion(run, "validation")[0, 0] == 10
    assert store.confusion(run, "validation", 2)[0, 0] == 2
    assert store.confusion(run, "validation", 3) is None
    assert store.confusion(other, "validation") is None
    assert store.run(run).epoch == 10
    assert store.metrics([run])[run]["val_loss"] == [(1, 1), (2, 2), (10, 10)]
    working(store, run).finish(10, {}, np.full((2, 2), 99))
    assert store.confusion(run, "test")[0, 0] == 99


def test_an_epoch_is_recorded_whole_or_not_at_all(store):
    (run,) = store.add(configs(1), DIGITS)
    writer = working(store, run)
    with pytest.raises((AttributeError, ValueError)):
        writer.end_epoch(1, {"val_loss": 1.0}, confusion="no matrix")
    assert store.metrics([run]) == {run: {}}
    assert store.run(run).epoch == 0


def test_settings_are_kept_and_replaced(store):
    assert store.setting("slots") is None
    store.set_setting("slots", "2")
    store.set_setting("other", "x")
    store.set_setting("slots", "3")
    assert Store(store.folder).setting("slots") == "3"


# Files


def test_reading_where_nothing_is_yet_leaves_no_file_behind(store):
    assert store.runs() == []
    assert store.metrics(["1"]) == {"1": {}}
    assert store.confusion("1", "test") is None
    assert store.setting("slots") is None
    with pytest.raises(StoreError):
        store.run("1")
    assert not store.folder.exists()


def test_many_may_make_the_store_at_once(tmp_path):
    for writer in range(5):
        folder = tmp_path / str(writer)
        begin = threading.Barrier(8)

        def add(folder: Path = folder, begin: threading.Barrier = begin) -> list[str]:
            begin.wait()
            return Store(folder).add(configs(1), DIGITS)

        with ThreadPoolExecutor(8) as pool:
            ids = [run for future in [pool.submit(add) for _ in range(8)] for run in future.result()]
        assert sorted(ids) == sorted(run.id for run in Store(folder).runs()) == [str(n) for n in range(1, 9)]


def test_two_writers_and_a_reader_at_once_do_not_lock_each_other_out(store):
    ids = store.add(configs(2), DIGITS)
    for _ in ids:
        store.claim()
    writing = threading.Event()

    def write(run: str) -> None:
        mine = Store(store.folder).writer(run)
        for epoch in range(1, 61):
            mine.report(epoch - 0.5, {"train_loss": epoch}, epoch / 60)
            mine.end_epoch(epoch, {"val_loss": epoch}, np.full((10, 10), epoch))

    def read() -> int:
        mine, looks = Store(store.folder), 0
        while not writing.is_set() or not looks:
            for run in ids:
                epoch = mine.run(run).epoch
                confusion = mine.confusion(run, "validation")
                assert confusion is None or confusion[0, 0] >= epoch
            mine.metrics(ids)
            looks += 1
        return looks

    with ThreadPoolExecutor(3) as pool:
        reader = pool.submit(read)
        try:
            for writer in [pool.submit(write, run) for run in ids]:
                writer.result()
        finally:
            writing.set()
        assert reader.result() > 0
    for points in store.metrics(ids).values():
        assert [value for _, value in points["train_loss"]] == list(range(1, 61))


def test_a_file_that_is_no_store_is_left_as_it_is(store):
    store.folder.mkdir()
    database_file(store).write_bytes(b"This is a letter, and no database at all.\n" * 50)
    before = content(store.folder)
    for call in (store.runs, lambda: store.add(configs(1), DIGITS), store.claim, lambda: store.setting("slots")):
        with pytest.raises(StoreError, match="HIERAPP_HOME") as caught:
            call()
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")
    assert content(store.folder) == before


def test_a_store_cut_in_the_middle_is_left_as_it_is(store):
    for _ in range(20):
        Store(store.folder).add(configs(5), DIGITS)  # a store that is gone has written everything into the file
    database_file(store).write_bytes(database_file(store).read_bytes()[:6_000])
    before = database_file(store).read_bytes()
    for call in (lambda: Store().runs(), lambda: Store().add(configs(20), DIGITS)):
        with pytest.raises(StoreError) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert database_file(store).read_bytes() == before


def test_a_store_of_a_newer_version_is_left_as_it_is(store):
    Store(store.folder).add(configs(1), DIGITS)
    db = sqlite3.connect(database_file(store))
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = database_file(store).read_bytes()
    for call in (store.runs, lambda: store.add(configs(1), DIGITS), store.claim):
        with pytest.raises(StoreError, match=f"version {SCHEMA_VERSION + 1} .* reads {SCHEMA_VERSION};") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert database_file(store).read_bytes() == before


def test_a_store_that_was_moved_away_is_not_written_to_any_more(store, tmp_path):
    store.add(configs(2), DIGITS)
    store.folder.rename(tmp_path / "aside")
    assert store.runs() == []
    assert store.add(configs(1), DIGITS) == ["1"]
    assert len(store.runs()) == 1
    assert len(Store(tmp_path / "aside").runs()) == 2


def test_a_call_that_failed_does_not_stand_in_the_way_of_the_next(store):
    (run,) = store.add(configs(1), DIGITS)
    writer = working(store, run)
    with pytest.raises((AttributeError, ValueError)):
        writer.end_epoch(1, {}, confusion="no matrix")
    end(Store(store.folder), run, "finished")


@pytest.mark.parametrize("below", ["", "further/down"])
def test_a_folder_that_is_a_file_is_told_and_left_as_it_is(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("mine")
    store = Store(file / below)
    for call in (lambda: store.add(configs(1), DIGITS), store.claim, lambda: store.set_setting("slots", "1")):
        with pytest.raises(StoreError, match=r"cannot be written \(.+\); make the folder writable") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert file.read_text() == "mine"


def test_a_store_file_that_is_a_folder_is_told(store):
    database_file(store).mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read"):
        store.runs()
    with pytest.raises(StoreError, match="cannot be written"):
        store.add(configs(1), DIGITS)


def test_a_run_whose_loss_is_no_longer_known_still_lists(store):
    (run,) = store.add(configs(1), DIGITS)
    db = sqlite3.connect(database_file(store))
    old = {**json.loads(configs(1)[0].model_dump_json()), "loss": "forgotten", "options": {"strength": 2.5}}
    db.execute("UPDATE runs SET config = ?", (json.dumps(old),))
    db.commit()
    db.close()
    read = store.run(run)
    assert read.config.loss == "forgotten"
    assert summary.loss_label(read) == "forgotten, strength 2.5"
    assert summary.table([read])["loss"].tolist() == ["forgotten, strength 2.5"]
    assert summary.as_dicts([read])[0]["config"]["options"] == {"strength": 2.5}


def test_a_run_is_read_anew_only_when_it_changes(tmp_path):
    store, other = Store(tmp_path), Store(tmp_path)
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")
    ids = store.add([config] * 3, tree_library.load("digits"))
    before = store.runs()
    assert all(one is two for one, two in zip(before, store.runs(), strict=True))
    assert before[0].tree is before[1].tree
    other.request_cancel(ids[1])
    after = store.runs()
    assert [one is two for one, two in zip(before, after, strict=True)] == [True, False, True]
    assert (after[1].state, after) == ("cancelled", other.runs())


def test_the_runs_that_are_kept_in_memory_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("hierapp.runs.store.MOST_KEPT", 2)
    store = Store(tmp_path)
    store.add([RunConfig.make(data="digits", tree="digits", loss="cross-entropy")] * 5, tree_library.load("digits"))
    assert [run.id for run in store.runs()] == ["1", "2", "3", "4", "5"]
    assert len(store._known) <= 2


@pytest.mark.parametrize("metrics", [{"accuracy": 0.5}, {"class_accuracy": [0.123] * 10_000}], ids=["small", "large"])
def test_all_who_look_at_a_run_have_the_same_one_until_it_changes(store, metrics):
    (name,) = store.add(configs(), DIGITS)
    with store.database.write() as db:
        db.execute("UPDATE runs SET state = 'finished', test = ?", (json.dumps(metrics),))
    first = store.run(name)
    assert first.test == metrics
    assert store.run(name) is first
    with store.database.write() as db:
        db.execute("UPDATE runs SET own_note = 'new'")
    assert store.run(name).own_note == "new"
    assert first.own_note == ""


def test_a_large_run_that_nobody_uses_is_not_kept(store):
    (name,) = store.add(configs(), DIGITS)
    with store.database.write() as db:
        db.execute("UPDATE runs SET state = 'finished', test = ?", (json.dumps({"class_accuracy": [0.1] * 10_000}),))
    for read in (lambda: store.run(name), lambda: store.runs()[0], lambda: store.runs()[0]):
        used = weakref.ref(read())
        gc.collect()
        assert used() is None


def test_all_runs_are_read_only_after_a_commit(store, monkeypatch):
    store.add(configs(), DIGITS)
    selected: list[str] = []
    select = Store._select
    monkeypatch.setattr(Store, "_select", lambda *arguments: selected.append(arguments[1]) or select(*arguments))
    first = store.runs()
    first.clear()  # a caller may change its list
    assert [run.id for run in store.runs()] == [run.id for run in store.runs(deleted=False)] == ["1"]
    assert len(selected) == 1
    for number, writer in enumerate((store, Store(store.folder)), start=2):
        writer.add(configs(), DIGITS)
        assert len(store.runs()) == number
    assert len(selected) == 3


def test_an_option_that_was_added_since_has_its_default_in_older_runs(tmp_path):
    store, config = Store(tmp_path), RunConfig.make(data="digits", tree="digits", loss="hierarchical")
    (run,) = store.add([config], DIGITS)
    with store.database.write() as db:
        db.execute("UPDATE runs SET config = json_set(config, '$.options', json('{}')) WHERE id = ?", (run,))
    assert store.run(run).config.model_dump_json() == config.model_dump_json()
