"""The header of a run's weights file: the configuration and the training conditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hierapp.runs import Run
from hierapp.utils.reading import open_file

WEIGHTS = "model.safetensors"
HEAD = 8  # bytes that contain the length of a safetensors header
MOST_WORDS = 100_000_000


def conditions(run: Run) -> dict[str, Any]:
    """Return the recorded training conditions of a run, such as device and versions, from its weights file."""
    words = header(run.folder / WEIGHTS)[0].get("__metadata__", {})
    try:
        found = json.loads(words.get("conditions", "{}"))
    except (AttributeError, ValueError):
        found = {}
    return {"hierapp": run.version, "kind": run.device, **(found if isinstance(found, dict) else {})}


def header(file: Path) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file and its length in bytes; an empty header for other files."""
    try:
        with open_file(file) as opened:
            length = int.from_bytes(opened.read(HEAD), "little")
            found = json.loads(opened.read(length)) if length < MOST_WORDS else {}
    except (OSError, ValueError):
        return {}, 0
    return (found, HEAD + length) if isinstance(found, dict) else ({}, 0)
