"""The commands `search` and `searches`: hyper-parameter search with Optuna, as runs of the queue."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from hierapp.cli import arguments, trees
from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, StoreError
from hierapp.execution import slots
from hierapp.runs import Store
from hierapp.search import journal, runner
from hierapp.search.journal import Search
from hierapp.search.plan import METRICS, PRUNERS, Plan, options_of
from hierapp.search.space import HOW
from hierapp.training import models
from hierapp.trees import formats as tree_formats

DONE, RUN_FAILED = 0, 1
POLL_SECONDS = 0.5


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    search = command(commands, "search", search_runs, with_json=True)
    search.add_argument("name", help="name of the search; its runs get the tag search:NAME")
    instead = search.add_mutually_exclusive_group()
    instead.add_argument("--show", action="store_true", help="show the state of this search")
    instead.add_argument("--resume", action="store_true", help="resume the search")
    instead.add_argument("--stop", action="store_true", help="stop the search and its runs; --resume continues both")
    search.add_argument("--vary", action="append", default=[], metavar="NAME=RANGE", help=f"parameter to vary: {HOW}")
    search.add_argument("--trials", type=int, default=20, help="number of configurations to try (default 20)")
    search.add_argument(
        "--at-once", type=int, help="number of trials queued or running at a time; by default as many as can run"
    )
    search.add_argument(
        "--metric",
        default="val_accuracy",
        help=f"{', '.join(METRICS)}: metric that trials are compared by",
        metavar="NAME",
    )
    search.add_argument(
        "--pruner",
        default="median",
        help="; ".join(f"{name}: {what}" for name, what in PRUNERS.items()),
        metavar="NAME",
    )
    search.add_argument("--sampler-seed", type=int, default=0, help="seed of the sampler")
    search.add_argument("--seed", type=int, default=0, help="of every run")
    search.add_argument("--detach", action="store_true", help="exit at once; the search continues")
    arguments.add_choices(search)
    arguments.add(search)
    command(commands, "searches", list_searches, with_json=True)


def search_runs(options: argparse.Namespace) -> int:
    store = Store()
    if options.show or options.resume or options.stop:
        if options.vary:
            raise ConfigError(
                "An existing search keeps its parameters; leave --vary out, or start a search with another name."
            )
        search = journal.find(store, options.name)
        if options.stop:
            runner.stop(search)
        if options.resume:
            runner.start(search)
        if options.resume and not options.detach:
            return _follow(search, options)
        return _print(search, options)
    if options.name in journal.names(store):
        raise StoreError(
            f"A search {options.name!r} already exists; show it with --show, resume it with --resume, or choose another"
            " name."
        )
    search = runner.begin(store, _plan(store, options))
    return _print(search, options) if options.detach else _follow(search, options)


def list_searches(options: argparse.Namespace) -> int:
    from hierapp.cli import progress
    from hierapp.search import report

    store = Store()
    if options.json:
        print(json.dumps([each.as_dict() for each in report.every(store)]))
    elif len(frame := report.overview(store)):
        progress.print_frame(frame)
    else:
        print(
            "There are no searches yet; start one with `python -m hierapp search NAME --loss hierarchical --vary"
            " mass=0..1`."
        )
    return DONE


def _plan(store: Store, options: argparse.Namespace) -> Plan:
    data = datasets.find(options.data or datasets.best_ready())
    tree = options.tree or data.default_tree
    values = arguments.given(options, data)
    chosen = tuple(dict.fromkeys(options.loss))
    return Plan(
        name=options.name,
        losses=chosen,
        values={
            "data": data.name,
            "tree": tree,
            "model": options.model or models.DEFAULT[data.kind],
            "seed": options.seed,
            **values,
        },
        varied=tuple(options.vary),
        tree_text=tree_formats.render(trees.load(tree, options), "json"),
        trials=options.trials,
        at_once=options.at_once or slots.at_once(store, values["device"]),
        options=options_of(chosen, arguments.pairs(options.option)),
        metric=options.metric,
        pruner=options.pruner,
        seed=options.sampler_seed,
        created=time.time(),
    )


def _follow(search: Search, options: argparse.Namespace) -> int:
    """Report the end of each trial until the search has ended; then print the table."""
    from hierapp.search.report import Report, text

    told: set[int] = set()
    while True:
        report = Report.of(search)
        for trial in report.trials:
            if trial.number in told or trial.is_open:
                continue
            told.add(trial.number)
            value = "" if trial.value is None else f", {report.metric.title} {trial.value:.4f}"
            params = ", ".join(f"{name} {text(value)}" for name, value in trial.params.items())
            print(f"trial {trial.number}: {trial.state}{value} ({params})", file=sys.stderr)
        if not report.is_going:
            return _print(search, options)
        time.sleep(POLL_SECONDS)


def _print(search: Search, options: argparse.Namespace) -> int:
    from hierapp.cli import progress
    from hierapp.search.report import Report, text

    report = Report.of(search)
    if options.json:
        print(json.dumps(report.as_dict()))
    else:
        done = ", ".join(f"{count} {state}" for state, count in report.counts.items())
        print(f"search {search.name}: {report.state}, {len(report.trials)} of {search.plan.trials} trials", end="")
        print(f" ({done})" if done else "")
        if report.trials:
            progress.print_frame(report.table())
        if report.journal.error:
            print(report.journal.error)
        if report.best is not None and report.best.run is not None:
            params = ", ".join(f"{name} {text(value)}" for name, value in report.best.params.items())
            print(f"best: trial {report.best.number}, run {report.best.run.id}: {params}")
    return DONE if report.state in ("running", "stopping", "stopped") or report.best is not None else RUN_FAILED
