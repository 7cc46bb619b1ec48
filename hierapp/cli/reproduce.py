"""The command `reproduce`: run and judge the paper's figures."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, DatasetError, StoreError
from hierapp.execution import slots
from hierapp.runs import Store
from hierapp.utils import devices

if TYPE_CHECKING:  # needs pandas; the rest of the command line starts without it
    from hierapp.reproduction.presets import Figure, Size
    from hierapp.reproduction.results import PaperResults

DONE, RUN_FAILED = 0, 1
MOST_AT_ONCE = 8  # default limit: every run holds the complete data set in memory


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    made = command(commands, "reproduce", reproduce, with_json=True)
    made.add_argument(
        "figures", nargs="*", metavar="FIGURE", help="such as 3a, 10, poster or appendix-a (default: all)"
    )
    made.add_argument(
        "--size", choices=("quick", "full"), default="quick", help="quick: 5 epochs, full: 40 (default quick)"
    )
    made.add_argument("--data", default="cifar10", help="a data set other than the paper's")
    made.add_argument("--seeds", type=int, metavar="N", help="at most N seeds per group")
    made.add_argument("--epochs", type=int, metavar="N", help="at most N epochs per run")
    made.add_argument(
        "--slots",
        type=int,
        help="number of runs at once on each device, from now on; by default the last setting, else one per core",
    )
    made.add_argument("--output", type=Path, metavar="FILE", help="also write the results to this file")
    made.add_argument("--detach", action="store_true", help="queue the runs, print their ids and exit")


def reproduce(options: argparse.Namespace) -> int:
    from hierapp.reproduction import figures, planning, queueing, results, state
    from hierapp.reproduction.presets import SIZES

    for name in ("seeds", "epochs"):
        if (given := getattr(options, name)) is not None and given < 1:
            raise ConfigError(f"Expected --{name} to be 1 or more but got {given}.")
    chosen = figures.find(options.figures)
    size = SIZES[options.size].cut(options.seeds, options.epochs)
    status = datasets.status(options.data)
    if status.state != "ready":
        raise DatasetError(status.detail)
    store, started = Store(), time.monotonic()
    planned = planning.plan(chosen, size, options.data)
    if planned:
        _set_slots(store, options.slots)
    _measure(chosen, size, options.data)
    already = sum(run is not None and run.state == "finished" for run in queueing.matches(store.runs(), planned))
    ids = queueing.queue(store, planned, size.name)
    if options.detach:
        print(json.dumps(ids)) if options.json else print(*ids, sep="\n")
        return DONE
    from hierapp.cli import progress

    _tell(f"{len(planned)} runs, {already} of them finished before")
    runs = progress.follow(store, ids) if ids else []
    took: float | None = time.monotonic() - started
    if already:
        took = _took_before(options) if already == len(planned) else None
    outcome = state.outcome(store, size, options.data, _command(options), took)
    if outcome is not None:
        results.save(outcome, results.file_of(size.name))
        if options.output is not None:
            results.save(outcome, options.output)
    _show(outcome, chosen, options.json)
    return DONE if all(run.state == "finished" for run in runs) else RUN_FAILED


def _set_slots(store: Store, wanted: int | None) -> None:
    """Set the number of parallel runs if given.

    Otherwise, unless it is already set, use one run per core: small networks leave cores idle.
    """
    if wanted is not None:
        for kind in devices.kinds():
            slots.set_slots(store, kind, wanted)
    elif devices.kinds() == ("cpu",) and slots.chosen(store, "cpu") is None and devices.cores() > 1:
        slots.set_slots(store, "cpu", min(devices.cores(), MOST_AT_ONCE))
        _tell(f"{slots.slots(store, 'cpu')} runs run at once from now on; change this with --slots")


def _measure(chosen: Sequence[Figure], size: Size, data: str) -> None:
    """Measure appendix A, which needs no run and an otherwise idle machine."""
    from hierapp.reproduction import planning, timing

    if not any("timing" in figure.needs for figure in chosen):
        return
    if timing.kept(size.name, data) is None:
        _tell("appendix A: timing the loop and the tensors")
        rounds, batches = timing.ROUNDS[size.name]
        timing.keep(timing.measure(planning.tree_of(data, "base"), rounds, batches), size.name, data)


def _took_before(options: argparse.Namespace) -> float | None:
    """Return the duration of the same command when it trained the runs that are now only judged again."""
    from hierapp.reproduction import results

    try:
        kept = results.load(results.file_of(options.size))
    except StoreError:  # it will be replaced
        return None
    return kept.took_seconds if kept is not None and kept.command == _command(options) else None


def _show(outcome: PaperResults | None, chosen: Sequence[Figure], as_json: bool) -> None:
    if as_json:
        print("null" if outcome is None else outcome.model_dump_json())
        return
    import pandas as pd

    from hierapp.cli.progress import print_frame

    for figure in chosen:
        print(f"\n{figure.title}\n{figure.question}\nThe paper reports: {figure.saw}")
        result = None if outcome is None else outcome.results.get(figure.id)
        if result is None:
            print("Here: nothing yet, because a group has no finished run.")
            continue
        if result.table:
            print_frame(pd.DataFrame(result.titled_table()))
        for claim in result.claims:
            print(f"{claim.claim} Here it {_SPOKEN[claim.verdict]}. {claim.sentence}")
        for note in result.notes:
            print(note)
        if limit := figure.limits.get(outcome.size) if outcome is not None else None:
            print(limit)


_SPOKEN = {"agrees": "agrees", "differs": "differs", "cannot tell": "is inconclusive"}


def _command(options: argparse.Namespace) -> str:
    """Return the command line without the output path."""
    words = ["python", "-m", "hierapp", "reproduce", *options.figures, "--size", options.size]
    words += ["--data", options.data] if options.data != "cifar10" else []
    for name in ("seeds", "epochs"):
        given = getattr(options, name)
        words += [f"--{name}", str(given)] if given is not None else []
    return shlex.join(words)


def _tell(words: str) -> None:
    print(words, file=sys.stderr)
