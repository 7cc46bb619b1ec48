"""The senses of a data set's classes in WordNet: shown, and changed by selects; the dictionary, if it is not there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from hierapp.data import tree_proposals, wordnet_files
from hierapp.errors import HierappError
from hierapp.trees.wordnet_tree import WordNetProposal
from pages.shared import common


def senses(classes: Sequence[str]) -> dict[str, str] | None:
    """Show the sense of each class and a select for those of one; return the changed senses.

    None if the dictionary is not on this machine, or has too few of the classes.
    """
    if wordnet_files.folder() is None:
        _get()
        return None
    key = f"senses-{hash(tuple(classes))}"
    changed: dict[str, str] = st.session_state.setdefault(key, {})
    try:
        found = _proposal(tuple(classes), tuple(sorted(changed.items())))
        several = [name for name in classes if len(found.choices[name]) > 1]
        rows = [
            (name, sense.name, sense.synset.gloss) if sense else (name, "not in WordNet", "below the root")
            for name, sense in found.senses.items()
        ]
        st.dataframe(
            pd.DataFrame(rows, columns=["class", "sense", "meaning"]),
            hide_index=True,
            height=min(300, 40 + 35 * len(rows)),
            alt="The sense of each class in WordNet",
        )
        if several:
            _choose(found, several, changed)
    except HierappError as error:
        common.show_error(error)
        return None
    return changed


def _choose(found: WordNetProposal, several: Sequence[str], changed: dict[str, str]) -> None:
    left, right = st.columns([1, 3])
    name = left.selectbox("Class", several, key="sense-class")
    options = {sense.name: sense.synset.gloss for sense in found.choices[name]}
    now = found.senses[name]
    names = list(options)
    picked = right.selectbox(
        "Its sense",
        names,
        index=names.index(now.name) if now is not None and now.name in options else 0,
        format_func=lambda each: f"{each}: {options[each][:100]}",
        key=f"sense-of-{name}",
    )
    if now is not None and picked != now.name:
        changed[name] = picked
        st.rerun()


def _get() -> None:
    st.caption(
        "The WordNet dictionary is not on this machine. It is downloaded by apt (6 MB), and nothing is installed."
    )
    if st.button("Get WordNet", icon=":material/download:", disabled=not common.actions().may_run):
        with common.show_errors(), st.spinner("Downloading"):
            common.actions().get_wordnet()
            st.rerun()


@st.cache_data(max_entries=20, show_spinner="Looking the classes up…")
def _proposal(classes: tuple[str, ...], chosen: tuple[tuple[str, str], ...]) -> WordNetProposal:
    return tree_proposals.with_senses(classes, dict(chosen))
