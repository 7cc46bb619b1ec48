"""The results of a study on the Studies page: verdicts, means, and the CSV file they are computed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from hierapp.errors import HierappError
from hierapp.studies import library, rows, tables, verdicts
from hierapp.studies.spec import Study
from hierapp.studies.verdicts import Verdict
from pages.shared import common
from pages.shared.messages import show_error, show_warning


def show(study: Study) -> None:
    """Show the verdicts and tables of the results that are here, or that ship."""
    file = library.results_file(study)
    if file is None:
        st.info(
            "There are no results yet: they are computed when all runs are finished.",
            icon=":material/hourglass_empty:",
        )
        return
    try:
        found, means = _read(file, file.stat().st_mtime_ns, study)
    except HierappError as error:
        show_error(error)
        return
    shipped = file == library.shipped_csv(study)
    st.markdown(":blue-badge[:material/inventory_2: shipped results]" if shipped else ":green-badge[this machine]")
    st.header("Verdicts", anchor="verdicts", divider="gray")
    if found:
        _verdicts(found)
    else:
        st.caption("Described only: the study has no comparisons, or fewer than ten complete seeds.")
    st.header("Means", anchor="means", divider="gray")
    st.dataframe(pd.DataFrame(means), hide_index=True, alt="Mean and deviation of each group with each decoder")
    st.download_button("All rows (CSV)", file.read_bytes(), f"{study.name}.csv", "text/csv", icon=":material/download:")


def _verdicts(found: list[Verdict]) -> None:
    counted = ", ".join(f"{count} {kind}" for kind, count in verdicts.counts(found).items())
    st.markdown(f"{len(found)} comparisons in one family: {counted}.")
    if said := verdicts.too_few_seeds(found):
        show_warning(said)
    for hypothesis, some in verdicts.by_hypothesis(found).items():
        st.markdown(f"**{common.escaped(hypothesis.capitalize())}**")
        table = pd.DataFrame(tables.judged(some)).drop(columns="hypothesis")
        st.dataframe(table, hide_index=True, alt=f"Verdicts on the hypothesis {hypothesis}")


@st.cache_data(max_entries=20, show_spinner=False)
def _read(file: Path, changed: int, _study: Study) -> tuple[list[Verdict], list[dict[str, Any]]]:
    """Return verdicts and means; `changed` is the time of the file's last change."""
    given = rows.read(file)
    return verdicts.verdicts(_study, given), tables.means(_study, given)
