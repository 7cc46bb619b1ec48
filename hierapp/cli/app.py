"""The command `app`: serve the app in the browser, from a checkout or the installed package, in any folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from hierapp import paths
from hierapp.errors import ConfigError
from hierapp.utils import extras


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    app = command(commands, "app", serve)
    app.add_argument("--port", type=int, default=8501, help="port to listen on (default 8501)")
    app.add_argument(
        "--host",
        default="localhost",
        help="address to listen on (default localhost); other addresses need a login or HIERAPP_OPEN=1",
    )


def serve(options: argparse.Namespace) -> int:
    """Replace this process with the server, so that signals reach it."""
    if not 1 <= options.port <= 65_535:
        raise ConfigError(f"Expected --port to be a number from 1 to 65535 but got {options.port}.")
    extras.require("app", "The app")
    sys.stdout.flush()
    os.execv(sys.executable, command(options.port, options.host))  # noqa: S606 - a list of our own words


def command(port: int, host: str) -> list[str]:
    """Return the command that starts the server. Streamlit reads the settings in the .streamlit/ next to the script.

    With -P, Python does not import a folder pages/ or a file app.py of the current folder instead of the app's.
    """
    script = str(paths.app_folder() / "app.py")
    settings = [f"--server.port={port}", f"--server.address={host}"]
    return [sys.executable, "-P", "-m", "streamlit", "run", script, *settings]
