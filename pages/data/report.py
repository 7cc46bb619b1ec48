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
    if report.kind == "features":
        _of_features(report)
    elif report.kind == "segmentation":
        _of_maps(report)
    else:
        _of_images(report)
    if report.broken:
        with st.expander(f"{_what(report, 'Files', 'Rows')} that cannot be used: {report.broken_count:,}"):
            files, reasons = zip(*report.broken, strict=True)
            st.dataframe({report.noun if report.kind == "features" else "file": files, "why": reasons}, hide_index=True)
    copied(f"The same {report.noun} in the training and the test set", report.between)
    copied(f"The same {report.noun} in two classes", report.two_classes)
    copied(f"The same {report.noun} more than once in a class", report.within)


def _what(report: Report, of_images: str, of_features: str) -> str:
    return of_features if report.kind == "features" else of_images


def _of_features(report: Report) -> None:
    st.markdown(
        f"**{common.escaped(report.source)}**: {report.images:,} rows of {common.escaped(report.layout)}."
        f" {'The test set is drawn from them, stratified by class.' if report.drawn else ''} They are stored as"
        f" {report.dtype} with {report.features:,} features"
        f"{', standardized by the training part' if report.scaled else ''}."
    )
    labels, columns = st.columns([2, 1], gap="large")
    count = len(report.classes)
    rows = {
        "label": [*report.classes, *report.coarse],
        "train": [*report.train, *report.coarse_train],
        "test": [*report.test, *report.coarse_test],
    }
    kinds = {"kind": ["class"] * count + ["coarse label"] * len(report.coarse)} if report.coarse else {}
    labels.dataframe({**rows, **kinds}, hide_index=True, height="auto")
    if report.columns:
        columns.dataframe({"feature": report.columns}, hide_index=True)


def _of_maps(report: Report) -> None:
    st.markdown(
        f"**{common.escaped(report.source)}**: {report.images:,} images with label maps, by"
        f" {common.escaped(report.layout)}; the classes are from {common.escaped(report.classes_from)}."
        f" {'The test set is drawn from the images. ' if report.drawn else ''}They are stored at {report.width} ×"
        f" {report.height} in {'color' if report.channels == 3 else 'gray'}: {report.resized:,} were resized,"
        f" {report.cropped:,} cropped. {report.void_pixels / max(1, report.all_pixels):.1%} of the pixels are void and"
        " not counted."
    )
    total = max(1, sum(report.train_pixels))
    shares = [pixels / total for pixels in report.train_pixels]
    st.dataframe(
        {"class": report.classes, "in train": report.train, "in test": report.test, "training pixels": shares},
        hide_index=True,
        height="auto",
        column_config={"training pixels": st.column_config.NumberColumn(format="percent")},
        alt="For each class the images in which it occurs, and its share of the training pixels",
    )


def _of_images(report: Report) -> None:
    st.markdown(
        f"**{common.escaped(report.source)}**: {report.images:,} images by {common.escaped(report.layout)}."
        f" {'The test set is drawn from them, stratified by class.' if report.drawn else ''} They are stored at"
        f" {report.side} × {report.side} in {'color' if report.channels == 3 else 'gray'}: {report.resized:,} were"
        f" resized, {report.cropped:,} cropped to the central square."
    )
    classes, sizes, modes = st.columns([2, 1, 1], gap="large")
    with classes:
        st.dataframe(
            {"class": report.classes, "train": report.train, "test": report.test}, hide_index=True, height="auto"
        )
    sizes.dataframe({"size": list(report.sizes), "pictures": list(report.sizes.values())}, hide_index=True)
    modes.dataframe({"mode": list(report.modes), "pictures": list(report.modes.values())}, hide_index=True)


def copied(title: str, copies: Copies) -> None:
    if copies.count:
        with st.expander(f"{title}: {copies.count:,}"):
            st.dataframe({"files": ["   ".join(files) for files in copies.groups]}, hide_index=True)
