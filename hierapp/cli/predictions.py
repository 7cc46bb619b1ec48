"""The command `predictions`: import predictions of models that were trained elsewhere, as finished runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hierapp.errors import PredictionsError, one_line
from hierapp.runs import Store
from hierapp.runs.predictions import KINDS, Request, Source, import_files
from hierapp.trees import library as tree_library
from hierapp.utils.reading import open_file

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    group = command(commands, "predictions").add_subparsers(required=True)
    bring = command(group, "import", import_predictions, "store predictions as finished runs", with_json=True)
    bring.add_argument(
        "files", nargs="+", metavar="FILE", help="npz, npy, CSV or Parquet; several are seeds of one model"
    )
    bring.add_argument("--tree", required=True, help="name or file of a tree over the predicted classes")
    bring.add_argument("--name", help="name of the model; by default that of the file")
    bring.add_argument("--kind", choices=KINDS, help="what the values are; by default told apart")
    bring.add_argument("--labels", metavar="FILE", help="the true labels, one on each line or .npy, for files without")
    bring.add_argument(
        "--classes", metavar="FILE", help="the class of each column, one on each line, for files without"
    )
    bring.add_argument("--data", metavar="NAME", help="the data set; by default the one with these test labels")
    bring.add_argument("--seed", type=int, help="seed of the first file; by default the first free one")
    bring.add_argument("--tag", action="append", default=[], metavar="WORD", help="tag for all these runs, repeatable")


def import_predictions(options: argparse.Namespace) -> int:
    from hierapp.analysis import summary

    store, tree = Store(), tree_library.load(options.tree)
    with (
        _opened(options.files) as sources,
        _opened([options.labels or ""]) as labels,
        _opened([options.classes or ""]) as classes,
    ):
        request = Request(
            sources,
            tree,
            options.tree,
            options.name,
            options.kind,
            labels[0] if labels else None,
            classes[0] if classes else None,
            options.data,
            options.seed,
            tags=options.tag,
        )
        ids = import_files(store, request)
    runs = store.runs(ids)
    if options.json:
        print(json.dumps(summary.as_dicts(runs)))
        return DONE
    for run in runs:
        test = run.test or {}
        print(
            f"run {run.id}: {run.config.model}, seed {run.config.seed}, {test['samples']:,} rows of {run.config.data},"
            f" accuracy {test['accuracy']:.4f}{_coarse(test)}"
        )
    return DONE


def _coarse(test: Mapping[str, Any]) -> str:
    if not test.get("coarse_samples"):
        return ""
    return f"; {test['coarse_samples']:,} rows with coarse labels, accuracy {test['coarse_accuracy']:.4f}"


@contextmanager
def _opened(paths: Sequence[str]) -> Iterator[list[Source]]:
    """Yield the files that are named, opened."""
    with ExitStack() as stack:
        sources = []
        for name in filter(None, paths):
            try:
                file = stack.enter_context(open_file(Path(name)))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise PredictionsError(
                    f"The file {one_line(name)} cannot be read ({reason}); check its path."
                ) from None
            sources.append(Source(name, file, Path(name).absolute().parent))
        yield sources
