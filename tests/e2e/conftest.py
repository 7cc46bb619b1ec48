"""A real server and a real browser."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    TimeoutError as Late,
    expect,
    sync_playwright,
)

from hierapp.runs import Store
from hierapp.utils import processes

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = REPOSITORY / ".cache" / "screenshots"
LONG = 240_000  # milliseconds; several real runs on a busy machine
# What is there soon on a quiet machine may take long on a busy one; only a test that fails waits for so long.
PATIENT = 90_000
REDRAWN = 5_000  # a page that refreshes itself is not waited for any longer
BUSY = ":is([data-test-script-state=running], [data-test-script-state=rerunRequested])"
expect.set_options(timeout=PATIENT)


class Server:
    """The app on a free port, over a home and secrets of its own; with further options of Streamlit's."""

    def __init__(self, home: Path, data: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.store = Store(home)
        self.log = home.parent / f"server-{self.port}.log"
        self.environment = {**os.environ, "HIERAPP_HOME": str(home), "HIERAPP_DATA": str(data)}
        self.environment.pop("HIERAPP_SLOTS", None)
        self.environment.pop("HIERAPP_OPEN", None)
        self.secrets = home.parent / "secrets.toml"
        self.options = [f"--secrets.files={self.secrets}", *options]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    "app.py",
                    "--server.headless=true",
                    f"--server.port={self.port}",
                    *self.options,
                ],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + LONG / 1000
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def clean(self) -> None:
        """Stop the server and whatever it has left running."""
        self.stop()
        for run in self.store.runs(states=("queued", "running")):
            self.store.request_cancel(run.id)
            processes.kill(run.process)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers that are started fresh; all share one home, an empty data folder and tmp_path/secrets.toml."""
    made: list[Server] = []

    def make(*options: str) -> Server:
        server = Server(tmp_path / "home", tmp_path / "data", *options)
        server.start()
        made.append(server)
        return server

    yield make
    for server in made:
        server.clean()


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    return new_server()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return one server for all tests of a file: the first page of a new one takes seconds."""
    folder = tmp_path_factory.mktemp("shared")
    server = Server(folder / "home", folder / "data")
    server.start()
    yield server
    server.clean()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--disable-sync"]
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=found, args=flags)
        except Error as error:
            pytest.skip(f"no Chromium to test with: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Open a window of its own that is patient."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENT)
    return context


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A new window; anything that the app asks of another host fails the test."""
    context = new_context(browser, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    # A click on what is replaced between press and release is lost, so a page that is being drawn is waited for.
    opened.add_locator_handler(opened.locator(BUSY), _wait_until_drawn, no_wait_after=True)
    elsewhere: list[str] = []
    opened.on("request", lambda asked: elsewhere.append(asked.url) if _is_elsewhere(asked.url) else None)
    yield opened
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=SCREENSHOTS / f"last-{request.node.name}.png")
    context.close()
    assert elsewhere == [], "the app fetched from another host"


def _wait_until_drawn(busy: Locator) -> None:
    with contextlib.suppress(Late):
        busy.wait_for(state="hidden", timeout=REDRAWN)


def settle(page: Page) -> None:
    """Wait until the page is drawn and its transitions are over."""
    page.wait_for_selector("[data-test-script-state=notRunning]")
    page.wait_for_function(
        """() => document.getAnimations().every(
            one => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity
        )"""
    )


def _is_elsewhere(url: str) -> bool:
    return url.startswith(("http", "ws")) and "//localhost:" not in url


def wait_until(condition: Callable[[], object], what: str, seconds: float = LONG / 1000) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.1)


def points(page: Page, chart: str) -> list[int]:
    """How many points each line of a chart has; none if the chart is not there."""
    return page.evaluate(
        """chart => {
            const plots = document.querySelectorAll(`.st-key-${chart} .js-plotly-plot`);
            const shown = [...plots].filter(plot => plot.offsetParent);
            return shown.length ? shown[0].data.map(line => (line.x || []).length) : [];
        }""",
        chart,
    )
