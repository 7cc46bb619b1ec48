"""Helpers shared by the pages: the store, the look of plots, links between pages."""

from __future__ import annotations

import functools
import math
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import plotly.graph_objects as go
import streamlit as st
from plotly.io import to_json
from streamlit.navigation.page import Page

from hierapp.access import Actions
from hierapp.data.registry import catalogue, find
from hierapp.errors import HierappError
from hierapp.paths import app_folder, home, shipped_trees
from hierapp.plots import tree_svg
from hierapp.plots.blocks import MOST_CELLS, block_side
from hierapp.plots.core import ON_DARK, ON_LIGHT
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library
from hierapp.utils.disk import FULL_BYTES, disk_of, in_words
from hierapp.utils.recent import Recent
from pages.components.page_history import one_entry_per_page
from pages.components.plot import Point, plot as show_plot
from pages.components.popover_focus import popovers_take_focus
from pages.components.theme_switch import redraw_on_theme_switch
from pages.shared import auth
from pages.shared.auth import person
from pages.shared.messages import escaped as escaped, show_error as show_error, show_warning as show_warning

T = TypeVar("T")
Scales = tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]]  # colors on light and on dark
CHOSEN_RUNS = "runs"  # the runs that are chosen on the Runs page, in the session and in the address
_LAST_PAGE = "last-page"


def show(page: Page) -> None:
    """Run the chosen page; show errors that the user can fix as one sentence."""
    st.set_page_config(page_title=f"{page.title} · hierapp")
    if auth.blocking_page() is None:  # nothing but the reason is sent to others
        one_entry_per_page()
        popovers_take_focus()
        redraw_on_theme_switch()
        st.html(app_folder() / "assets" / "app.css")
    if st.session_state.get(_LAST_PAGE) != page.url_path:
        st.session_state[_LAST_PAGE] = page.url_path
        if CHOSEN_RUNS in st.query_params:  # a link names other runs than those of the visit before
            st.session_state.pop(CHOSEN_RUNS, None)
    with show_errors():
        disk_notice()
        page.run()


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a HierappError as its sentence."""
    try:
        yield
    except HierappError as error:
        show_error(error)


def disk_notice() -> None:
    """Show a notice when the disk with the runs is nearly full."""
    disk = disk_of(home())
    if disk is None or disk.room == "enough":
        return
    if disk.room == "full":
        st.error(
            "The disk with the runs is full: runs wait until there is free space; delete files that you do not need"
            f" from the disk of {escaped(str(disk.folder))}, or set HIERAPP_HOME to a folder on another disk.",
            icon=":material/hard_drive:",
        )
    else:
        st.warning(
            f"The disk with the runs has {in_words(disk.free)} left: with less than {in_words(FULL_BYTES)} runs wait.",
            icon=":material/hard_drive:",
        )


def repeated(part: Callable[..., None], seconds: float | None) -> Callable[..., None]:
    """Return a part of a page that reruns every `seconds` or, with None, only when one of its widgets changes."""

    def run(*arguments: Any) -> None:
        with show_errors():
            person()  # reruns of a fragment bypass app.py
            part(*arguments)

    # Streamlit distinguishes fragments by their names.
    return st.fragment(functools.update_wrapper(run, part), run_every=seconds)


LARGEST_MATRIX = 2_000  # rows
RUNS_PAGE = "pages/runs/page.py"
LAST_COMPARISON = "last-comparison"  # the address of the comparison that this session has seen last


def store() -> Store:
    """Return the store of HIERAPP_HOME, one for all sessions."""
    return _store(home())


@st.cache_resource
def _store(folder: Path) -> Store:
    return Store(folder)


def actions() -> Actions:
    """Return the actions of the current user, the only way to make changes; do not cache them: rights may change."""
    return Actions(store(), person())


@st.cache_data(max_entries=50)
def shipped_tree(name: str) -> LabelTree:
    """Return a tree that ships; it is read once."""
    return tree_library.load(name)


def chart(plot: go.Figure, key: str, alt: str) -> None:
    """Show a plot as wide as its container; `alt` describes it in words."""
    _show(_themed(plot, _is_dark()), key, alt)


def clickable_chart(
    plot: go.Figure, key: str, alt: str, clicked: Callable[[Point], None], scales: Scales = (ON_LIGHT, ON_DARK)
) -> None:
    """Show a plot as `chart` does, with color scales of its own; a function takes the point that is clicked."""
    _show(_themed(plot, _is_dark(), scales), key, alt, clicked)


def chart_of(key: str, alt: str, draw: Callable[..., go.Figure], *arguments: Any) -> None:
    """Show the plot that a function draws of these arguments, as `chart` does.

    It is drawn once for all sessions that show the same: Plotly takes longer for a plot than everything else on a page
    that refreshes each second.

    Args:
        key: the key of the plot on its page.
        alt: a description in words.
        draw: a function that depends on nothing but its arguments.
        arguments: its arguments, which can be pickled.
    """
    is_dark = _is_dark()
    drawn = (draw.__module__, draw.__qualname__, pickle.dumps(arguments), is_dark)
    _show(_DRAWN.get(drawn, lambda: _themed(draw(*arguments), is_dark)), key, alt)


PLOT_FORMAT = "plot-format"
# Of plots that are saved: a PNG for print, or an SVG in the width of a column, in which type keeps its size.
PLOT_FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {"scale": 3},
    "SVG": {"format": "svg", "width": 340, "height": 260},
}
_DRAWN = Recent[str](most=40)


def _is_dark() -> bool:
    return st.context.theme.type == "dark"


def _themed(plot: go.Figure, dark: bool, scales: Scales = (ON_LIGHT, ON_DARK)) -> str:
    """Return the plot's JSON with the colors of the theme; the component sets the rest."""
    plot.update_layout(font_color="#e8edf3" if dark else "#1b2430", template={})  # assets/app.css names them, too
    plot.update_coloraxes(colorscale=scales[dark])
    text: str = to_json(plot, validate=False)
    return text


def _show(plot: str, key: str, alt: str, clicked: Callable[[Point], None] | None = None) -> None:
    config = {
        "displaylogo": False,
        "showSendToCloud": False,  # by default Plotly offers to upload the plot
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        "toImageButtonOptions": {"filename": key, **PLOT_FORMATS[st.session_state.get(PLOT_FORMAT, "PNG")]},
    }
    show_plot(plot, key, alt, config, clicked)


def fits_matrix(size: int, what: str) -> bool:
    """Return whether a square matrix with so many rows can be computed and drawn; show a message if not."""
    fits = size <= LARGEST_MATRIX
    if not fits:
        st.caption(f"Available for up to {LARGEST_MATRIX:,} {what}, but there are {size:,}.")
    elif size > MOST_CELLS:
        st.caption(f"Each cell represents {block_side(size)} rows and {block_side(size)} columns.")
    return fits


def from_url(key: str, options: Sequence[str], default: Sequence[str]) -> None:
    """Initialize the widget with this key from the page's address, or with the default.

    Streamlit's own binding writes labels into the address; this uses names and ids, which do not change.
    """
    if key not in st.session_state:
        named = [value for value in st.query_params.get_all(key) if value in options]
        st.session_state[key] = named or list(default)
    else:  # set it again: a browser that missed the page which set it would see an empty widget
        st.session_state[key] = st.session_state[key]


def one_from_url(key: str, options: Sequence[str], default: str) -> None:
    """Initialize a widget with one value, as `from_url`; a value that is no longer an option becomes the default."""
    if st.session_state.get(key) not in options:
        named = st.query_params.get(key)
        st.session_state[key] = named if named in options else default


def bound_number(key: str) -> dict[str, Any]:
    """Return the arguments that bind a number field to the page's address.

    An infinite number in the address is dropped, because Streamlit cannot convert it for a field of whole numbers; it
    drops numbers out of range, and what is no number, itself.
    """
    try:
        is_finite = math.isfinite(float(st.query_params.get(key, "0")))
    except ValueError:
        is_finite = True
    if not is_finite:
        del st.query_params[key]
    return {"key": key, "bind": "query-params" if is_finite else None}


def chosen(value: T | None) -> T:
    """Return the value of a required widget, whose type allows None only because its session state could be empty."""
    assert value is not None
    return value


def to_url(key: str, value: str | Sequence[str]) -> None:
    """Write a widget's value to the page's address, so that it survives a reload and can be shared."""
    wanted = [value] if isinstance(value, str) else list(value)
    if st.query_params.get_all(key) != wanted:
        st.query_params[key] = wanted


def rename_in_url(renamed: Mapping[str, str]) -> None:
    """Rename parameters of older addresses to their current names."""
    for old, new in renamed.items():
        if old in st.query_params and new not in st.query_params:
            st.query_params[new] = st.query_params.get_all(old)
        if old in st.query_params:
            del st.query_params[old]


def show_runs(ids: Sequence[str]) -> None:
    """Open the Runs page with these runs chosen, from there as well."""
    st.session_state[CHOSEN_RUNS] = list(ids)
    st.switch_page(RUNS_PAGE, query_params={CHOSEN_RUNS: list(ids)})


def submit(configs: Sequence[RunConfig], tree: LabelTree) -> None:
    """Queue the runs and open the Runs page."""
    show_runs(actions().launch(configs, tree))


def likely_data(tree: LabelTree) -> str | None:
    """Return the data set that shares the most classes with the leaves, if it is more than half of either."""
    leaves = set(tree.leaves)
    shared = {
        name: len(leaves & set(entry.class_names)) / max(len(leaves), len(entry.class_names))
        for name, entry in catalogue().items()
    }
    best = max(shared, key=shared.__getitem__)
    return best if shared[best] > 0.5 else None


def draw(tree: LabelTree, title: str, data: str | None) -> None:
    """Create a draft of a tree and open it in the studio."""
    st.switch_page("pages/studio/page.py", query_params={"draft": actions().begin_draft(tree, title, data).id})


def trees_for(data: str) -> dict[str, str]:
    """Return names and titles of the trees over a data set's classes, its default first."""
    entry = find(data)
    found = {tree.name: tree.title for tree in tree_library.entries(data)}
    # The default of a user's own data set may be a file, the tree that was proposed for it, or a tree of no data set.
    title = f"{entry.title}, proposed" if entry.own else entry.default_tree
    if (own := tree_library.own(entry.default_tree)) is not None:
        title = own.title
    return {entry.default_tree: found.pop(entry.default_tree, title), **found}


def data_title(name: str) -> str:
    """Return a data set's title, or its name if it was deleted."""
    entry = catalogue().get(name)
    return name if entry is None else entry.title


def the_tree(name: str) -> LabelTree:
    """Return a tree by its name; trees that ship are read once."""
    return shipped_tree(name) if (shipped_trees() / f"{name}.json").is_file() else tree_library.load(name)


def tree_download(tree: LabelTree, name: str, key: str) -> None:
    """Offer the tree for download in a chosen format; the matrix of a large tree is written only on request."""
    formats = {**{each: fmt.label for each, fmt in tree_formats.FORMATS.items()}, "svg": "a drawing, SVG"}
    chosen = st.radio("Format", list(formats), format_func=formats.__getitem__, index=None, key=key)
    if chosen == "svg":
        st.download_button("Download", tree_svg.render(tree), f"{name}.svg", "image/svg+xml", on_click="ignore")
    elif chosen:
        with show_errors():  # a tree may be too large for a format
            text = tree_formats.render(tree, chosen)
            file = f"{name}{tree_formats.FORMATS[chosen].suffix}"
            st.download_button("Download", text, file, on_click="ignore")


def glossary() -> None:
    """Show a button with the glossary."""
    with st.popover("Glossary", icon=":material/dictionary:"):
        text = (app_folder() / "docs" / "glossary.md").read_text(encoding="utf-8")
        st.markdown(text[text.index("| term") :])


def facts(values: dict[str, Any]) -> None:
    """Show a row of numbers with their names."""
    for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
        column.metric(label, f"{value:,}" if isinstance(value, int) else value)
