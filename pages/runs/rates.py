"""The part of the Runs page with the best learning rate of each loss, if the chosen runs try several."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from hierapp.analysis import groups
from hierapp.analysis.outcome import enough_seeds
from hierapp.analysis.rate_sweep import BestRate, at_best_rates, best_rates
from hierapp.runs import Run
from hierapp.utils.text import pluralize
from pages.runs.outcome import more_seeds
from pages.shared import common


def show(runs: Sequence[Run]) -> bool:
    """Show the rates with the best validation and a button for more seeds at them; return whether there are any."""
    if len({run.config.learning_rate for run in runs}) < 2 or any(run.is_open for run in runs):
        return False
    found = best_rates(common.store(), runs)
    if not found:
        return False
    with st.container(border=True):
        st.markdown("**The best learning rate of each loss**, by validation images; test images take no part.")
        st.dataframe(
            table(found),
            hide_index=True,
            alt="The best learning rate of each loss, and its value at each rate",
        )
        at_end = [common.escaped(each.label) for each in found if each.is_at_end]
        if at_end:
            st.caption(
                f"The best rate of {', '.join(at_end)} is the smallest or largest that was tried; a better one may lie"
                " outside."
            )
        best = at_best_rates(found, runs)
        compared = groups.groups(best)
        enough = enough_seeds(len(compared))
        more = more_seeds(compared, enough.seeds) if common.actions().may_run else []
        label = f"Train {pluralize(len(more), 'run')} at these rates, for {enough.seeds} seeds"
        if more and st.button(label, icon=":material/add:", key="best-rates"):
            trees = {run.config.tree: run.tree for run in best}
            ids = [
                each
                for name, tree in trees.items()
                for each in common.actions().launch([config for config in more if config.tree == name], tree)
            ]
            common.show_runs([*(run.id for run in best), *ids])
        if more:
            st.caption(enough.reason)
    return True


def table(found: Sequence[BestRate]) -> pd.DataFrame:
    """Return a row for each loss: its best rate, and the metric at each rate."""
    every = sorted({rate for each in found for rate in each.means})
    return pd.DataFrame(
        [
            {
                "loss": each.label,
                "best rate": f"{each.rate:g}",
                "metric": each.metric.replace("val_", "validation ").replace("_", " "),
                "seeds": each.seeds,
                **{f"at {rate:g}": each.means.get(rate) for rate in every},
            }
            for each in found
        ]
    )
