"""The part of the Compare page that chooses data set, tree, groups and metric; the choice is in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from hierapp.analysis import comparison, groups as grouping
from hierapp.analysis.comparison import EVERY_TREE, Field
from hierapp.analysis.groups import Group
from hierapp.plots import comparison as comparison_plots
from hierapp.trees import LabelTree
from pages.shared import common


@dataclass(frozen=True)
class Chosen:
    """What is compared.

    Attributes:
        data: the data set's name.
        groups: the groups, with unique labels.
        metric: a metric of the test part that all their runs have; None if there is none.
        colors: a color for each label.
    """

    data: str
    groups: Sequence[Group]
    metric: str | None
    colors: Mapping[str, str]

    @property
    def tree(self) -> LabelTree | None:
        """The common tree of all groups; None if they have several."""
        return self.groups[0].run.tree if len({group.run.tree_text for group in self.groups}) == 1 else None

    @property
    def what(self) -> str:
        """The metric in words, for an axis."""
        return comparison.title(self.metric or "")

    @property
    def is_share(self) -> bool:
        """Whether the metric is shown in percent."""
        return comparison.is_share(self.metric or "")


def choose(fields: Mapping[str, Field]) -> Chosen:
    """Show the widgets and return the choice."""
    left, middle, right = st.columns(3)
    common.one_from_url("on", list(fields), next(iter(fields)))
    data = left.selectbox("Data set", list(fields), format_func=common.data_title, key="on")
    common.to_url("on", data)
    field = fields[data]
    trees = [*field.trees, *[EVERY_TREE] * (len(field.trees) > 1)]
    common.one_from_url("under", trees, comparison.usual_tree(field))
    tree = middle.selectbox("Tree", trees, key="under", help="The tree that the runs were trained with.")
    common.to_url("under", tree)
    found = {comparison.key(group): group for group in grouping.groups(field.under(tree))}
    kept = _kept(found)
    wanted = {run.id for key in kept for run in (*found[key].runs.values(), *found[key].repeated)}
    # Fewer groups need shorter labels.
    groups = grouping.groups([run for run in field.under(tree) if run.id in wanted])
    names = comparison.metric_names(groups)
    metric = None
    if names:
        common.one_from_url("metric", names, names[0])
        metric = right.selectbox(
            "Metric on the test images",
            names,
            format_func=comparison.title,
            key="metric",
            help="Metric that Statistics compares; lists the metrics that all chosen runs have.",
        )
        common.to_url("metric", metric)
    for group in groups:
        if group.repeated:
            older = ", ".join(run.id for run in group.repeated)
            st.caption(f"{common.escaped(group.label)}: left out, because newer runs repeat them: {older}.")
    return Chosen(data, groups, metric, comparison_plots.colors_of([group.label for group in groups]))


def _kept(found: Mapping[str, Group]) -> list[str]:
    """Return the keys of the chosen groups."""
    given = st.session_state.get("groups")
    if given is not None:
        still = [key for key in given if key in found]
        if given and not still:  # of another data set or tree
            del st.session_state["groups"]
        elif still != given:
            st.session_state["groups"] = still
    usual = [comparison.key(group) for group in comparison.comparable(list(found.values()))]
    common.from_url("groups", list(found), usual)
    chosen = st.multiselect(
        "Groups",
        list(found),
        format_func=lambda key: f"{found[key].label} (n = {len(found[key].runs)})",
        key="groups",
        placeholder="Choose the groups to compare",
        help="A group contains the runs with the same configuration and tree; only the seeds differ. n is the number "
        "of seeds.",
    )
    common.to_url("groups", chosen)
    return chosen
