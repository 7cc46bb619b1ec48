"""Which code made a run."""

from __future__ import annotations

import subprocess

from hierapp import paths

__version__ = "0.1.0"


def code_version() -> str:
    """hierapp's version, and the commit where the code is a git checkout; "+" marks changes that are not committed.

    >>> code_version().startswith(__version__)
    True
    """
    if paths.is_installed():  # git would tell of a repository that happens to lie around the environment
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
