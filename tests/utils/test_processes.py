"""Processes by what they are, not by their number alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from hierapp.utils import processes


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as child:
        yield child
        child.kill()


def test_a_process_is_alive_until_it_ends(sleeper):
    process = processes.identity(sleeper.pid)
    assert processes.alive(process)
    assert processes.identity(sleeper.pid) == process
    processes.kill(process)
    sleeper.wait(30)
    assert not processes.alive(process)
    assert processes.identity(sleeper.pid) is None
    processes.kill(process)  # nothing to do


def test_a_process_that_ended_and_was_not_waited_for_is_gone(sleeper):
    process = processes.identity(sleeper.pid)
    os.kill(sleeper.pid, 9)
    until = time.monotonic() + 240
    while processes.alive(process):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_same_number_with_another_start_is_another_process(sleeper):
    where, _, start = processes.identity(sleeper.pid).rpartition(" ")
    other = f"{where} {int(start) + 1}"
    assert not processes.alive(other)
    processes.kill(other)
    assert sleeper.poll() is None


def test_the_identity_does_not_depend_on_the_clock(sleeper, monkeypatch):
    before = processes.identity(sleeper.pid)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    monkeypatch.setattr(psutil, "boot_time", lambda: now - 90_000)
    assert processes.identity(sleeper.pid) == before


def test_processes_of_elsewhere_are_told_from_those_that_are_gone(sleeper):
    host, boot, namespace, pid, start = processes.identity(sleeper.pid).split(" ")
    assert not processes.is_foreign(" ".join((host, boot, namespace, pid, start)))
    assert processes.is_foreign(" ".join((host, boot, "pid:[1]", pid, start))), "another container"
    assert processes.is_foreign(" ".join(("other", "other-boot", namespace, pid, start))), "another machine"
    assert not processes.is_foreign(" ".join((host, "other-boot", namespace, pid, start))), "before a restart"
    assert not processes.alive(" ".join((host, "other-boot", namespace, pid, start)))


def test_nobody_is_not_alive():
    assert not processes.alive(None)
    assert not processes.alive(f"{processes.identity(os.getpid()).rsplit(' ', 2)[0]} {2**22 + 5} 1")
    assert processes.oom_kills() >= 0
