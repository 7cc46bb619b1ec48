"""The commands for runs: `run`, `runs`, `show`, `cancel`, `resume`, `hold`, `release`, `move`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, get_args

from hierapp.cli import arguments, trees
from hierapp.data import registry as datasets
from hierapp.errors import StoreError
from hierapp.execution import scheduler, slots, submission
from hierapp.runs import Run, Store, tags
from hierapp.runs.store import Place
from hierapp.training.plans import plan
from hierapp.training.usual import few_steps
from hierapp.utils import devices

DONE, RUN_FAILED = 0, 1


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    run = command(commands, "run", run_losses, with_json=True)
    arguments.add_choices(run)
    arguments.add(run)
    run.add_argument("--seeds", type=int, default=1, help="number of seeds, starting with --seed")
    run.add_argument("--seed", type=int, default=0, help="the first seed")
    run.add_argument(
        "--sweep-rates",
        action="store_true",
        help="train each loss with rates from a tenth to ten times --learning-rate, and print the one that is best on"
        " the validation images",
    )
    run.add_argument("--slots", type=int, help="number of runs at once on each device, from now on (default 1)")
    run.add_argument("--priority", type=int, default=0, help="runs with a higher priority start first")
    run.add_argument("--tag", action="append", default=[], metavar="WORD", help="tag for all these runs, repeatable")
    run.add_argument("--detach", action="store_true", help="print the ids of the runs and exit; the runs continue")

    command(commands, "runs", list_runs, with_json=True)
    command(commands, "show", show_run, with_json=True).add_argument("run")
    command(commands, "cancel", cancel_run, with_json=True).add_argument("run")
    resume = command(commands, "resume", resume_run, with_json=True)
    resume.add_argument("run")
    resume.add_argument("--detach", action="store_true", help="exit at once; the run continues")
    command(commands, "hold", hold_run).add_argument("run")
    command(commands, "release", release_run).add_argument("run")
    move = command(commands, "move", move_run)
    move.add_argument("run")
    move.add_argument("to", choices=get_args(Place), help="position among the queued runs of its priority")


# Printing modules are imported where needed: the rest starts without pandas.


def run_losses(options: argparse.Namespace) -> int:
    data = datasets.find(options.data or datasets.best_ready())
    name = options.tree or data.default_tree
    tree = trees.load(name, options)
    configs = plan(
        options.loss,
        range(options.seed, options.seed + options.seeds),
        arguments.pairs(options.option),
        data=data.name,
        tree=name,
        model=options.model,
        **arguments.given(options, data),
    )
    if options.sweep_rates:
        from hierapp.analysis import rate_sweep

        configs = rate_sweep.sweep(configs)
    words, store = tags.read(options.tag), Store()
    if short := few_steps(data, configs[0].epochs, configs[0].batch_size, configs[0].train_share):
        print(f"hierapp: warning: {short}", file=sys.stderr)
    if options.slots is not None:
        for kind in devices.kinds():
            slots.set_slots(store, kind, options.slots)
    ids = submission.submit(store, configs, tree, priority=options.priority, tags=words)
    status = _follow(store, ids, options)
    if options.sweep_rates and not (options.detach or options.json):
        from hierapp.cli import progress

        progress.print_best_rates(store, store.runs(ids))
    return status


def list_runs(options: argparse.Namespace) -> int:
    store = _looked_after()
    runs = store.runs()
    if options.json:
        _print_runs(runs)
    elif runs:
        from hierapp.cli import progress

        progress.print_table(runs)
    else:
        print(
            "There are no runs yet; start some with `python -m hierapp run --loss cross-entropy --loss hierarchical`."
        )
    return DONE


def show_run(options: argparse.Namespace) -> int:
    from hierapp.analysis import summary

    shown = summary.as_dicts([_looked_after().run(options.run)])[0]
    if options.json:
        print(json.dumps(shown))
        return DONE
    shown["own_note"] = shown["own_note"] or None  # no line without a value
    config, test = shown.pop("config"), shown.pop("test")
    for name, value in {**shown, **config, **{f"test {key}": value for key, value in (test or {}).items()}}.items():
        print(f"{name:28} " + str(value).replace("\n", "\n" + 29 * " "))
    return DONE


def cancel_run(options: argparse.Namespace) -> int:
    run = _looked_after().request_cancel(options.run)
    if options.json:
        _print_runs([run])
    else:
        print(f"run {run.id} will stop within seconds" if run.state == "running" else f"run {run.id} is {run.state}")
    return DONE


def resume_run(options: argparse.Namespace) -> int:
    store = _looked_after()
    return _follow(store, [submission.resume(store, options.run).id], options)


def hold_run(options: argparse.Namespace) -> int:
    return _steer(options.run, lambda store: store.hold(options.run))


def release_run(options: argparse.Namespace) -> int:
    return _steer(options.run, lambda store: store.release(options.run))


def move_run(options: argparse.Namespace) -> int:
    return _steer(options.run, lambda store: store.move(options.run, options.to))


def _steer(run: str, call: Callable[[Store], None]) -> int:
    """Change a waiting run's place in the queue, and print the queue."""
    store = Store()
    if store.run(run).state != "queued":
        raise StoreError(f"Run {run} is {store.run(run).state}; only a waiting run has a place in the queue.")
    call(store)
    scheduler.ensure_scheduler(store)
    for waiting in store.queue():
        print(f"{waiting.id}{' held' if waiting.held else ''}")
    return DONE


def _looked_after() -> Store:
    """Return the store after marking the runs whose processes are gone."""
    store = Store()
    scheduler.reap_lost_runs(store)
    if trouble := scheduler.trouble(store):
        print(f"hierapp: {trouble}", file=sys.stderr)
    return store


def _follow(store: Store, ids: Sequence[str], options: argparse.Namespace) -> int:
    """Follow runs to their end and print the results; with --detach, print only their ids."""
    if options.detach:
        _print_runs(store.runs(ids)) if options.json else print(*ids, sep="\n")
        return DONE
    from hierapp.cli import progress

    runs = progress.follow(store, ids)
    _print_runs(runs) if options.json else progress.print_table(runs)
    return DONE if all(run.state == "finished" for run in runs) else RUN_FAILED


def _print_runs(runs: Sequence[Run]) -> None:
    from hierapp.analysis import summary

    print(json.dumps(summary.as_dicts(runs)))
