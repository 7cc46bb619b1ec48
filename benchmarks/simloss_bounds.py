"""SimLoss over lower bounds, against plain cross-entropy: accuracy, superclass accuracy, failed-superclass accuracy.

    python -m benchmarks.simloss_bounds --data cifar100 --bounds 0 0.15 0.3 0.45 0.6 --epochs 40 --seeds 3 --out FILE

Real runs, one after another in this process; each is written to the file when it ends, and what is in the file is not
trained again. At the end it prints a Markdown table and, with --svg, draws the three figures. Of the class names of
CIFAR-100 no two are more alike than 0.736: with a higher bound SimLoss is cross-entropy, and no pair is alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import loops, machine, simloss_plot
from hierapp.data import registry as datasets
from hierapp.data.registry import ImageSet
from hierapp.errors import ConfigError, HierappError
from hierapp.similarities import library as similarity_library, summary as similarity_summary
from hierapp.similarities.similarity import bounded, tree_similarity
from hierapp.training import RunConfig, trainer
from hierapp.training.recorder import Confusion
from hierapp.trees import library as tree_library

FIGURES = {
    "accuracy": "accuracy",
    "superclass accuracy": "superclass_accuracy",
    "failed-superclass accuracy": "failed_superclass_accuracy",
    "mean distance": "mean_distance",
}
PLAIN = "cross-entropy"
Row = dict[str, Any]


class Progress(loops.Quiet):
    """A recorder that prints a line an epoch."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        print(f"{self.what}: epoch {epoch}, validation accuracy {values['val_accuracy']:.4f}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        rows = run_all(options)
    except HierappError as error:
        print(f"simloss_bounds: {error}", file=sys.stderr)
        return 2
    print(table(rows, options.similarity))
    print(f"\n{machine.describe()}")
    if options.svg:
        Path(options.svg).write_text(simloss_plot.svg(summary(rows), list(FIGURES)[:3], PLAIN), encoding="utf-8")
    return 0


def parser() -> argparse.ArgumentParser:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.simloss_bounds", description=__doc__)
    asked.add_argument("--data", default="cifar100")
    asked.add_argument(
        "--tree", help="by default that of the data set; its level above the leaves contains the superclasses"
    )
    asked.add_argument("--similarity", help="a name as in --option similarity=...; by default that of the class names")
    asked.add_argument("--bounds", type=float, nargs="+", default=[0.0, 0.15, 0.3, 0.45, 0.6])
    asked.add_argument("--model", default="lenet")
    asked.add_argument("--epochs", type=int, default=5)
    asked.add_argument("--seeds", type=int, default=1, help="how many, from 0 up")
    asked.add_argument("--device", default="auto")
    asked.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another field of RunConfig")
    asked.add_argument("--images", type=int, help="use only this number of training and of test images")
    asked.add_argument("--out", required=True, help="the JSON file of results")
    asked.add_argument("--svg", help="where the figures go")
    return asked


def run_all(options: argparse.Namespace) -> list[Row]:
    """Train what the file does not have yet; all rows that are asked for."""
    entry = datasets.find(options.data)
    options.similarity = options.similarity or f"{options.data}-names"
    options.tree = options.tree or entry.default_tree
    tree = tree_library.load(options.tree)
    found = similarity_library.find(options.similarity, entry.class_names)
    matrix = tree_similarity(tree) if found is None else found.over(tree.leaves)
    fixed = dict(pair.split("=", 1) for pair in options.set)
    said = {
        **{name: getattr(options, name) for name in ("data", "tree", "similarity", "model", "epochs", "images")},
        "set": fixed,
    }
    out = Path(options.out)
    rows = read(out, said)
    done = {(row["loss"], row["bound"], row["seed"]) for row in rows}
    wanted = [
        (loss, bound, seed)
        for seed in range(options.seeds)
        for loss, bound in [(PLAIN, None), *(("simloss", bound) for bound in options.bounds)]
    ]
    for loss, bound, seed in wanted:
        if (loss, bound, seed) in done:
            continue
        given = {} if bound is None else {"similarity": options.similarity, "lower_bound": bound}
        config = RunConfig.make(
            data=options.data,
            tree=options.tree,
            loss=loss,
            options=given,
            model=options.model,
            epochs=options.epochs,
            seed=seed,
            device=options.device,
            **fixed,
        )
        started = time.perf_counter()
        recorder = Progress(f"{loss}{'' if bound is None else f' {bound:g}'}, seed {seed}")
        test = trainer.train(
            config, tree, recorder, load=loader(options.images), similarity=None if bound is None else matrix
        )
        rows.append(
            {
                "loss": loss,
                "bound": bound,
                "seed": seed,
                "alike": None if bound is None else 1 - similarity_summary.of(bounded(matrix, bound)).share_of_zeros,
                **{key: test[key] for key in FIGURES.values()},
                "seconds": time.perf_counter() - started,
            }
        )
        write(out, said, rows)
    return [row for row in rows if (row["loss"], row["bound"], row["seed"]) in set(wanted)]


def loader(images: int | None) -> trainer.Load:
    """Reads a part of a data set, or that many of its images, the same ones each time."""

    def load(name: str, part: datasets.Part) -> ImageSet:
        whole = datasets.load(name, part)
        if images is None or images >= len(whole.labels):
            return whole
        chosen = np.random.default_rng(0).permutation(len(whole.labels))[:images]
        return ImageSet(whole.images[chosen], whole.labels[chosen], whole.class_names)

    return load


def read(out: Path, said: Mapping[str, Any]) -> list[Row]:
    """What the file has; one of other settings is refused."""
    if not out.exists():
        return []
    kept = json.loads(out.read_text(encoding="utf-8"))
    if kept["settings"] != said:
        raise ConfigError(f"The file {out} has results of different settings, {kept['settings']}; choose another one.")
    return list(kept["runs"])


def write(out: Path, said: Mapping[str, Any], rows: Sequence[Row]) -> None:
    side = out.with_name(f"{out.name}.part")
    about = {"settings": said, "machine": machine.describe(), "runs": rows}
    side.write_text(json.dumps(about, indent=1), encoding="utf-8")
    side.replace(out)


def summary(rows: Sequence[Row]) -> dict[tuple[str, float | None], dict[str, Any]]:
    """For each loss and bound, in order: how many seeds, and (mean, deviation over n - 1) of each figure."""
    groups: dict[tuple[str, float | None], list[Row]] = {}
    for row in sorted(rows, key=lambda row: -1.0 if row["bound"] is None else row["bound"]):
        groups.setdefault((row["loss"], row["bound"]), []).append(row)
    return {
        key: {
            "n": len(group),
            "alike": group[0]["alike"],
            **{
                name: (
                    statistics.mean(row[field] for row in group),
                    statistics.stdev(row[field] for row in group) if len(group) > 1 else None,
                )
                for name, field in FIGURES.items()
            },
        }
        for key, group in groups.items()
    }


def table(rows: Sequence[Row], similarity: str) -> str:
    """The summary as Markdown."""
    lines = [
        f"| loss | similar pairs | n | {' | '.join(FIGURES)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(FIGURES)}",
    ]
    for (loss, bound), found in summary(rows).items():
        name = loss if bound is None else f"simloss, {similarity}, lower bound {bound:g}"
        alike = "" if found["alike"] is None else f"{found['alike']:.1%}"
        figures = [
            f"{mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")
            for mean, deviation in (found[figure] for figure in FIGURES)
        ]
        lines.append(f"| {name} | {alike} | {found['n']} | {' | '.join(figures)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
