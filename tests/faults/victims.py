"""What is killed in a fault test, and how it is found and brought back."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Playwright, sync_playwright

from tests.faults import census

REPOSITORY = Path(__file__).resolve().parents[2]


class Victim(Protocol):
    """A kind of process to kill. Ray's nodes would be one more."""

    name: str

    def open(self) -> None:
        """Start what the test starts itself; called once the runs are queued."""

    def kill(self, chance: random.Random) -> str | None:
        """Kill one that is alive and say which: "worker 3"; None if none is alive at present."""

    def bring_back(self) -> None:
        """Start again what nobody else starts; called soon after the kill."""

    def close(self) -> None:
        """End what the test has started itself."""


class Hierapp:
    """Workers or launchers: hierapp brings them back itself."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name

    def open(self) -> None: ...

    def kill(self, chance: random.Random) -> str | None:
        found = census.of_home(self.home)
        alive = [(role, process) for role in sorted(found) if role.startswith(self.name) for process in found[role]]
        if not alive:
            return None
        role, process = chance.choice(alive)
        process.send_signal(signal.SIGKILL)
        return role

    def bring_back(self) -> None: ...

    def close(self) -> None: ...


class App:
    """The app with the Runs page open in a browser: as long as it lives, it wakes the launcher."""

    name = "app"

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.port = free.getsockname()[1]
        self.home = home
        self._playwright: Playwright | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        self._start()
        self._playwright = sync_playwright().start()
        found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        self._browser = self._playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        self._page = self._browser.new_page()
        self._page.goto(f"http://localhost:{self.port}/runs")
        self._page.wait_for_selector("h1")

    def _start(self) -> None:
        self._server = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *("--server.headless=true", f"--server.port={self.port}"),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "HIERAPP_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://localhost:{self.port}/_stcore/health", timeout=1)
                return
            except OSError:
                assert time.monotonic() < until, "the app does not answer"
                time.sleep(0.1)

    def kill(self, chance: random.Random) -> str | None:
        self._end()
        return "app"

    def _end(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def bring_back(self) -> None:
        self._start()
        # As somebody does who finds the page dead.
        self._page.reload()
        self._page.wait_for_selector("h1")

    def close(self) -> None:
        if self._playwright is not None:
            self._playwright.stop()
        self._end()
