"""What the pages share: the store, the look of plots, and the way to the runs."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import plotly.graph_objects as go
import streamlit as st
from streamlit.navigation.page import Page

from hierapp.access import Actions
from hierapp.data.registry import catalogue, find
from hierapp.errors import HierappError
from hierapp.paths import home, project_folder, shipped_trees
from hierapp.plots import tree_svg
from hierapp.plots.core import ON_DARK, ON_LIGHT, run_colors
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library
from hierapp.utils.disk import FULL_BYTES, disk_of, in_words
from pages.shared.auth import person

T = TypeVar("T")


def show(page: Page) -> None:
    """Run the page that was chosen; what the user can mend is told in a sentence."""
    with show_errors():
        disk_notice()
        page.run()


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a HierappError as its sentence."""
    try:
        yield
    except HierappError as error:
        st.error(str(error), icon=":material/error:")


def disk_notice() -> None:
    """Say so when the disk with the runs is nearly full."""
    disk = disk_of(home())
    if disk is None or disk.room == "enough":
        return
    if disk.room == "full":
        st.error(
            "The disk with the runs is full: runs wait until there is room; delete what you do not need from the disk"
            f" of {escaped(str(disk.folder))}, or set HIERAPP_HOME to a folder on another one.",
            icon=":material/hard_drive:",
        )
    else:
        st.warning(
            f"The disk with the runs has {in_words(disk.free)} left: with less than {in_words(FULL_BYTES)} runs wait.",
            icon=":material/hard_drive:",
        )


def repeated(part: Callable[..., None], seconds: float | None) -> Callable[..., None]:
    """A part of a page that runs again by itself, every so many seconds or only when one of its widgets changes."""

    def run(*arguments: Any) -> None:
        with show_errors():
            person()  # these do not come by app.py
            part(*arguments)

    # Streamlit tells fragments apart by their names.
    return st.fragment(functools.update_wrapper(run, part), run_every=seconds)


RUNS_PAGE = "pages/runs/page.py"


def store() -> Store:
    """The store of HIERAPP_HOME, one for all sessions."""
    return _store(home())


@st.cache_resource
def _store(folder: Path) -> Store:
    return Store(folder)


def actions() -> Actions:
    """What whoever asks may change, and the only way to change it; not to be kept, for rights may go."""
    return Actions(store(), person())


@st.cache_data(max_entries=50)
def shipped_tree(name: str) -> LabelTree:
    """A tree that ships, read once."""
    return tree_library.load(name)


def colors_of(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, str]:
    """A colour for each run's name; see `run_colors`."""
    return run_colors(runs, names)


def chart(plot: go.Figure, key: str, alt: str) -> None:
    """Show a plot across its container; `alt` says in words what it shows."""
    dark = st.context.theme.type == "dark"
    plot.update_layout(font_color="#e8edf3" if dark else "#1b2430")
    plot.update_coloraxes(colorscale=ON_DARK if dark else ON_LIGHT)
    config = {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        "toImageButtonOptions": {"filename": key, "scale": 3},  # a PNG for print
    }
    st.plotly_chart(plot, key=key, alt=alt, config=config)


def from_url(key: str, options: Sequence[str], default: Sequence[str]) -> None:
    """Begin a widget of this key with what the page's address names, or with the default.

    Streamlit's own binding writes labels into the address; these are names and ids, which stay the same.
    """
    if key not in st.session_state:
        named = [value for value in st.query_params.get_all(key) if value in options]
        st.session_state[key] = named or list(default)
    else:  # once more: a browser that missed the page which set it would take the widget for empty
        st.session_state[key] = st.session_state[key]


def one_from_url(key: str, options: Sequence[str], default: str) -> None:
    """The same for a widget with one value; one that is no option any more gives way to the default."""
    if st.session_state.get(key) not in options:
        named = st.query_params.get(key)
        st.session_state[key] = named if named in options else default


def chosen(value: T | None) -> T:
    """The value of a required widget, whose type allows None only because its session state could be empty."""
    assert value is not None
    return value


def to_url(key: str, value: str | Sequence[str]) -> None:
    """Write a widget's value into the page's address, so that it can be reloaded and shared."""
    wanted = [value] if isinstance(value, str) else list(value)
    if st.query_params.get_all(key) != wanted:
        st.query_params[key] = wanted


def rename_in_url(renamed: Mapping[str, str]) -> None:
    """Take parameters of older addresses under the names that they have now."""
    for old, new in renamed.items():
        if old in st.query_params and new not in st.query_params:
            st.query_params[new] = st.query_params.get_all(old)
        if old in st.query_params:
            del st.query_params[old]


def show_runs(ids: Sequence[str]) -> None:
    """Go to the Runs page with these runs chosen."""
    st.switch_page(RUNS_PAGE, query_params={"runs": list(ids)})


def submit(configs: Sequence[RunConfig], tree: LabelTree) -> None:
    """Queue the runs and go and watch them."""
    show_runs(actions().launch(configs, tree))


def likely_data(tree: LabelTree) -> str | None:
    """The data set with the most classes among the leaves, if any."""
    shared = {name: len(set(tree.leaves) & set(entry.class_names)) for name, entry in catalogue().items()}
    best = max(shared, key=shared.__getitem__)
    return best if shared[best] else None


def draw(tree: LabelTree, title: str, data: str | None) -> None:
    """Start a draft of a tree and open it in the studio."""
    st.switch_page("pages/studio/page.py", query_params={"draft": actions().begin_draft(tree, title, data).id})


def trees_for(data: str) -> dict[str, str]:
    """Names and titles of the trees over a data set's classes, its own default first."""
    entry = find(data)
    found = {tree.name: tree.title for tree in tree_library.entries(data)}
    # The default of a user's own set may be a file: the tree that was proposed for it.
    title = f"{entry.title}, proposed" if entry.own else entry.default_tree
    return {entry.default_tree: found.pop(entry.default_tree, title), **found}


def escaped(text: str) -> str:
    """Text as Markdown that shows letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", text)


def data_title(name: str) -> str:
    """A data set's title; the name of one that was deleted since."""
    entry = catalogue().get(name)
    return name if entry is None else entry.title


def the_tree(name: str) -> LabelTree:
    """A tree by its name; those that ship are read once."""
    return shipped_tree(name) if (shipped_trees() / f"{name}.json").is_file() else tree_library.load(name)


def tree_download(tree: LabelTree, name: str, key: str) -> None:
    """Take a tree away in a format of one's choice; a matrix of a large tree is not written before it is asked for."""
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
    """The terms that a reader may not know, behind a button; nothing where docs/ is not installed."""
    file = project_folder() / "docs/glossary.md"
    if file.is_file():
        with st.popover("Glossary", icon=":material/dictionary:"):
            text = file.read_text(encoding="utf-8")
            st.markdown(text[text.index("| term") :])


def facts(values: dict[str, Any]) -> None:
    """A row of numbers with their names."""
    for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
        column.metric(label, value)
