"""The fields of the Search form that say what varies: a range with its scale, or a choice of values."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hierapp.data import registry as datasets
from hierapp.search import space
from hierapp.search.space import Allowed
from hierapp.similarities import library as similarity_library
from hierapp.training import models
from pages.shared import common

BEGIN_WITH = ("learning_rate", "optimizer")  # plus the numeric options of the losses
MOST_OPTIONS = 2
LINEAR, LOG, VALUES = SCALES = ("linear", "logarithmic", "values")
SCALE = (
    "Numbers between two bounds, with equal steps (linear) or equal factors (logarithmic) equally likely; or a list of"
    " values."
)


def show(chosen: Sequence[str], data: str) -> tuple[str, ...]:
    """Show what varies, with the fields of each parameter, and return it as words for `space.parse`."""
    st.header("Parameters to vary")
    known = space.variable(chosen) if chosen else []
    numbers = [name for name in known if "." in name and ".." in space.usual_range(name)]
    usual = [*BEGIN_WITH, *numbers[:MOST_OPTIONS]]
    if "varied" in st.session_state:  # drop options of losses that are no longer chosen
        st.session_state["varied"] = [name for name in st.session_state["varied"] if name in known]
    common.from_url("varied", known, usual)
    names = st.multiselect(
        "Parameters to vary",
        known,
        format_func=title_of,
        key="varied",
        label_visibility="collapsed",
        placeholder="Choose parameters",
    )
    common.to_url("varied", names)
    return tuple(f"{name}={_range(name, data)}" for name in names)


def title_of(name: str) -> str:
    """Return the title of a parameter."""
    title = name.replace("_", " ").replace(".", ": ")
    return title[0].upper() + title[1:]


def _range(name: str, data: str) -> str:
    """Show the fields of one parameter in a row; return its range as text."""
    allowed, title, usual = space.allowed(name), title_of(name), space.usual(name)
    if not allowed.numeric:
        return _values(st.container(), title, name, _offered(name, allowed, data), allowed.is_open)
    first, rest = st.columns([1, 2], vertical_alignment="bottom")
    begins = VALUES if usual.choices else LOG if usual.log else LINEAR
    scale = first.selectbox(title, SCALES, SCALES.index(begins), key=f"scale-{name}", help=SCALE)
    if scale == VALUES:
        return _values(rest, f"{title}: values", name, _texts(name), is_open=True)
    low, high = sorted(usual.choices)[:: len(usual.choices) - 1] if usual.choices else (usual.low, usual.high)
    left, right = rest.columns(2)
    bounds = [
        _bound(left, f"{title}: from", f"low-{name}", low, allowed),
        _bound(right, f"{title}: to", f"high-{name}", high, allowed),
    ]
    return "..".join(bounds) + (":log" if scale == LOG else "")


def _bound(where: DeltaGenerator, label: str, key: str, usual: object, allowed: Allowed) -> str:
    kind = int if allowed.whole else float
    low, high = (None if limit is None else kind(limit) for limit in (allowed.low, allowed.high))
    text = "%d" if allowed.whole else "%.6g"
    value = where.number_input(label, low, high, kind(str(usual)), format=text, key=key)
    return f"{value:.12g}"


def _values(where: DeltaGenerator, label: str, name: str, offered: Sequence[str], is_open: bool) -> str:
    usual = [value for value in _texts(name) if value in offered or is_open]
    chosen = where.multiselect(
        label,
        list(dict.fromkeys([*usual, *offered])),
        usual,
        key=f"values-{name}",
        accept_new_options=is_open,
        placeholder="Choose or type values" if is_open else "Choose values",
    )
    return ",".join(chosen)


def _texts(name: str) -> list[str]:
    """Return the values of the usual range as text: its choices, or its two bounds."""
    return space.usual(name).word.partition("=")[2].replace("..", ",").replace(":log", "").split(",")


def _offered(name: str, allowed: Allowed, data: str) -> list[str]:
    if name == "model":
        return list(models.of_kind(datasets.find(data).kind))
    more = [entry.name for entry in similarity_library.entries(data)] if allowed.is_open else []
    return list(dict.fromkeys([*allowed.values, *more]))
