"""Losses with a linear head over features, each at the learning rate that is best for it: 20 Newsgroups and abalone.

    python -m benchmarks.feature_heads newsgroups --out benchmarks/results/newsgroups.csv
    python -m benchmarks.feature_heads abalone --out benchmarks/results/abalone.csv

Real runs, one after another in this process; each is written to the file when it ends, and what is in the file is not
trained again. Each setting is trained with every rate on the first seeds, and with further ones as long as the best is
the smallest or the largest; the rate with the best mean on the validation rows after the last epoch (accuracy; mean
absolute error for abalone) is then trained on all seeds. The test rows take no part in the choice. At the end it prints
a Markdown table, with tests against cross-entropy (Wilcoxon's of pairs, corrected by Holm's method over the settings,
for each figure by itself).
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import loops, machine
from benchmarks.table_cells import against_baseline
from hierapp import stats
from hierapp.data import registry as datasets
from hierapp.losses import registry as losses
from hierapp.metrics.ordered import ordered_report
from hierapp.similarities import library as similarity_library
from hierapp.training import RunConfig, trainer
from hierapp.training.recorder import Confusion
from hierapp.trees import LabelTree, library as tree_library

PLAIN = "cross-entropy"
RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Row = dict[str, Any]
Setting = tuple[str, dict[str, Any]]  # loss and options


@dataclass(frozen=True)
class Task:
    """What is compared: a data set, its settings by name, and the figures that are shown.

    Attributes:
        rates: the learning rates that are tried first.
        judge: the figure of the validation rows that rates are chosen by, and whether more is better.
    """

    data: str
    epochs: int
    rates: tuple[float, ...]
    settings: Mapping[str, Setting]
    figures: Mapping[str, str]
    judge: tuple[str, bool]


TASKS = {
    "newsgroups": Task(
        "20newsgroups",
        15,
        (3e-4, 1e-3, 3e-3, 1e-2),
        {name: (name, {}) for name in losses.LOSSES},
        {
            "accuracy": "accuracy",
            "superclass_accuracy": "superclass accuracy",
            "mean_distance": "mean distance",
            "severity": "severity",
            "log_loss": "log loss",
        },
        ("accuracy", True),
    ),
    "abalone": Task(
        "abalone",
        60,
        (3e-3, 1e-2, 3e-2),
        {
            PLAIN: (PLAIN, {}),
            **{f"simloss, r = {r:g}": ("simloss", {"similarity": f"ordinal:{r:g}"}) for r in RATIOS},
            "soft-labels": ("soft-labels", {}),
            "hierarchical": ("hierarchical", {}),
        },
        {
            "accuracy": "accuracy",
            "mean_absolute_error": "MAE (years)",
            "within_one_class": "within one year",
            "within_two_classes": "within two years",
            "log_loss": "log loss",
        },
        ("mean_absolute_error", False),
    ),
}


class Last(loops.Quiet):
    """A recorder that keeps the confusion matrix of the last validation."""

    confusion: Confusion | None = None

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        self.values, self.confusion = values, confusion


def run(task: Task, tree: LabelTree, setting: Setting, rate: float, seed: int) -> Row:
    """Train once; return the figure of the validation rows and those of the test rows."""
    loss, options = setting
    entry = datasets.find(task.data)
    config = RunConfig.make(
        data=task.data,
        tree=entry.default_tree,
        loss=loss,
        options=options,
        model="linear",
        epochs=task.epochs,
        batch_size=128,
        learning_rate=rate,
        seed=seed,
        select="last",
        device="cpu",
    )
    recorder, similarity = Last(), None
    if "similarity" in options:
        found = similarity_library.find(options["similarity"], entry.class_names)
        similarity = None if found is None else found.over(tree.leaves)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a loss is not proper
        test = trainer.train(config, tree, recorder, similarity=similarity)
    assert recorder.confusion is not None
    held_out = {"accuracy": recorder.values["val_accuracy"]}
    if entry.ordinal:
        held_out |= ordered_report(recorder.confusion, tree.leaves, entry.class_names)
    return {"validation": held_out[task.judge[0]], **{name: test[name] for name in task.figures}}


def run_all(task: Task, seeds: int, first: int, out: Path) -> dict[str, tuple[float, list[Row]]]:
    """Train what the file does not have yet; return the chosen rate of each setting, and its runs by seed."""
    tree = tree_library.load(datasets.find(task.data).default_tree)
    rows: dict[tuple[str, str, str], Row] = {
        (row["setting"], row["rate"], row["seed"]): row for row in (_read(out) if out.exists() else [])
    }

    def at(name: str, rate: float, seed: int) -> Row:
        key = (name, f"{rate:g}", str(seed))
        if key not in rows:
            found = run(task, tree, task.settings[name], rate, seed)
            rows[key] = {"setting": name, "rate": key[1], "seed": key[2], **{k: f"{v:.6f}" for k, v in found.items()}}
            _write(out, list(rows.values()))
            print(", ".join(map(str, rows[key].values())), file=sys.stderr, flush=True)
        return rows[key]

    chosen = {}
    for name in task.settings:
        means: dict[float, float] = {}
        wanted = list(task.rates)
        while wanted:
            for rate in wanted:
                means[rate] = statistics.mean(float(at(name, rate, seed)["validation"]) for seed in range(first))
            best = (max if task.judge[1] else min)(sorted(means), key=means.__getitem__)
            wanted = [rate for rate in (neighbor(best, -1), neighbor(best, 1)) if rate not in means]
        chosen[name] = (best, [at(name, best, seed) for seed in range(seeds)])
    return chosen


def neighbor(rate: float, step: int) -> float:
    """Return the next smaller or larger rate of 1e-3, 3e-3, 1e-2, ...

    >>> neighbor(3e-3, 1), neighbor(1e-3, -1)
    (0.01, 0.0003)
    """
    places = [float(f"{digit}e{power}") for power in range(-8, 4) for digit in (1, 3)]
    return places[min(range(len(places)), key=lambda place: abs(math.log(places[place] / rate))) + step]


def table(task: Task, chosen: Mapping[str, tuple[float, list[Row]]]) -> str:
    """Means and deviations over the seeds, with differences from cross-entropy; what is shown has a star."""
    families = {
        figure: stats.compare_all(
            {name: {int(row["seed"]): float(row[figure]) for row in rows} for name, (_, rows) in chosen.items()},
            baseline=PLAIN,
            paired=True,
        )
        for figure in task.figures
    }
    lines = [
        f"| setting | rate | {' | '.join(task.figures.values())} |",
        f"| --- | ---: |{' --- |' * len(task.figures)}",
    ]
    for name, (rate, _) in chosen.items():
        cells = [against_baseline(family, name) for family in families.values()]
        lines.append(f"| {name} | {rate:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _read(out: Path) -> list[Row]:
    with out.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _write(out: Path, rows: Sequence[Row]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    side = out.with_name(f"{out.name}.part")
    with side.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    side.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=3, help="seeds that rates are chosen by")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file of results, a row a run")
    options = parser.parse_args()
    task = TASKS[options.task]
    print(table(task, run_all(task, options.seeds, options.first, options.out)))
    print(f"\n{machine.describe()}")


if __name__ == "__main__":
    main()
