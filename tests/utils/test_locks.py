"""Locks between processes: handed over, replaced when their holder is silent, and never held by two."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hierapp.utils import locks, processes

HOLDER = """
import sys, time
from pathlib import Path
from hierapp.utils import locks
locks.BEAT_SECONDS = 0.05
with locks.take(Path(sys.argv[1])) as held, held.beating():
    print("held", flush=True)
    while held.is_mine():
        time.sleep(0.01)
print("no longer", flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock as long as it is its own."""
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_lock_is_held_by_one_and_ends_with_its_holder(file, holder):
    assert locks.is_locked(file)
    assert locks.take(file) is None
    holder.kill()
    holder.wait()
    assert not locks.is_locked(file)
    with locks.take(file) as held:
        assert held.is_mine()
        assert locks.is_locked(file)
    assert not locks.is_locked(file)


def test_a_look_creates_no_file(file):
    assert not locks.is_locked(file)
    assert locks.silent_for(file) is None
    assert not file.exists()


def test_a_process_that_inherits_the_file_has_the_lock(file):
    with locks.take(file) as held:
        wait = [sys.executable, "-c", "input()"]
        child = subprocess.Popen(wait, stdin=subprocess.PIPE, pass_fds=[held.descriptor])
    assert locks.is_locked(file)
    child.communicate(b"\n")
    assert not locks.is_locked(file)


def test_an_adopted_lock_is_not_inherited_by_accident(file):
    with locks.take(file) as held:
        descriptor = os.dup(held.descriptor)
    os.set_inheritable(descriptor, True)
    with (
        locks.adopt(file, descriptor),
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child,
    ):
        assert locks.is_locked(file)
        child.stdin.write(b" ")  # it is there
        assert str(file) not in [os.path.realpath(each) for each in Path(f"/proc/{child.pid}/fd").iterdir()]
        child.communicate(b"\n")
    assert not locks.is_locked(file)


def test_a_glance_is_waited_for_and_disturbs_no_other_glance(file):
    with file.open("w") as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        assert not locks.is_locked(file)
        assert locks.take(file) is None
        threading.Timer(locks.GLANCE_SECONDS / 4, glance.close).start()
        with locks.take(file, patience=240) as held:
            assert held is not None


def test_a_holder_that_beats_is_not_silent_and_a_stopped_one_is(file, holder):
    wait_for(lambda: locks.silent_for(file) is not None)
    time.sleep(0.3)
    assert locks.take_over(file, silence=60) is None
    os.kill(holder.pid, signal.SIGSTOP)
    wait_for(lambda: locks.silent_for(file) > 0.5)


def test_a_holder_that_hangs_is_silent(file, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    working = True
    with locks.take(file) as held, held.beating(lambda: working):
        time.sleep(0.3)
        assert locks.take_over(file, 60.0) is None
        working = False
        wait_for(lambda: (locks.silent_for(file) or 0) > 0.5)


def test_of_several_that_would_replace_a_silent_holder_one_does_and_the_holder_notices(file, holder):
    os.kill(holder.pid, signal.SIGSTOP)
    wait_for(lambda: (locks.silent_for(file) or 0) > 0.5)
    with ThreadPoolExecutor(8) as pool:
        found = [held for held in pool.map(lambda _: locks.take_over(file, 0.4), range(8)) if held is not None]
    (held,) = found
    assert held.is_mine()
    assert locks.take(file) is None
    os.kill(holder.pid, signal.SIGCONT)
    assert holder.stdout.readline() == "no longer\n"
    holder.wait()
    assert locks.is_locked(file), "the former holder's end does not release it"
    held.close()
    assert not locks.is_locked(file)
    assert list(file.parent.iterdir()) == [file]


def test_whoever_waited_for_a_replaced_file_takes_the_new_one(file, monkeypatch):
    """A process that opened the file before it was replaced, and locks it after its holder has ended."""
    really, replaced = os.open, []

    def open_and_replace(path, *how):
        descriptor = really(path, *how)
        if not replaced and Path(path) == file:
            other = file.with_name("other")
            other.touch()
            replaced.append(other.replace(file))
        return descriptor

    monkeypatch.setattr(os, "open", open_and_replace)
    with locks.take(file) as held:
        assert replaced
        assert held.is_mine()


@pytest.mark.parametrize(
    "content", ["", "a word", "another-machine {now:.1f}", "{machine} nan", "{machine} {later:.1f}"]
)
def test_a_holder_of_which_nothing_is_known_is_not_replaced(file, content):
    now = time.monotonic()
    with locks.take(file):
        file.write_text(content.format(machine=processes.machine(), now=now - 1e6, later=now + 1e6))
        assert locks.silent_for(file) is None
        assert locks.take_over(file, 0.0) is None


def test_a_removed_file_is_no_longer_its_holders(file):
    with locks.take(file) as held:
        file.unlink()
        assert not held.is_mine()
