"""The Compare page's severity against accuracy, classes, and mistakes by height."""

from __future__ import annotations

import streamlit as st

from hierapp.analysis import comparison
from hierapp.plots import comparison as comparison_plots, core as plots
from hierapp.trees.distances import mean_distance
from pages.compare.choice import Chosen
from pages.shared import common

RANDOM = "uniformly random mistakes"


def show(chosen: Chosen) -> None:
    """Show how severe mistakes are in addition to how frequent they are."""
    tree = chosen.tree
    if tree is None:
        st.info(
            "The chosen runs have different trees, and severity is a distance in a tree: choose one tree above, or"
            " evaluate all runs under one tree in *Another decoder or tree*."
        )
        return
    st.header("Severity against accuracy")
    points = comparison.points(chosen.groups, "accuracy", "severity")
    common.chart(
        comparison_plots.severity_plot(points, chosen.colors, mean_distance(tree)),
        "compare-severity",
        "Severity over accuracy of each run and each group's mean, with the severity of random mistakes",
    )
    st.caption(
        "A dot is a run, a diamond the mean of a group. Severity is the mean distance (`lca-depth`) of the mistakes"
        " only: a worse network with more mild mistakes has a lower severity, so read it together with accuracy. Down"
        " and to the right is better."
    )
    st.header("Mistakes by height of the common ancestor")
    shares = comparison.height_shares(chosen.groups)
    if shares:
        common.chart(
            comparison_plots.heights_plot(shares | {RANDOM: comparison.random_heights(tree)}),
            "compare-heights",
            "Shares of the mistakes by the height of the lowest common ancestor of true and predicted class",
        )
        st.caption(
            "Height 1 is a mistake between siblings; the greatest height is a mistake between different branches of"
            " the root."
        )
    st.header("Class accuracy and weighted class accuracy")
    plain = comparison.class_means(chosen.groups, "class_accuracy")
    weighted = comparison.class_means(chosen.groups, "weighted_class_accuracy")
    both = [name for name in plain if name in weighted]
    if both:
        common.chart(
            plots.class_accuracy_plot(
                {name: plain[name] for name in both}, {name: weighted[name] for name in both}, tree, chosen.colors
            ),
            "compare-classes",
            "Class accuracy and weighted class accuracy of each class and group, means over the seeds",
        )
        st.caption("Means over the seeds. Weighted: TP / (TP + wFN), where each missed image counts by its distance.")
