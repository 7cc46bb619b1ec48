"""The command line: `python -m hierapp`.

Exit status: 0 done, 1 a run failed, 2 bad input, with one line on standard error that says what and why.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, get_args

from hierapp.cli import (
    arguments as cli_fields,
    compare,
    data as cli_data,
    export,
    notes,
    reproduce,
    search,
    similarities,
    store as cli_store,
    tags as cli_tag,
)
from hierapp.data import registry as datasets
from hierapp.errors import HierappError, StoreError, TreeError
from hierapp.execution import scheduler, slots, submission
from hierapp.runs import Run, Store, tags
from hierapp.runs.store import Place
from hierapp.training.config import plan
from hierapp.trees import LabelTree, library as tree_library
from hierapp.utils import devices

DONE, RUN_FAILED, BAD_INPUT = 0, 1, 2


class Parser(argparse.ArgumentParser):
    """Bad arguments are told in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except HierappError as error:
        print(f"hierapp: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("hierapp: stopped; runs that were started go on, see `python -m hierapp runs`", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe, head for one, has seen enough
        sys.stderr.close()
        return DONE


def parser() -> Parser:
    """The whole grammar."""
    top = Parser(prog="python -m hierapp", description="Label trees, hierarchical losses, and runs that compare them.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    run = _command(commands, "run", run_losses, "queue runs, follow them, print the table", with_json=True)
    cli_fields.add_choices(run)
    cli_fields.add(run)
    run.add_argument("--seeds", type=int, default=1, help="how many seeds, counted up from --seed")
    run.add_argument("--seed", type=int, default=0, help="the first seed")
    run.add_argument("--slots", type=int, help="how many runs go at once on each device, from now on; by default one")
    run.add_argument("--priority", type=int, default=0, help="runs of a higher one start first")
    run.add_argument("--tag", action="append", default=[], metavar="WORD", help="a tag of all these runs; repeat it")
    run.add_argument("--detach", action="store_true", help="print the runs' ids and return; they go on")

    _command(commands, "runs", list_runs, "list all runs", with_json=True)
    show = _command(commands, "show", show_run, "show one run", with_json=True)
    show.add_argument("run")
    cancel = _command(commands, "cancel", cancel_run, "cancel a waiting or a running run", with_json=True)
    cancel.add_argument("run")
    resume = _command(
        commands, "resume", resume_run, "let a stopped run go on from its last checkpoint", with_json=True
    )
    resume.add_argument("run")
    resume.add_argument("--detach", action="store_true", help="return at once; the run goes on")
    _command(commands, "hold", hold_run, "keep a waiting run from starting").add_argument("run")
    _command(commands, "release", release_run, "let a held run start").add_argument("run")
    move = _command(commands, "move", move_run, "move a waiting run within the queue")
    move.add_argument("run")
    move.add_argument("to", choices=get_args(Place), help="among the waiting runs of its priority")

    cli_data.add(commands, _command)

    tree = commands.add_parser("tree", help="check, show or convert label trees").add_subparsers(required=True)
    check = _command(
        tree, "check", check_tree, "say whether a file is a label tree, and what it is like", with_json=True
    )
    check.add_argument("file", metavar="FILE")
    check.add_argument("--data", help="check the leaves against this data set's classes")
    draw = _command(tree, "show", show_tree, "draw a tree")
    draw.add_argument("file", metavar="FILE")
    convert = _command(tree, "convert", convert_tree, "write a tree in the format of the second file's suffix")
    convert.add_argument("file", metavar="FILE")
    convert.add_argument("out", metavar="OUT")

    similarities.add(commands, _command)
    cli_store.add(commands, _command)
    cli_tag.add(commands, _command)
    notes.add(commands, _command)
    compare.add(commands, _command)
    export.add(commands, _command)
    search.add(commands, _command)
    reproduce.add(commands, _command)
    return top


def _command(commands: Any, name: str, call: Any, help: str, with_json: bool = False) -> Parser:
    command: Parser = commands.add_parser(name, help=help, description=help)
    command.set_defaults(command=call)
    if with_json:
        command.add_argument("--json", action="store_true", help="print JSON")
    return command


# Runs. What prints is imported where it is needed: the rest starts without pandas.


def run_losses(options: argparse.Namespace) -> int:
    data = datasets.find(options.data or datasets.best_ready())
    name = options.tree or data.default_tree
    tree = tree_library.load(name)
    configs = plan(
        options.loss,
        range(options.seed, options.seed + options.seeds),
        cli_fields.pairs(options.option),
        data=data.name,
        tree=name,
        model=options.model,
        **cli_fields.given(options),
    )
    words, store = tags.read(options.tag), Store()
    if options.slots is not None:
        for kind in devices.kinds():
            slots.set_slots(store, kind, options.slots)
    ids = submission.submit(store, configs, tree, priority=options.priority, tags=words)
    return _follow(store, ids, options)


def list_runs(options: argparse.Namespace) -> int:
    store = _looked_after()
    runs = store.runs()
    if options.json:
        _print_runs(runs)
    elif runs:
        from hierapp.cli import progress

        progress.print_table(runs)
    else:
        print("No run yet; start some with `python -m hierapp run --loss cross-entropy --loss hierarchical`.")
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
    """The store, with what is true of runs whose processes are gone."""
    store = Store()
    scheduler.reap_lost_runs(store)
    return store


def _follow(store: Store, ids: Sequence[str], options: argparse.Namespace) -> int:
    """Follow runs to their end and print what came out; with --detach only which they are."""
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


# Trees


def check_tree(options: argparse.Namespace) -> int:
    tree = tree_library.load(options.file)
    if options.data:
        tree.positions_of(datasets.find(options.data).class_names)
    facts = {
        "file": options.file,
        "nodes": len(tree.nodes),
        "leaves": len(tree.leaves),
        "depth": int(tree.depth.max()),
        "is_uniform_depth": tree.is_uniform_depth,
    }
    if options.json:
        print(json.dumps(facts))
    else:
        shape = "of uniform depth" if tree.is_uniform_depth else "ragged"
        print(f"{options.file}: a label tree, {facts['nodes']} nodes, {facts['leaves']} leaves, {shape}", end="")
        print(f", depth {facts['depth']}{f', over the classes of {options.data}' if options.data else ''}.")
    return DONE


def show_tree(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    tree: LabelTree = tree_library.load(options.file)
    drawn = [Tree(Text(tree.nodes[0]))]
    for node in range(1, len(tree.nodes)):
        drawn.append(drawn[tree.parents[node]].add(Text(tree.nodes[node])))
    Console().print(drawn[0])
    return DONE


def convert_tree(options: argparse.Namespace) -> int:
    from pathlib import Path

    tree = tree_library.load(options.file)
    if Path(options.out).exists():
        raise TreeError(f"The file {options.out} is there already; remove it or choose another name.")
    tree.save(options.out)
    print(f"{options.out}: {len(tree.nodes)} nodes, {len(tree.leaves)} leaves")
    return DONE
