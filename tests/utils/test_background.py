"""Work that one process at a time does: handing over, waiting, telling, taking over."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from hierapp.utils import locks, processes
from hierapp.utils.background import Job
from tests.never_started import NeverStarted


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "work.lock", tmp_path / "log.txt")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> NeverStarted:
    never = NeverStarted()
    monkeypatch.setattr(processes, "spawn", never)
    return never


def test_one_holds_it_at_a_time(job):
    with job.held() as first, job.held() as second:
        assert first is not None
        assert second is None
        assert job.is_running()
    assert not job.is_running()


def test_a_process_that_is_handed_the_lock_is_at_work_before_it_has_told(job, started):
    job.start_telling(["some.module", "argument"], 10, {"NAME": "value"})
    (command,) = started.commands
    assert command[:2] == ["some.module", "argument"]
    running, record = job.look()
    assert running
    assert (record.done, record.total, record.what, record.error) == (0, 10, "Starting", None)
    job.start_telling(["some.module", "again"], 10, {})
    assert len(started.commands) == 1
    started.die()
    assert not job.look()[0]


def test_what_the_process_has_told_counts_more_than_that_it_was_started(job, monkeypatch):
    def tell(*arguments: object, **named: object) -> object:
        job.tell(7, 10, "Reading")
        return NeverStarted()(["quick"])

    monkeypatch.setattr(processes, "spawn", tell)
    job.start_telling(["quick"], 10, {})
    assert job.record().done == 7
    assert [path.name for path in job.lock.parent.iterdir() if path.suffix == ".json"] == ["work.json"]


def test_a_process_that_cannot_be_started_leaves_the_lock_free(job, monkeypatch):
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(processes, "spawn", refuse)
    with pytest.raises(OSError, match="no more processes"):
        job.start_telling(["some.module"], 0, {})
    assert not job.is_running()
    assert job.record() is None


def test_whoever_comes_second_waits(job):
    waited = threading.Event()

    def second() -> None:
        with job.working(wait=waited.set):
            job.tell(1, 1, "Done")

    with job.held() as first:
        assert first is not None
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(60)
        assert job.record() is None
    thread.join()
    assert job.record().done == 1


def test_an_inherited_lock_is_adopted(job):
    lock = job.take()
    with job.working(os.dup(lock.descriptor)):
        lock.close()
        assert job.is_running()
    assert not job.is_running()


def test_the_lock_of_a_silent_process_is_taken_over_if_that_is_asked_for(job):
    with job.held() as silent:
        job.lock.write_text(f"{processes.machine()} {time.monotonic() - 2 * locks.SILENCE_SECONDS:.1f}\n")
        assert job.take() is None
        assert job.is_running()
        assert not job.is_running(silence=locks.SILENCE_SECONDS)
        with job.take(silence=locks.SILENCE_SECONDS) as taken:
            assert taken.is_mine()
            assert not silent.is_mine()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"done": 1})])
def test_a_record_that_is_none_is_ignored(job, content):
    job.record_file.write_text(content)
    assert job.record() is None


def test_nothing_is_created_by_looking(job):
    assert job.look() == (False, None)
    job.kill()
    job.forget()
    assert list(job.lock.parent.iterdir()) == []
