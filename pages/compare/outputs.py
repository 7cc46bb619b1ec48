"""The Compare page's other decoders and trees: stored outputs of runs, evaluated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
import streamlit as st

from hierapp.analysis import comparison, reevaluation, stored_outputs
from hierapp.analysis.calibration import Calibration, HeldOut, is_guaranteed
from hierapp.analysis.groups import Group
from hierapp.analysis.reevaluation import LEAF_METRICS, NODE_METRICS, Reliability
from hierapp.decoding import DECODERS
from hierapp.errors import HierappError
from hierapp.metrics.operating import OperatingCurve
from hierapp.plots import outputs as output_plots
from hierapp.runs import Run
from hierapp.stats import Sample
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree, formats as tree_formats
from pages.compare.choice import Chosen
from pages.shared import common
from pages.shared.option_fields import option_field

OWN = "own"
TEMPERATURE = (
    "The temperature with the smallest log loss on each run's validation images. The most likely class stays the same."
)
ALPHA = (
    "With 0 the threshold above applies. Otherwise each run's threshold is computed from its calibration images, or its"
    " validation images if it has none (split conformal): at least the other share of new images is predicted as the"
    " true class or an ancestor of it. This is only a guarantee if these images selected neither the epoch nor other"
    " parameters: train with a share of the validation images kept for calibration."
)
# The decoder of the operating curve.
CLIMB = "climb"


def show(chosen: Chosen) -> None:
    """Show the metrics under the chosen decoder and tree, the operating curve, and calibration."""
    groups = [group for group in chosen.groups if all(map(stored_outputs.has, _runs(group)))]
    missing = [group.label for group in chosen.groups if group not in groups]
    if missing:
        st.info(
            f"Left out, because they have no stored outputs: {common.escaped('; '.join(missing))}. Runs on label maps"
            " have them if they store the probabilities of pixels; train those of older versions again to include"
            " them.",
            icon=":material/inventory_2:",
        )
    if not groups:
        return
    left, right = st.columns(2)
    common.one_from_url("rule", list(DECODERS), "leaf")
    titles = {rule: f"{rule}: {spec.title}" for rule, spec in DECODERS.items()}
    rule = left.selectbox("Decoder", list(DECODERS), format_func=titles.__getitem__, key="rule")
    common.to_url("rule", rule)
    trees = {OWN: "each run's own tree"} | _trees(chosen)
    common.one_from_url("as", list(trees), OWN)
    name = right.selectbox("Tree", list(trees), format_func=trees.__getitem__, key="as")
    common.to_url("as", name)
    spec = DECODERS[rule]
    fields = zip(st.columns(4), spec.options, strict=False) if spec.options else ()
    options = {
        option.name: option_field(rule, option, where, option.name.replace("_", " ").capitalize())
        for where, option in fields
    }
    calibration = _calibration(rule)
    try:
        _say_what(groups[0].run)
        tree = None if name == OWN else common.the_tree(name)
        _table(groups, tree, rule, options, calibration)
        as_stored = rule == CLIMB and calibration == Calibration()
        _below(groups, tree, options if as_stored else {}, chosen.colors)
    except HierappError as error:
        common.show_error(error)


def _say_what(run: Run) -> None:
    """Say what is decoded if it is a sample."""
    used = len(_outputs(run).target)
    if stored_outputs.has_pixels(run):
        st.caption(f"Of {used:,} labeled pixels, drawn at random from all test images, the same for all runs.")
    elif used < (total := (run.test or {}).get("samples", used)):
        st.caption(f"Of {used:,} of the {total:,} test rows, drawn at random, the same for all runs.")


def _calibration(rule: str) -> Calibration:
    """Show the fields of what is computed from validation images."""
    left, right = st.columns(2)
    temperature = left.checkbox("Scale the probabilities by temperature", key="temperature", help=TEMPERATURE)
    if rule != CLIMB:
        return Calibration(temperature)
    share = right.number_input("Share of wrong predictions to allow", 0.0, 0.99, 0.0, 0.01, key="alpha", help=ALPHA)
    return Calibration(temperature, share)


def _runs(group: Group) -> list[Run]:
    return list(group.runs.values())


def _trees(chosen: Chosen) -> dict[str, str]:
    """Return the trees over the data set's classes; none if the data set was deleted."""
    try:
        return common.trees_for(chosen.data)
    except HierappError:
        return {}


def _table(
    groups: Sequence[Group], tree: LabelTree | None, rule: str, options: Mapping[str, object], calibration: Calibration
) -> None:
    only_leaves = DECODERS[rule].leaves_only
    names = {name: comparison.title(name) for name in LEAF_METRICS} if only_leaves else NODE_METRICS
    rows = []
    # Show the leaf decoder as well, except next to decoders that predict inner nodes: they have other metrics.
    for each in dict.fromkeys((rule, "leaf") if only_leaves else (rule,)):
        for group in groups:
            found = [_metrics(run, tree, each, options if each == rule else {}, calibration) for run in _runs(group)]
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
    selected = [group.label for group in groups if not all(map(is_guaranteed, _runs(group)))]
    if calibration.alpha and selected:
        st.caption(
            f"Without a guarantee, because the images of the threshold selected the epoch: "
            f"{common.escaped('; '.join(selected))}."
        )


def _below(
    groups: Sequence[Group], tree: LabelTree | None, climbed: Mapping[str, object], colors: Mapping[str, str]
) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Operating curve")
        curves = {
            group.label: reevaluation.mean_operating([_operating(run, tree) for run in _runs(group)])
            for group in groups
        }
        plot = output_plots.operating_plot(curves, colors, cast("float | None", climbed.get("threshold")))
        common.chart(plot, "compare-operating", "Correct predictions over their mean depth, by threshold")
        st.caption(
            "The decoder climb at every threshold: low ones, on the right, predict the most likely class; high ones"
            " move up in the tree, until the prediction is likely enough, and are correct more often. Temperature"
            " is not applied."
        )
    with right:
        st.header("Calibration")
        found = {
            group.label: [_reliability(str(run.folder), run.ended, run) for run in _runs(group)] for group in groups
        }
        plot = output_plots.reliability_plot(found, colors)
        common.chart(plot, "compare-calibration", "Accuracy over the probability of the most likely class")
        st.caption("Below the dashed line a network is overconfident. Error: expected calibration error.")
    _by_level(groups, tree, colors)


def _by_level(groups: Sequence[Group], tree: LabelTree | None, colors: Mapping[str, str]) -> None:
    """Show metrics over the levels of the tree, if it has several."""
    found = {
        group.label: [_levels(str(run.folder), run.ended, _text(run, tree), run) for run in _runs(group)]
        for group in groups
    }
    if all(len(seed["level_log_loss"]) == 1 for seeds in found.values() for seed in seeds):
        return
    st.header("Levels of the tree")
    alt = "Accuracy, log loss and calibration error over the levels of the tree, from the top to the classes"
    common.chart(output_plots.levels_plot(found, colors), "compare-levels", alt)
    st.caption(
        "At each level the most likely node is predicted, by the sum of the probabilities below it; the last level is"
        " that of the classes. Temperature is not applied."
    )


def _metrics(
    run: Run, tree: LabelTree | None, rule: str, options: Mapping[str, object], calibration: Calibration
) -> dict[str, Any]:
    return _judged(str(run.folder), run.ended, _text(run, tree), rule, dict(options), calibration, run)


def _operating(run: Run, tree: LabelTree | None) -> OperatingCurve:
    return _operated(str(run.folder), run.ended, _text(run, tree), run)


def _text(run: Run, tree: LabelTree | None) -> str:
    return run.tree_text if tree is None else tree_formats.render(tree, "json")


def _outputs(run: Run) -> Outputs:
    """Return the outputs of a run's rows or pixels, of a sample if they are many."""
    return _sample(str(run.folder), run.ended, run)


# A finished run's outputs do not change, but a store may be restored, and the tree behind a name may change: so the
# cache key includes the end time of the run and the text of the tree.


@st.cache_resource(max_entries=20, show_spinner="Reading the outputs")
def _sample(folder: str, ended: float | None, _run: Run) -> Outputs:
    return stored_outputs.sample(stored_outputs.of(_run))


@st.cache_data(max_entries=1000, show_spinner="Decoding…")
def _judged(
    folder: str,
    ended: float | None,
    tree_text: str,
    rule: str,
    options: dict[str, Any],
    calibration: Calibration,
    _run: Run,
) -> dict[str, Any]:
    tree = tree_formats.parse(tree_text, "json")
    temperature = 1.0
    if calibration != Calibration():
        temperature, threshold = calibration.of(HeldOut.of(Path(folder)).sample(), tree)
        options = options if threshold is None else options | {"threshold": threshold}
    return reevaluation.reevaluate(_outputs(_run), tree, rule, temperature, **options)


@st.cache_data(max_entries=500, show_spinner="Decoding…")
def _operated(folder: str, ended: float | None, tree_text: str, _run: Run) -> OperatingCurve:
    return reevaluation.operating(_outputs(_run), tree_formats.parse(tree_text, "json"))


@st.cache_data(max_entries=500, show_spinner="Decoding…")
def _levels(folder: str, ended: float | None, tree_text: str, _run: Run) -> dict[str, list[float]]:
    return reevaluation.levels(_outputs(_run), tree_formats.parse(tree_text, "json"))


@st.cache_data(max_entries=500, show_spinner=False)
def _reliability(folder: str, ended: float | None, _run: Run) -> Reliability:
    return reevaluation.reliability(_outputs(_run))
