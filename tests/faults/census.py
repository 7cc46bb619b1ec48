"""Which processes of hierapp are alive for a home, looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_SECONDS = 0.05

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, ProcessLookupError)


def of_home(home: Path) -> dict[str, list[psutil.Process]]:
    """The live processes by what they are: "worker 3", "launcher", "app"."""
    found: dict[str, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline()).split()  # a forked worker's title is one word
            role = _role(words)
            # Each leads a session; what one of them starts looks like it for a moment, and is none.
            if not role or os.getsid(process.pid) != process.pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("HIERAPP_HOME") == str(home):
                found[role].append(process)
        except GONE:
            continue
    return dict(found)


def is_open_below(folder: Path) -> bool:
    """Whether a process has a file open there; a fork server outlives its launcher for a moment."""
    for process in psutil.process_iter():
        with suppress(*GONE):
            if any(Path(file.path).is_relative_to(folder) for file in process.open_files()):
                return True
    return False


def end_all(home: Path) -> None:
    """End what is left of a home's processes after a test that failed."""
    while found := [process for each in of_home(home).values() for process in each]:
        for process in found:
            with suppress(*GONE):
                process.kill()
                process.wait(30)


def _role(words: list[str]) -> str | None:
    if words[1:3] == ["-m", "hierapp.execution.worker"] and len(words) > 3:
        return f"worker {words[3]}"
    if words[1:3] == ["-m", "hierapp.execution"]:
        return "launcher"
    if words[1:4] == ["-m", "streamlit", "run"]:
        return "app"
    return None


class Watch(threading.Thread):
    """Looks while the test goes on, and notes every moment at which a run had two workers."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.looks = 0
        self.doubles: list[tuple[str, list[int]]] = []
        self.first_seen: dict[tuple[str, int], float] = {}  # seconds since 1970
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.looks += 1
            for role, processes in of_home(self.home).items():
                if role.startswith("worker") and len(processes) > 1:
                    self.doubles.append((role, [process.pid for process in processes]))
                for process in processes:
                    self.first_seen.setdefault((role, process.pid), time.time())

    def next_seen(self, role: str, after: float) -> float | None:
        """When the first process of a role showed after a moment."""
        return min((at for (name, _), at in self.first_seen.items() if name == role and at > after), default=None)

    def stop(self) -> None:
        self._over.set()
        self.join()
