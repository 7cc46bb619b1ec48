"""The Compare page's other decoders and trees: stored outputs of runs, evaluated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from hierapp.analysis import comparison, reevaluation
from hierapp.analysis.groups import Group
from hierapp.analysis.reevaluation import Operating, Reliability
from hierapp.errors import HierappError
from hierapp.plots import outputs as output_plots
from hierapp.runs import Run
from hierapp.stats import Sample
from hierapp.training import predictions
from hierapp.trees import LabelTree, formats as tree_formats
from pages.compare.choice import Chosen
from pages.shared import common

OWN = "own"
RULES = {
    "leaf": "leaf: the most likely class",
    "top-down": "top-down: the most likely child at each node, from the root",
    "min-risk": "min-risk: the class with the smallest expected distance",
    "threshold": "threshold: the deepest node above a probability",
}
METRICS = ("accuracy", "mean_distance", "severity", "hierarchical_f1", "macro_weighted_recall", "superclass_accuracy")
NODE_METRICS = {
    "correct": "correct: the class or an ancestor",
    "leaves": "predictions that are classes",
    "mean_depth": "mean depth",
    "accuracy": "accuracy",
    "hierarchical_precision": "hierarchical precision",
    "hierarchical_recall": "hierarchical recall",
    "hierarchical_f1": "hierarchical F1",
}
THRESHOLDS = tuple(step / 40 for step in range(41))


def show(chosen: Chosen) -> None:
    """Show the metrics under the chosen decoder and tree, the operating curve, and calibration."""
    groups = [group for group in chosen.groups if all(predictions.has(run.folder) for run in _runs(group))]
    missing = [group.label for group in chosen.groups if group not in groups]
    if missing:
        st.info(
            f"Left out, because they have no stored outputs: {common.escaped('; '.join(missing))}. Runs of older"
            " versions have none; train them again to include them.",
            icon=":material/inventory_2:",
        )
    if not groups:
        return
    left, middle, right = st.columns(3)
    common.one_from_url("rule", list(RULES), "leaf")
    rule = left.selectbox("Decoder", list(RULES), format_func=RULES.__getitem__, key="rule")
    common.to_url("rule", rule)
    trees = {OWN: "each run's own tree"} | _trees(chosen)
    common.one_from_url("as", list(trees), OWN)
    name = middle.selectbox("Tree", list(trees), format_func=trees.__getitem__, key="as")
    common.to_url("as", name)
    threshold = 0.5
    if rule == "threshold":
        threshold = right.slider("Threshold", 0.0, 1.0, 0.5, 0.025, key="threshold")
    try:
        tree = None if name == OWN else common.the_tree(name)
        _table(groups, tree, rule, threshold)
        _below(groups, tree, rule, threshold, chosen.colors)
    except HierappError as error:
        common.show_error(error)


def _runs(group: Group) -> list[Run]:
    return list(group.runs.values())


def _trees(chosen: Chosen) -> dict[str, str]:
    """Return the trees over the data set's classes; none if the data set was deleted."""
    try:
        return common.trees_for(chosen.data)
    except HierappError:
        return {}


def _table(groups: Sequence[Group], tree: LabelTree | None, rule: str, threshold: float) -> None:
    names = NODE_METRICS if rule == "threshold" else {name: comparison.title(name) for name in METRICS}
    rows = []
    # Show the leaf decoder as well, except next to the threshold rule: it has no metrics of inner nodes.
    for each in dict.fromkeys((rule, "leaf") if rule != "threshold" else (rule,)):
        for group in groups:
            found = [_metrics(run, tree, each, threshold if each == "threshold" else 0.5) for run in _runs(group)]
            said = {title: comparison.words(Sample.of([one[name] for one in found])) for name, title in names.items()}
            rows.append({"group": group.label, "decoder": each, "n": len(found), **said})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"group": st.column_config.TextColumn(pinned=True, width=240)},
        alt="Metrics of the same predictions under the chosen decoder and tree, by group",
    )
    under = "the tree of each run" if tree is None else "the chosen tree"
    st.caption(
        f"The same networks and the same test images, evaluated with {under}; mean ± sample standard deviation over the"
        " seeds."
    )


def _below(
    groups: Sequence[Group], tree: LabelTree | None, rule: str, threshold: float, colors: Mapping[str, str]
) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Operating curve of the threshold decoder")
        curves = {
            group.label: reevaluation.mean_operating([_operating(run, tree) for run in _runs(group)])
            for group in groups
        }
        at = threshold if rule == "threshold" else None
        plot = output_plots.operating_plot(curves, colors, at)
        common.chart(plot, "compare-operating", "Correct predictions over their mean depth, by threshold")
        st.caption(
            "Low thresholds, on the right, always predict a class; high thresholds stop higher up in the tree and are"
            " correct more often."
        )
    with right:
        st.subheader("Calibration")
        found = {group.label: [_reliability(str(run.folder), run.ended) for run in _runs(group)] for group in groups}
        plot = output_plots.reliability_plot(found, colors)
        common.chart(plot, "compare-calibration", "Accuracy over the probability of the most likely class")
        st.caption("Below the dashed line a network is overconfident. Error: expected calibration error.")


def _metrics(run: Run, tree: LabelTree | None, rule: str, threshold: float) -> dict[str, Any]:
    return _judged(str(run.folder), run.ended, _text(run, tree), rule, threshold)


def _operating(run: Run, tree: LabelTree | None) -> Operating:
    return _operated(str(run.folder), run.ended, _text(run, tree))


def _text(run: Run, tree: LabelTree | None) -> str:
    return run.tree_text if tree is None else tree_formats.render(tree, "json")


# A finished run's outputs do not change, but a store may be restored, and the tree behind a name may change: so the
# cache key includes the end time of the run and the text of the tree.


@st.cache_data(max_entries=1000, show_spinner="Decoding…")
def _judged(folder: str, ended: float | None, tree_text: str, rule: str, threshold: float) -> dict[str, Any]:
    return reevaluation.reevaluate(
        predictions.stored(Path(folder)), tree_formats.parse(tree_text, "json"), rule, threshold
    )


@st.cache_data(max_entries=500, show_spinner="Decoding…")
def _operated(folder: str, ended: float | None, tree_text: str) -> Operating:
    return reevaluation.operating(predictions.stored(Path(folder)), tree_formats.parse(tree_text, "json"), THRESHOLDS)


@st.cache_data(max_entries=500, show_spinner=False)
def _reliability(folder: str, ended: float | None) -> Reliability:
    return reevaluation.reliability(predictions.stored(Path(folder)))
