"""Processes by what they are, not by their number alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

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


def test_a_host_that_is_renamed_loses_no_process(sleeper, monkeypatch):
    before = processes.identity(sleeper.pid)
    monkeypatch.setattr(processes, "_here", lambda: ("renamed", *before.split(" ")[1:3]))
    assert processes.alive(before)
    assert not processes.is_foreign(before)


def test_a_process_of_a_folder_is_not_that_of_its_copy(sleeper, tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    shutil.copytree(home, copy)
    process = processes.identity(sleeper.pid, home)
    assert (processes.alive(process, home), processes.alive(process, copy)) == (True, False)
    assert processes.alive(process)
    processes.kill(process, copy)
    assert processes.alive(process, home)
    home.rename(tmp_path / "moved")
    assert processes.alive(process, tmp_path / "moved")
    assert not processes.alive(process, home), "it is gone from there"
    copy.rename(home)
    assert not processes.alive(process, home), "the copy is there now"
    processes.kill(process, tmp_path / "moved")
    sleeper.wait(30)


def test_where_the_folder_of_a_process_is_unknown_it_counts_as_this_one(sleeper, tmp_path):
    old = processes.identity(sleeper.pid)
    assert processes.is_of(old, tmp_path)
    host, boot, _, pid, start = old.split(" ")
    # The numbers of a folder on a network disk are others on another machine, and its process is not visible here.
    assert processes.is_of(" ".join((host, boot, "pid:[1]", pid, start, "1:2")), tmp_path)
    assert not processes.is_of(f"{old} 1:2", tmp_path)
    assert not processes.is_of(processes.identity(sleeper.pid, tmp_path / "nowhere"), tmp_path)


@pytest.fixture
def no_proc(monkeypatch):
    """A system without /proc, as macOS is."""
    monkeypatch.setattr(processes, "Path", lambda *parts: Path("/nowhere", *parts[1:]))
    processes._here.cache_clear()
    yield
    processes._here.cache_clear()


def test_without_proc_a_boot_time_that_wavers_loses_no_process(sleeper, no_proc, monkeypatch):
    for first, then in ((299.9, 300.1), (0.0, 86_400.0)):
        monkeypatch.setattr(psutil, "boot_time", lambda: first)  # noqa: B023 - called at once
        processes._here.cache_clear()
        before = processes.identity(sleeper.pid)
        monkeypatch.setattr(psutil, "boot_time", lambda: then)  # noqa: B023 - called at once
        processes._here.cache_clear()
        assert processes.alive(before)
        assert not processes.is_foreign(before)


def test_without_proc_starts_machines_and_ends_are_told(sleeper, no_proc):
    before = processes.identity(sleeper.pid)
    host, boot, namespace, pid, start = before.split(" ")
    assert host in boot
    assert processes.alive(" ".join((host, boot, namespace, pid, str(int(start) + 1)))), "rounded another way"
    assert not processes.alive(" ".join((host, boot, namespace, pid, str(int(start) + 60))))
    assert processes.is_foreign(" ".join(("other", "on-other", namespace, pid, start)))
    assert processes.machine() == boot != "on-other"
    processes.kill(before)
    sleeper.wait(30)
    assert not processes.alive(before)


def test_nobody_is_not_alive():
    assert not processes.alive(None)
    assert not processes.alive(f"{processes.identity(os.getpid()).rsplit(' ', 2)[0]} {2**22 + 5} 1")
    assert processes.oom_kills() >= 0


def test_core_without_psutil_knows_a_process_by_its_number(sleeper, no_proc, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    process = processes.identity(sleeper.pid)
    assert processes.alive(process)
    sleeper.kill()
    sleeper.wait()
    assert not processes.alive(process)
