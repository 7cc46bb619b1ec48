"""The command line: `hierapp`, or `python -m hierapp`.

Exit status: 0 success, 1 a run failed, 2 bad input, with a one-line message on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from hierapp.errors import HierappError
from hierapp.utils import extras

DONE, BAD_INPUT = 0, 2

# The modules of this package with their commands. Only the module of the called command is imported, so that `tree`
# needs no more than the losses do, and the list of commands needs no module.
COMMANDS: dict[str, dict[str, str]] = {
    "runs": {
        "run": "queue runs, follow them, print the table",
        "runs": "list all runs",
        "show": "show one run",
        "cancel": "cancel a waiting or a running run",
        "resume": "let a stopped run go on from its last checkpoint",
        "hold": "keep a waiting run from starting",
        "release": "let a held run start",
        "move": "move a waiting run within the queue",
    },
    "app": {"app": "open the app in the browser"},
    "data": {"data": "list, get, import or delete data sets"},
    "trees": {"tree": "check, show or convert label trees"},
    "similarities": {"similarity": "which classes are similar, for simloss"},
    "store": {"store": "back up, restore or check what is kept"},
    "tags": {"tag": "give a run these tags in place of those that it has"},
    "notes": {"note": "write a note beside a run, or print the one it has"},
    "compare": {"compare": "compare groups over the seeds of their runs"},
    "export": {
        "export": "write a bundle of runs: metrics, weights, a script to repeat them",
        "report": "write an HTML report of runs that needs no network",
        "tensorboard": "write TensorBoard's event files of runs",
    },
    "search": {
        "search": "look for the best configuration on the validation images",
        "searches": "list all searches",
    },
    "reproduce": {"reproduce": "run the paper's figures again and judge them"},
}


class Parser(argparse.ArgumentParser):
    """An argument parser that reports bad arguments in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parser(next((word for word in words if not word.startswith("-")), "")).parse_args(words)
        return int(options.command(options))
    except HierappError as error:
        print(f"hierapp: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        if (missing := extras.explained(error)) is None:
            raise
        print(f"hierapp: {missing}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("hierapp: stopped; runs that were started go on, see `python -m hierapp runs`", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the pipe, such as head, has closed it
        sys.stderr.close()
        return DONE


def parser(only: str | None = None) -> Parser:
    """Return the parser: complete, or with `only`, just the names and summaries of all other commands."""
    prog = "hierapp" if Path(sys.argv[0]).stem == "hierapp" else "python -m hierapp"
    top = Parser(prog=prog, description="Label trees, hierarchical losses, and runs that compare them.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module, named in COMMANDS.items():
        if only is None or only in named:
            import_module(f"hierapp.cli.{module}").add(commands, _command)
        else:
            for name, help in named.items():
                commands.add_parser(name, help=help)
    return top


def _command(commands: Any, name: str, call: Any = None, help: str | None = None, with_json: bool = False) -> Parser:
    """Create a command or, without `call`, a group of commands; the default help is that in COMMANDS."""
    help = help or next(named[name] for named in COMMANDS.values() if name in named)
    command: Parser = commands.add_parser(name, help=help, description=help if call else None)
    if call:
        command.set_defaults(command=call)
    if with_json:
        command.add_argument("--json", action="store_true", help="print JSON")
    return command
