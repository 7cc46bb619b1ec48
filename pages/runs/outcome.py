"""The part of the Runs page that says what came out, once the runs shown are over."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from hierapp.analysis import comparison
from hierapp.analysis.groups import Group
from hierapp.analysis.outcome import enough_seeds, outcome
from hierapp.runs import Run
from hierapp.training import RunConfig
from hierapp.utils.text import pluralize
from pages.shared import common


def show(runs: Sequence[Run]) -> None:
    """Show the outcome in words, with the way to a comparison that stands."""
    said = outcome(runs)
    if said is None:
        return
    with st.container(border=True):
        st.markdown(f"{common.escaped(said.sentence)} {common.escaped(said.caution)}")
        enough = enough_seeds(len(said.groups))
        with st.container(horizontal=True, vertical_alignment="center"):
            more = more_seeds(said.groups, enough.seeds) if common.actions().may_run else []
            label = f"Add {pluralize(len(more), 'run')}, for {enough.seeds} seeds"
            if more and st.button(label, icon=":material/add:", key="more-seeds"):
                common.show_runs([*(run.id for run in runs), *common.actions().launch(more, runs[0].tree)])
            keys = [comparison.key(group) for group in said.groups]
            query = {"on": runs[0].config.data, "under": runs[0].config.tree, "groups": keys}
            st.page_link("pages/compare/page.py", label="Compare", icon=":material/balance:", query_params=query)
        if more:
            st.caption(enough.reason)


def more_seeds(groups: Sequence[Group], enough: int) -> list[RunConfig]:
    """Return configurations that give each group that was trained here `enough` seeds; the first new seed of all groups
    comes first."""
    trained = [group for group in groups if not group.run.is_imported]
    seeds = range(max((max(group.runs) for group in trained), default=0) + enough)
    more = [
        (place, group.run.config.model_copy(update={"seed": seed}))
        for group in trained
        for place, seed in enumerate([seed for seed in seeds if seed not in group.runs])
        if place < enough - len(group.runs)
    ]
    return [config for _, config in sorted(more, key=lambda each: each[0])]
