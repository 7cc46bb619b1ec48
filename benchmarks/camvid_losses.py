"""Losses on CamVid over paired seeds, with all labeled images and with a tenth of them: tables, and tests.

    python -m hierapp data import camvid-240x180.zip --name camvid90 --height 90
    for seed in 0 1 2 3 4; do
        python -m hierapp run --data camvid90 --tree camvid --model unet --loss cross-entropy \\
            --loss hierarchical-convex --loss level-wise --loss soft-labels --loss simloss --epochs 30 \\
            --learning-rate 0.003 --schedule one-cycle --flip --device cpu --slots 2 --seed $seed
    done
    # the same with --train-share 0.1 --epochs 60
    python -m benchmarks.camvid_losses

It trains nothing: it takes the finished runs of the data set in HIERAPP_HOME. Every loss is compared with cross-entropy
by Wilcoxon's test of pairs, corrected by Holm's method over the losses, for each figure by itself. With five seeds the
smallest possible p is 0.0625, so that no difference can be shown at the usual 5 %; intervals say more then.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from benchmarks import machine
from hierapp import stats
from hierapp.errors import HierappError
from hierapp.runs import Store
from hierapp.training.config import RunConfig

PLAIN = "cross-entropy"
Figures = dict[str, float]


def figures(test: Mapping[str, object]) -> Figures:
    """The figures of one run: those of the whole, and the mean IoU of every level but the last, which is the first."""
    names = {"accuracy": "accuracy", "mean_iou": "mean IoU", "macro_recall": "class accuracy"}
    names |= {"macro_weighted_recall": "weighted class accuracy", "mean_distance": "mean distance"}
    found = {title: float(str(test[name])) for name, title in names.items()}
    levels = test["level_mean_iou"]
    assert isinstance(levels, list)
    return found | {f"mean IoU, level {level}": float(value) for level, value in enumerate(levels[:-1], 1)}


def settings(data: str) -> dict[float, dict[str, dict[int, Figures]]]:
    """For each share of the training images, loss and seed the figures of its run."""
    found: dict[float, dict[str, dict[int, Figures]]] = {}
    others: dict[float, RunConfig] = {}
    for run in Store().runs(states=("finished",)):
        if run.config.data != data or run.test is None:
            continue
        alike = run.config.model_copy(update={"loss": PLAIN, "options": {}, "seed": 0})
        if others.setdefault(run.config.train_share, alike) != alike:
            raise HierappError(f"Runs with the share {run.config.train_share:g} differ in more than loss and seed.")
        of_loss = found.setdefault(run.config.train_share, {}).setdefault(run.config.loss, {})
        of_loss[run.config.seed] = figures(run.test)
    if not any(PLAIN in losses and len(losses) > 1 for losses in found.values()):
        raise HierappError("There are no finished runs of cross-entropy and another loss; train them as --help says.")
    return dict(sorted(found.items(), reverse=True))


def table(found: Mapping[str, Mapping[int, Figures]]) -> str:
    """Means and deviations over the seeds that all losses have, and differences from cross-entropy."""
    seeds = sorted(set.intersection(*(set(each) for each in found.values())))
    if len(seeds) < 2:
        return f"Only {len(seeds)} seeds are finished for all losses."
    names = list(found[PLAIN][seeds[0]])
    families = {
        name: stats.compare_all(
            {loss: {seed: each[seed][name] for seed in seeds} for loss, each in found.items()},
            baseline=PLAIN,
            paired=True,
        )
        for name in names
    }
    lines = [f"| loss | n | {' | '.join(names)} |", f"| --- | ---: |{' --- |' * len(names)}"]
    for loss in found:
        cells = []
        for family in families.values():
            sample = family.samples[loss]
            cell = f"{sample.mean:.4f} ± {sample.deviation:.4f}"
            for each in family.comparisons:
                if each.first == loss:
                    interval = each.mean_difference.interval
                    cell += f"<br>{each.mean_difference.value:+.4f}"
                    cell += f" ({interval.low:+.4f} to {interval.high:+.4f})" if interval else ""
            cells.append(cell)
        lines.append(f"| {loss} | {len(seeds)} | {' | '.join(cells)} |")
    for name, family in families.items():
        lines.append(f"\n{name}:\n")
        lines += [f"- {each.first}: {each.sentence}" for each in family.comparisons]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="camvid90", help="the data set of the runs")
    options = parser.parse_args()
    try:
        for share, found in settings(options.data).items():
            print(f"### {share:.0%} of the training images\n\n{table(found)}\n")
    except HierappError as error:
        print(f"camvid_losses: {error}", file=sys.stderr)
        return 2
    print(machine.describe())
    return 0


if __name__ == "__main__":
    sys.exit(main())
