"""How long the Start page takes to appear, cold: a fresh server, its first visitor, an empty browser.

    python -m benchmarks.first_paint [--rounds 5]

"paint" is the browser's first contentful paint, "headline" the moment when the page's headline, which comes from
Python, is visible; both from the request on, which is made as soon as the server answers. Needs the tests' packages.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from playwright.sync_api import Playwright, sync_playwright

from benchmarks import machine
from hierapp.paths import project_folder


def visit(playwright: Playwright, port: int) -> tuple[float, float]:
    """Seconds to the first contentful paint and to the headline."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(f"http://localhost:{port}")
    page.wait_for_selector("h1")
    headline = time.perf_counter() - started
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    browser.close()
    return paint, headline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times = []
    with sync_playwright() as playwright:
        for _ in range(rounds):
            with socket.socket() as free, tempfile.TemporaryDirectory() as home:
                free.bind(("localhost", 0))
                port = free.getsockname()[1]
                free.close()
                server = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "streamlit",
                        "run",
                        "app.py",
                        "--server.headless=true",
                        f"--server.port={port}",
                    ],
                    cwd=project_folder(),
                    env={**os.environ, "HIERAPP_HOME": home},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                while True:
                    try:
                        urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1)
                        break
                    except OSError:
                        time.sleep(0.02)
                times.append(visit(playwright, port))
                server.kill()
                server.wait()
    print(machine.describe())
    for name, values in zip(("paint", "headline"), zip(*times, strict=True), strict=True):
        print(
            f"{name}: median {statistics.median(values):.2f} s, {min(values):.2f} to {max(values):.2f}, {rounds} rounds"
        )


if __name__ == "__main__":
    main()
