"""The command `features`: run a pretrained network over a data set once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    features = command(commands, "features").add_subparsers(required=True)
    extract = command(
        features, "extract", extract_features, "keep the outputs of a network before its head as a data set"
    )
    extract.add_argument("--data", required=True, help="a data set of images")
    extract.add_argument("--model", required=True, help="a network of timm, as timm:NAME")
    extract.add_argument("--name", required=True, help="name of the new data set: letters, digits, - and _")
    extract.add_argument(
        "--size", type=int, default=0, help="side to which images are resized, in pixels; by default the network's own"
    )
    extract.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")


def extract_features(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from hierapp.training.extraction import extract

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task("Extracting features", total=None)
        entry = extract(
            options.data,
            options.model,
            options.name,
            options.size,
            options.device,
            lambda done, total, what: bars.update(task, completed=done, total=total, description=what),
        )
    print(f"{entry.name} is ready: {entry.train_size + entry.test_size:,} rows of {entry.features:,} features.")
    return DONE
