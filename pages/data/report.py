"""The check report of an import, as displayed."""

import streamlit as st

from hierapp.data.imports.report import Copies, Report
from pages.shared import common


def show(report: Report) -> None:
    """Show all findings, the warnings first."""
    for warning in report.warnings:
        common.show_warning(warning)
    if not report.warnings:
        st.success("No warnings.", icon=":material/check:")
    st.markdown(
        f"**{common.escaped(report.source)}**: {report.images:,} images by {common.escaped(report.layout)}."
        f" {'The test set is drawn from them, stratified by class.' if report.drawn else ''} They are stored at"
        f" {report.side} × {report.side} in {'colour' if report.channels == 3 else 'grey'}: {report.resized:,} were"
        f" resized, {report.cropped:,} cropped to the central square."
    )
    classes, sizes, modes = st.columns([2, 1, 1], gap="large")
    with classes:
        st.dataframe(
            {"class": report.classes, "train": report.train, "test": report.test}, hide_index=True, height="auto"
        )
    sizes.dataframe({"size": list(report.sizes), "pictures": list(report.sizes.values())}, hide_index=True)
    modes.dataframe({"mode": list(report.modes), "pictures": list(report.modes.values())}, hide_index=True)
    if report.broken:
        with st.expander(f"Files that cannot be used: {report.broken_count:,}"):
            files, reasons = zip(*report.broken, strict=True)
            st.dataframe({"file": files, "why": reasons}, hide_index=True)
    copied("The same image in the training and the test set", report.between)
    copied("The same image in two classes", report.two_classes)
    copied("The same image more than once in a class", report.within)


def copied(title: str, copies: Copies) -> None:
    if copies.count:
        with st.expander(f"{title}: {copies.count:,}"):
            st.dataframe({"files": ["   ".join(files) for files in copies.groups]}, hide_index=True)
