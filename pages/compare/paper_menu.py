"""The menu of the Compare page with what a paper or a colleague needs: tables, methods, BibTeX, the report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from hierapp.analysis import comparison
from hierapp.export import bibliography, bundle, paper, report
from pages.compare.choice import Chosen
from pages.shared import common


def show(chosen: Chosen) -> None:
    """Show downloads of the groups that are compared, each created when its button is pressed."""
    groups, store = chosen.groups, common.store()
    ids = [run.id for group in groups for run in group.runs.values()]
    losses = [group.run.config.loss for group in groups if not group.run.is_imported]
    short = partial(comparison.short_table, groups, chosen.metric or "accuracy")
    forms: dict[str, tuple[str, Callable[[], str | bytes]]] = {
        "Table, LaTeX": ("tex", lambda: paper.latex(short(), paper.CAPTION)),
        "Table, Markdown": ("md", lambda: paper.markdown(short())),
        "Table of all metrics, CSV": ("csv", lambda: paper.csv(comparison.table(groups))),
        "Methods, text": ("txt", lambda: paper.methods(groups, chosen.what)),
        "Losses, BibTeX": ("bib", lambda: bibliography.bibtex(losses)),
        "Report, HTML": ("html", lambda: report.render(store, bundle.chosen(store, ids))),
    }
    with st.popover("For a paper", icon=":material/article:"):
        for label, (suffix, text) in forms.items():
            st.download_button(
                label, text, f"comparison.{suffix}", key=f"paper-{suffix}", on_click="ignore", width="stretch"
            )
        st.segmented_control(
            "The camera in a plot's corner saves it as",
            list(common.PLOT_FORMATS),
            default="PNG",
            required=True,
            key=common.PLOT_FORMAT,
            help="SVG has the width of a column of a paper, 8.5 cm.",
            wrap=True,
        )
