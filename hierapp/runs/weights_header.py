"""What the file of a run's weights says before its tensors: the configuration, and by what the run was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hierapp.runs import Run

WEIGHTS = "model.safetensors"
HEAD = 8  # bytes that tell the length of a safetensors file's words
MOST_WORDS = 100_000_000


def conditions(run: Run) -> dict[str, Any]:
    """Where and by what a run was trained, as far as it was recorded: that stands in its weights' file."""
    words = header(run.folder / WEIGHTS)[0].get("__metadata__", {})
    try:
        found = json.loads(words.get("conditions", "{}"))
    except (AttributeError, ValueError):
        found = {}
    return {"hierapp": run.version, "kind": run.device, **(found if isinstance(found, dict) else {})}


def header(file: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says before its tensors, and how many bytes that takes; nothing of other files."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(HEAD), "little")
            found = json.loads(opened.read(length)) if length < MOST_WORDS else {}
    except (OSError, ValueError):
        return {}, 0
    return (found, HEAD + length) if isinstance(found, dict) else ({}, 0)
