"""Losses on CIFAR-100 over paired seeds, beside min-risk decoding of plain cross-entropy: one table, and tests.

    for seed in 0 1 2 3 4 5 6 7; do
        python -m hierapp run --data cifar100 --tree cifar100-5level --loss cross-entropy --loss hierarchical \\
            --loss hierarchical-convex --loss conditional --loss hxe --loss soft-labels \\
            --epochs 10 --flip --slots 2 --seed $seed
    done
    python -m hierapp run --data cifar100 --tree cifar100-5level --loss cross-entropy --label-smoothing 0.1 \\
        --epochs 10 --flip --slots 2 --seeds 8
    python -m benchmarks.cifar100_losses
    python -m benchmarks.cifar100_losses --baseline "cross-entropy, min-risk decoding"

The same for heads over features, where data and tree have other names: --data cifar100-lite0 --tree cifar100.

It trains nothing: it takes the finished runs of CIFAR-100 in HIERAPP_HOME and their stored outputs. Every setting is
compared with cross-entropy read by its greatest probability, or with the baseline given, by Wilcoxon's test of pairs,
corrected by Holm's method over the settings, for each figure by itself. Cross-entropy with label smoothing knows no
tree; it is a control beside the others, compared with soft labels alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping

import numpy as np

from benchmarks import machine
from benchmarks.table_cells import against_baseline
from hierapp import metrics, stats
from hierapp.analysis import groups, reevaluation
from hierapp.errors import HierappError
from hierapp.runs import Store
from hierapp.training import predictions
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree, library as tree_library

PLAIN, DECODED = "cross-entropy", "cross-entropy, min-risk decoding"
CONTROL, CONTROLLED = "cross-entropy, label smoothing", "soft-labels"
FIGURES = {
    "accuracy": "accuracy",
    "superclass_accuracy": "superclass accuracy",
    "failed_superclass_accuracy": "superclass accuracy of mistakes",
    "mean_distance": "mean distance",
    "severity": "severity",
}
# By the twenty superclasses; everything else by the tree that the losses are given.
OF_SUPERCLASSES = ("superclass_accuracy", "failed_superclass_accuracy")

Figures = dict[str, float]


def figures(said: Outputs, tree: LabelTree, superclasses: LabelTree, rule: str) -> Figures:
    """The figures of one run's outputs under a decoder; the decision is by `tree`."""
    given = reevaluation.on_tree(said, tree)
    leaves = np.searchsorted(tree.leaf_nodes, reevaluation.predictions(given, tree, rule))
    mine = metrics.report(metrics.confusion_matrix(given.target, leaves, len(tree.leaves)), tree)
    there = superclasses.positions_of(tree.leaves)
    counts = metrics.confusion_matrix(there[given.target], there[leaves], len(there))
    theirs = metrics.report(counts, superclasses)
    return {name: float((theirs if name in OF_SUPERCLASSES else mine)[name]) for name in FIGURES}


def settings(data: str, tree_name: str, superclasses: LabelTree) -> dict[str, dict[int, Figures]]:
    """For each setting and seed the figures of its run."""
    tree = tree_library.load(tree_name)
    runs = [run for run in Store().runs(states=("finished",)) if run.config.data == data]
    found: dict[str, dict[int, Figures]] = {}
    for group in groups.groups(runs):
        if group.run.config.tree != tree_name:
            continue
        rules = {group.run.config.loss: "leaf"}
        if group.run.config.loss == PLAIN:
            rules = {CONTROL: "leaf"} if group.run.config.label_smoothing else {PLAIN: "leaf", DECODED: "min-risk"}
        for name, rule in rules.items():
            if name in found:
                raise HierappError(f"There are two settings of {name}; keep the runs of one in HIERAPP_HOME.")
            found[name] = {
                seed: figures(predictions.stored(run.folder), tree, superclasses, rule)
                for seed, run in group.runs.items()
            }
    if PLAIN not in found or len(found) < 3:
        raise HierappError("There are no finished runs of cross-entropy and another loss; train them as --help says.")
    return found


def table(found: Mapping[str, Mapping[int, Figures]], baseline: str) -> str:
    """Means and deviations over the seeds; what is shown against the baseline has a star."""
    families = {name: _family(found, name, baseline, set(found) - {CONTROL}) for name in FIGURES}
    lines = [f"| setting | n | {' | '.join(FIGURES.values())} |", f"| --- | ---: |{' --- |' * len(FIGURES)}"]
    for setting, seeds in found.items():
        if setting == CONTROL:
            continue
        cells = [against_baseline(family, setting) for family in families.values()]
        lines.append(f"| {setting} | {len(seeds)} | {' | '.join(cells)} |")
    said = [f"\n{FIGURES[name]}:\n" for name in FIGURES]
    for place, family in enumerate(families.values()):
        said[place] += "\n".join(f"- {each.first}: {each.sentence}" for each in family.comparisons)
    if {CONTROL, CONTROLLED} <= found.keys():
        said.append(f"\n{CONTROLLED} against the control:\n")
        for name, words in FIGURES.items():
            family = _family(found, name, CONTROL, {CONTROL, CONTROLLED})
            sample = family.samples[CONTROL]
            said.append(f"- {words}, of the control {sample.mean:.4f} ± {sample.deviation:.4f}: ")
            said[-1] += family.comparisons[0].sentence
    return "\n".join([*lines, *said])


def _family(
    found: Mapping[str, Mapping[int, Figures]], figure: str, baseline: str, among: Collection[str]
) -> stats.Family:
    values = {name: {seed: each[figure] for seed, each in found[name].items()} for name in found if name in among}
    return stats.compare_all(values, baseline=baseline, paired=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", choices=(PLAIN, DECODED), default=PLAIN)
    parser.add_argument("--data", default="cifar100", help="the data set of the runs, over CIFAR-100's classes")
    parser.add_argument("--tree", default="cifar100-5level", help="the tree of the runs")
    options = parser.parse_args()
    try:
        print(table(settings(options.data, options.tree, tree_library.load("cifar100")), options.baseline))
    except HierappError as error:
        print(f"cifar100_losses: {error}", file=sys.stderr)
        return 2
    print(f"\n{machine.describe()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
