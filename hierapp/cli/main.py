"""The command line: `hierapp`, or `python -m hierapp`.

Exit status: 0 success, 1 a run failed, 2 bad input, with a one-line message on standard error.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from hierapp.errors import DataWarning, HierappError, one_line
from hierapp.utils import extras

DONE, BAD_INPUT = 0, 2

# The modules of this package with their commands. Only the module of the called command is imported, so that `tree`
# needs no more than the losses do, and the list of commands needs no module.
COMMANDS: dict[str, dict[str, str]] = {
    "runs": {
        "run": "queue runs, follow their progress, print the results",
        "runs": "list all runs",
        "show": "show one run",
        "cancel": "cancel a queued or running run",
        "resume": "resume a stopped run from its last checkpoint",
        "hold": "hold a queued run",
        "release": "release a held run",
        "move": "move a queued run within the queue",
    },
    "app": {"app": "open the app in the browser"},
    "data": {"data": "list, download, import or delete data sets"},
    "features": {"features": "run a pretrained network over a data set once"},
    "trees": {"tree": "check, show, convert or propose label trees"},
    "similarities": {"similarity": "list, check or create class similarities for simloss"},
    "store": {"store": "back up, restore or check the store"},
    "tags": {"tag": "replace the tags of a run"},
    "trash": {
        "delete": "move runs, trees, similarities, data sets or searches to the trash",
        "restore": "take runs and other things out of the trash",
        "trash": "list what is in the trash, or empty it",
    },
    "notes": {"note": "write or print the note of a run"},
    "predictions": {"predictions": "import predictions of models that were trained elsewhere"},
    "compare": {"compare": "compare groups over the seeds of their runs"},
    "export": {
        "export": "write a bundle of runs: metrics, weights, a script to reproduce them",
        "report": "write a self-contained HTML report of runs",
        "tensorboard": "write TensorBoard event files of runs",
    },
    "lab": {"lab": "write the Loss lab as one HTML file"},
    "search": {
        "search": "search for the best configuration on the validation images",
        "searches": "list all searches",
    },
    "reproduce": {"reproduce": "reproduce the paper's figures and judge its claims"},
    "study": {"study": "run studies of many runs, and show their tables and verdicts"},
}


class Parser(argparse.ArgumentParser):
    """An argument parser that reports bad arguments in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, unless an option's value is "--": older versions of Python take that for a list."""
        words = list(sys.argv[1:] if args is None else args)
        for word in words[: words.index("--") if "--" in words else None]:
            if re.fullmatch(r"--[^=]+=--|-[^-]--", word):
                self.error(f"argument {word[:-2].rstrip('=')}: expected one argument")
        return super().parse_known_args(words, namespace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parser(next((word for word in words if not word.startswith("-")), "")).parse_args(words)
        with _warnings_in_a_line():
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
        print("hierapp: stopped; runs that were started continue, see `python -m hierapp runs`", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the pipe, such as head, has closed it
        sys.stderr.close()
        return DONE


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Print warnings about the input in one line each, as errors are."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, DataWarning):
                print(f"hierapp: warning: {message}", file=sys.stderr)
            else:
                usual(message, category, *place, **more)

        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield


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
