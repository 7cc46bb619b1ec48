"""What a run's state may become: every event from every state, and who wins where several try."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from hierapp.errors import StaleAttemptError, StoreError
from hierapp.runs import Store
from hierapp.runs.states import ENDS, OPEN_STATES, STATES, TRANSITIONS, Event, State, move
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

CONFIG = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")
DIGITS = tree_library.load("digits")

# Stated once more, by hand: what may happen.
ALLOWED = {
    ("queued", "claim"): "running",
    ("queued", "cancel"): "cancelled",
    ("running", "unclaim"): "queued",
    ("running", "finish"): "finished",
    ("running", "fail"): "failed",
    ("running", "stop"): "cancelled",
    ("running", "lose"): "interrupted",
    ("failed", "resume"): "queued",
    ("cancelled", "resume"): "queued",
    ("interrupted", "resume"): "queued",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    made.add([CONFIG], DIGITS)
    return made


def put(store: Store, state: State) -> None:
    with store.database.write() as db:
        db.execute("UPDATE runs SET state = ?", (state,))


@pytest.mark.parametrize("event", TRANSITIONS)
@pytest.mark.parametrize("state", STATES)
def test_an_event_leads_where_it_is_allowed_and_changes_nothing_elsewhere(store, state, event):
    put(store, state)
    before = store.run("1")
    with store.database.write() as db:
        moved = move(db, 1, event, 5.0)
    after = store.run("1")
    assert moved == ((state, event) in ALLOWED)
    assert after.state == ALLOWED.get((state, event), state)
    if not moved:
        assert after == before


def test_every_ended_state_has_its_event():
    assert set(ENDS) == set(STATES) - set(OPEN_STATES)
    assert all(TRANSITIONS[event].target == state for state, event in ENDS.items())


def test_nothing_else_writes_the_state():
    package = Path(__file__).resolve().parents[2] / "hierapp"
    writers = [
        file.name
        for file in package.rglob("*.py")
        if any("SET state" in line or "state = :state" in line for line in file.read_text().splitlines())
    ]
    assert writers == ["states.py"]


def test_an_attempt_that_is_outdated_moves_nothing(store):
    first = store.claim()
    late = store.writer("1")
    store.lose(first, "gone", again=True)
    second = store.claim()
    assert (first.attempt, second.attempt, second.lost_count) == (1, 2, 1)
    for write in (
        lambda: late.report(0.5, {"train_loss": 1.0}, 0.1),
        lambda: late.end("failed", "late"),
        late.heartbeat,
        late.is_asked_to_stop,
        lambda: late.take(1, "x"),
        lambda: late.begin("cpu", "0"),
        lambda: late.restarted_at(0.0, 0.0),
    ):
        with pytest.raises(StaleAttemptError):
            write()
    assert not store.lose(first, "again")
    assert not store.stopped(first)
    assert store.run("1") == second
    assert store.metrics(["1"]) == {"1": {}}


def test_of_many_that_let_a_run_end_one_does(store):
    run = store.claim()
    begin = threading.Barrier(8)

    def lose() -> bool:
        begin.wait()
        return Store(store.folder).lose(run, "gone")

    with ThreadPoolExecutor(8) as pool:
        assert sum(future.result() for future in [pool.submit(lose) for _ in range(8)]) == 1


def test_a_loss_counts_until_somebody_resumes(store):
    for lost in (1, 2):
        store.lose(store.claim(), "gone", again=True)
        waiting = store.run("1")
        assert (waiting.state, waiting.lost_count, waiting.note) == (
            "queued",
            lost,
            "Resumed after an interruption: gone",
        )
    store.lose(store.claim(), "gone")
    assert (store.run("1").state, store.run("1").error) == ("interrupted", "gone")
    resumed = store.resume("1")
    assert (resumed.state, resumed.lost_count, resumed.error, resumed.ended) == ("queued", 0, "gone", None)
    assert store.claim().error is None


def test_a_cancelled_run_that_is_resumed_is_not_asked_to_stop_any_more(store):
    run = store.claim()
    store.request_cancel("1")
    store.stopped(run)
    assert store.resume("1").cancel_requested is None


@pytest.mark.parametrize("state", ["queued", "running", "finished"])
def test_what_did_not_stop_is_not_resumed(store, state):
    put(store, state)
    with pytest.raises(StoreError, match=f"Run 1 is {state}; only a failed, cancelled or interrupted run"):
        store.resume("1")


@settings(max_examples=60, deadline=None)
@given(events=st.lists(st.sampled_from(list(TRANSITIONS)), max_size=30))
def test_the_times_and_the_process_fit_the_state_whatever_happens(events: list[Event]):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    from hierapp.runs import schema

    schema.create(db)
    db.execute("INSERT INTO trees VALUES ('t', '')")
    db.execute("INSERT INTO runs (state, config, tree, created) VALUES ('queued', '{}', 't', 0)")
    attempts = 0
    for now, event in enumerate(events, start=1):
        attempts += move(db, 1, event, float(now)) and event == "claim"
        row = db.execute("SELECT * FROM runs").fetchone()
        assert row["attempt"] == attempts
        assert (row["ended"] is not None) == (row["state"] not in OPEN_STATES)
        assert row["state"] == "running" or (row["pid"], row["process"], row["heartbeat"]) == (None, None, None)
        assert row["state"] != "running" or row["claimed"] is not None
    db.close()


# The queue


def order(store: Store) -> list[str]:
    return [run.id for run in store.queue()]


def test_waiting_runs_start_by_priority_then_place(store):
    store.add([CONFIG] * 2, DIGITS, priority=2)
    store.add([CONFIG], DIGITS, priority=-1)
    assert order(store) == ["2", "3", "1", "4"]
    store.set_priority("4", 3)
    assert order(store) == ["4", "2", "3", "1"]
    assert [store.claim().id for _ in range(4)] == ["4", "2", "3", "1"]


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["first", "earlier", "later", "last"])), max_size=12)
)
def test_moves_do_what_they_do_to_a_list(tmp_path_factory, moves):
    store = Store(tmp_path_factory.mktemp("queue"))
    listed = store.add([CONFIG] * 6, DIGITS)
    other = store.add([CONFIG] * 2, DIGITS, priority=1)
    for number, to in moves:
        store.move(str(number), to)
        at = listed.index(str(number))
        run = listed.pop(at)
        listed.insert({"first": 0, "earlier": max(0, at - 1), "later": at + 1, "last": len(listed)}[to], run)
        assert order(store) == other + listed


def test_a_held_run_waits_until_it_is_released(store):
    store.add([CONFIG], DIGITS)
    store.hold("1")
    assert store.run("1").held
    assert store.claim().id == "2"
    assert store.claim() is None
    store.release("1")
    assert store.claim().id == "1"


def test_a_run_that_does_not_wait_has_no_place(store):
    running = store.claim()
    for change in (
        store.hold,
        store.release,
        lambda run: store.set_priority(run, 5),
        lambda run: store.move(run, "last"),
    ):
        change("1")
    assert store.run("1") == running


def test_a_claim_takes_only_what_fits_the_device(store):
    on_gpu, anywhere = store.add([CONFIG.model_copy(update={"device": device}) for device in ("cuda", "auto")], DIGITS)
    store.request_cancel("1")
    assert store.claim(["cpu"]) is None
    assert store.claim(["cpu", "auto"], assigned_device="cpu").id == anywhere
    claimed = store.claim(["cuda"], "ray", "node 2")
    assert (claimed.id, claimed.launcher, claimed.assigned_device) == (on_gpu, "ray", "node 2")


def test_a_clock_that_was_set_back_gives_no_negative_time(store, monkeypatch):
    store.claim()
    attempt = store.writer("1")
    attempt.begin("cpu", "0")
    attempt.report(1.0, {}, 0.5)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    assert store.run("1").seconds_left == 0


# The documentation


def test_the_guide_lists_these_events_and_no_others():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "runs.md").read_text()
    table = guide.split("## States")[1].split("\n## ")[0]
    rows = re.findall(r"^\| .* \|$", table, re.MULTILINE)[2:]  # below the header
    expected = [(event, ", ".join(each.sources), each.target, each.meaning) for event, each in TRANSITIONS.items()]
    assert sorted(rows) == sorted(f"| {' | '.join(row)} |" for row in expected)
