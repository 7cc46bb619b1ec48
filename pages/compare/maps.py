"""The Compare page's view of label maps: IoU of levels and classes; truth, prediction, mistakes of test images."""

from __future__ import annotations

import streamlit as st

from hierapp.analysis import comparison, map_results
from hierapp.analysis.map_results import TestMaps
from hierapp.data import map_pictures
from hierapp.runs import Run
from hierapp.training import map_predictions
from pages.compare.choice import Chosen
from pages.components.before_after import before_after
from pages.shared import common

AT_ONCE = 4
TITLES = ("truth", "prediction", "mistakes, yellow near to red far", "probability, dark 0 to bright 1")
PAIR = 720  # width of the two pictures with a border between them, in pixels


def applies(chosen: Chosen) -> bool:
    """Return whether any of the runs predicts label maps."""
    return any("mean_iou" in (run.test or {}) for group in chosen.groups for run in group.runs.values())


def show(chosen: Chosen) -> None:
    """Show IoU by level and class, and images, the worst first."""
    if chosen.tree is None:
        st.info("The chosen runs have different trees: choose one tree above to compare levels and classes.")
        return
    levels = comparison.class_means(chosen.groups, "level_mean_iou")
    classes = comparison.class_means(chosen.groups, "class_iou")
    st.header("Mean IoU at each level")
    depth = max((len(values) for values in levels.values()), default=0)
    percent = st.column_config.NumberColumn(format="percent")
    frame = {"level": [str(level + 1) for level in range(depth)], **levels}
    st.dataframe(
        frame,
        hide_index=True,
        column_config=dict.fromkeys(levels, percent),
        alt="Mean IoU of the nodes of each level, by group, means over the seeds",
    )
    st.caption("Level 1 are the children of the root; the classes below a node are merged. Means over the seeds.")
    st.header("IoU of each class")
    st.dataframe(
        {"class": list(chosen.tree.leaves), **classes},
        hide_index=True,
        height="auto",
        column_config=dict.fromkeys(classes, percent),
        alt="IoU of each class, by group, means over the seeds",
    )
    images(chosen)


def images(chosen: Chosen) -> None:
    """Show test images of one run."""
    st.header("Test images")
    named = {
        run.id: (run, f"run {run.id} · {group.label} · seed {run.config.seed}")
        for group in chosen.groups
        for run in group.runs.values()
        if map_predictions.has(run.folder)
    }
    if not named:
        st.caption("None of these runs has stored its predicted maps.")
        return
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    common.one_from_url("map-run", list(named), next(iter(named)))
    run = named[left.selectbox("Run", list(named), format_func=lambda run: named[run][1], key="map-run")][0]
    common.to_url("map-run", run.id)
    with common.show_errors():
        order = _worst_first(run, str(run.folder), run.ended)
        pages = -(-len(order) // AT_ONCE)
        page = middle.number_input("Page of images, worst first", 1, pages, key="map-page") if pages > 1 else 1
        opacity = right.slider("Opacity of the label maps", 0.0, 1.0, 0.5, 0.05, key="map-opacity")
        rows = order[(page - 1) * AT_ONCE : page * AT_ONCE]
        theme = "dark" if st.context.theme.type == "dark" else "light"
        picture = _sheet(run, str(run.folder), run.ended, tuple(row for row, _ in rows), opacity, theme)
        st.image(picture, alt=f"Truth, prediction and mistakes of test images {', '.join(str(r) for r, _ in rows)}")
        said = ", ".join(f"{row + 1}: {distance:.3f}" for row, distance in rows)
        st.caption(
            f"Mean distance of the pixels of test image {said}. Mistakes are colored by the distance from the true to"
            " the predicted class; void pixels are not counted."
        )
        _border(run, [row for row, _ in rows], opacity)


def _border(run: Run, rows: list[int], opacity: float) -> None:
    """Show truth and prediction of one of the images with a border between them that is moved."""
    row = common.chosen(
        st.segmented_control(
            "Truth left of the border, prediction right of it: image",
            rows,
            default=rows[0],
            format_func=lambda each: str(each + 1),
            required=True,
            key=f"map-pair-{run.id}-{rows[0]}",
        )
    )
    first, second = _pair(run, str(run.folder), run.ended, row, opacity)
    before_after(first, second, ("truth", "prediction"), f"Truth and prediction of test image {row + 1}")


def _given(run: Run) -> TestMaps:
    return map_results.of_run(run)


# A finished run's maps do not change, but a store may be restored: so the cache key includes the end time.
@st.cache_data(max_entries=50, show_spinner="Reading the predicted maps")
def _worst_first(_run: Run, folder: str, ended: float | None) -> list[tuple[int, float]]:
    """Return the test images with their mean distance, the worst first."""
    distances = map_results.mean_distances(_given(_run))
    return [(int(row), float(distances[row])) for row in (-distances).argsort(kind="stable")]


@st.cache_data(max_entries=50, show_spinner="Drawing the images")
def _sheet(_run: Run, folder: str, ended: float | None, rows: tuple[int, ...], opacity: float, theme: str) -> bytes:
    given = _given(_run)
    leaves = given.tree.leaves
    legend = list(zip(leaves, map_pictures.class_colors(len(leaves)).tolist(), strict=True))
    shown = [map_results.pictures(given, row, opacity) for row in rows]
    return map_pictures.grid(shown, TITLES[: len(shown[0])], legend, theme)


@st.cache_data(max_entries=50, show_spinner=False)
def _pair(_run: Run, folder: str, ended: float | None, row: int, opacity: float) -> tuple[bytes, bytes]:
    first, second = map_results.sides(_given(_run), row, opacity)
    return map_pictures.png(first, PAIR), map_pictures.png(second, PAIR)
