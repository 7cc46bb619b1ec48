"""The version of the code that made a run."""

from __future__ import annotations

import subprocess
from functools import cache

from hierapp import paths

__version__ = "0.2.0"


@cache
def code_version() -> str:
    """Return hierapp's version, with the commit in a git checkout; "+" marks uncommitted changes.

    It is that of the first call in a process.

    >>> code_version().startswith(__version__)
    True
    """
    if paths.is_installed():  # git would report a repository that happens to contain the environment
        return __version__
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=paths.project_folder(),
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__} ({described})"
