"""Read a tree that a user gives: ask where it can be read in several ways, or where nodes have one name."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from hierapp.errors import AmbiguousTreeError, DuplicateNamesError, HierappError
from hierapp.trees import LabelTree
from pages.shared import common


def read(parse: Callable[[str | None, bool], LabelTree], key: str) -> LabelTree | None:
    """Return the tree, or None after an error is shown, or a question with the ways to answer it.

    Args:
        parse: reads the tree, given `read_as` and `disambiguate` as for `LabelTree.load`.
        key: prefix of the keys of the questions.
    """
    read_as: str | None = None
    disambiguate = False
    for _ in range(3):  # each question is asked once
        try:
            return parse(read_as, disambiguate)
        except AmbiguousTreeError as error:
            if read_as is not None:
                common.show_error(error)
                return None
            st.warning("This can be read in several ways; choose one.", icon=":material/help:")
            labels = {name: f"{name}: {label}" for name, label in error.readings.items()}
            read_as = st.selectbox("Read it as", labels, index=None, format_func=labels.__getitem__, key=f"{key}-as")
            if read_as is None:
                return None
        except DuplicateNamesError as error:
            common.show_error(error)
            offered = [name for names in error.offered.values() for name in names]
            if disambiguate or not offered:
                return None
            disambiguate = st.checkbox(
                "Add the parents to their names",
                key=f"{key}-disambiguate",
                help=common.escaped(", ".join(offered[:20])),
            )
            if not disambiguate:
                return None
        except HierappError as error:
            common.show_error(error)
            return None
    return None
