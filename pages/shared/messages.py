"""Texts that users or files provide, shown verbatim: Streamlit reads messages, captions and labels as Markdown.

Options of select boxes, text fields, tables, `st.text` and `st.code` are shown as they are; all others need `escaped`.
"""

from __future__ import annotations

import re

import streamlit as st

from hierapp.errors import HierappError

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=])")
# Streamlit replaces these in any text, however its letters are escaped; in code it does not.
_REPLACED = re.compile(r"(?i)(?:https?://|www\.|:material/)[^\s`]*")


def escaped(text: str) -> str:
    r"""Escape text so that Markdown shows it verbatim; web addresses and names of icons become code.

    >>> escaped("a *b* ![c](d)")
    'a \\*b\\* \\!\\[c\\]\\(d\\)'
    >>> escaped("see http://x.edu")
    'see `http://x.edu`'
    """
    parts, at = [], 0
    for found in _REPLACED.finditer(text):
        parts += [_SPECIAL.sub(r"\\\1", text[at : found.start()]), f"`{found[0]}`"]
        at = found.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", text[at:])])


def show_error(error: HierappError | str, icon: str = ":material/error:") -> None:
    """Show an error in its own words."""
    st.error(escaped(str(error)), icon=icon)


def show_warning(text: str, icon: str = ":material/warning:") -> None:
    """Show a warning in its own words."""
    st.warning(escaped(text), icon=icon)
