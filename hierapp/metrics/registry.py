"""All metrics of a test part: what each is called, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from numpy.typing import ArrayLike

from hierapp.metrics import confusion, iou, measures, ordered as ordered_classes, probabilities
from hierapp.metrics.spec import Evaluated, MetricSpec
from hierapp.trees import DistanceKind, LabelTree
from hierapp.utils.indices import here, indices


def _measures() -> list[ModuleType]:
    return [import_module(f"{measures.__name__}.{each.name}") for each in iter_modules(measures.__path__)]


MEASURES = _measures()
# Every metric by its name: those of the confusion matrix and of probabilities, those that only ordered
# classes have, and those of the folder `measures`.
METRICS: dict[str, MetricSpec] = {
    spec.name: spec
    for specs in (
        confusion.METRICS,
        iou.METRICS,
        probabilities.METRICS,
        ordered_classes.METRICS,
        *(module.METRICS for module in MEASURES),
    )
    for spec in specs
}


def table() -> str:
    """Return the table of the metrics in the documentation, as Markdown."""
    rows = ["| name | metric | unit | better |", "| --- | --- | --- | --- |"]
    better = {True: "higher", False: "lower", None: ""}
    for spec in METRICS.values():
        title = f"{spec.title}, by {spec.per}" if spec.per else spec.title
        rows.append(f"| `{spec.name}` | {title} | {spec.unit} | {better[spec.higher_is_better]} |")
    return "\n".join(rows)


def evaluate(
    leaf_log_probs: Any,
    target: ArrayLike,
    tree: LabelTree,
    distance: DistanceKind = "lca-depth",
    counts: Any = None,
    ordered: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Compute every metric of the predicted probabilities, as plain numbers and lists for JSON.

    Args:
        leaf_log_probs: [n, L] log-probabilities in the order of `tree.leaves`, array or tensor.
        target: [n], positions in `tree.leaves`.
        tree: the label tree.
        distance: the distance between leaves (default "lca-depth").
        counts: the confusion matrix [L, L] of the most probable leaves, if it is known.
        ordered: the classes in their order, if that has a meaning, as for ages.

    Returns:
        The metrics of `report`, of `probability_report`, of each file of the folder `measures`, and of
        `ordered_report` if the classes are ordered.

    Raises:
        ConfigError: as those two.

    >>> import numpy as np
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> metrics = evaluate(np.log([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]), [0, 1], tree)
    >>> metrics["accuracy"], metrics["top_5_accuracy"] if "top_5_accuracy" in metrics else metrics["top_3_accuracy"]
    (0.5, 1.0)
    """
    found = probabilities.probability_report(leaf_log_probs, target, tree, distance)
    if counts is None:
        best = here(leaf_log_probs).argmax(1)
        counts = confusion.sparse_confusion_matrix(indices(target), here(best), len(tree.leaves))
    given = Evaluated(leaf_log_probs, target, tree, distance)
    for module in MEASURES:
        found |= module.compute(given)
    if ordered is not None:
        found |= ordered_classes.ordered_report(counts, tree.leaves, ordered)
    return found | confusion.report(counts, tree, distance)
