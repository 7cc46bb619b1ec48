"""Texts that users or files provide, shown verbatim: Streamlit reads messages, captions and labels as Markdown.

Options of select boxes, text fields, tables, `st.text` and `st.code` are shown as they are; all others need `escaped`.
"""

from __future__ import annotations

import re

import streamlit as st

from hierapp.errors import HierappError

# What has a meaning anywhere: emphasis, links, code, tags, entities, formulas, tables, names of colors and emoji.
_ANYWHERE = re.compile(r"[\\`*_\[\]{}<~$&|]|:(?=\w)")
# At the beginning of a line: headings, quotations, lists.
_BEGINNING = re.compile(r"(?m)^([ \t]*\d*)([#>+\-=.)])")
# Commands in messages of ours, which are code already.
_COMMANDS = r"`(?:(?:python -m )?hierapp|pip install|tensorboard|ray) [^`\n]+`"
# Streamlit replaces these in any text, however its letters are escaped; in code it does not.
_REPLACED = re.compile(rf"{_COMMANDS}|(?i:(?:https?://|www\.|:material/)[^\s`]*|:[a-z_+][\w+-]*:)")


def escaped(text: str) -> str:
    r"""Escape text so that Markdown shows it verbatim; web addresses, icons and emoji become code.

    Commands that messages name, between backticks, stay code.

    >>> escaped("a *b* ![c](d)")
    'a \\*b\\* !\\[c\\](d)'
    >>> escaped("see http://x.edu")
    'see `http://x.edu`'
    >>> escaped("run `hierapp tree drafts`, not `*b*`")
    'run `hierapp tree drafts`, not \\`\\*b\\*\\`'
    """
    parts, at = [], 0
    for found in _REPLACED.finditer(text):
        parts += [_words(text[at : found.start()]), f"`{found[0].strip('`')}`"]
        at = found.end()
    return "".join([*parts, _words(text[at:])])


def _words(text: str) -> str:
    return _BEGINNING.sub(r"\1\\\2", _ANYWHERE.sub(r"\\\g<0>", text))


def show_error(error: HierappError | str, icon: str = ":material/error:") -> None:
    """Show an error in its own words."""
    st.error(escaped(str(error)), icon=icon)


def show_warning(text: str, icon: str = ":material/warning:") -> None:
    """Show a warning in its own words."""
    st.warning(escaped(text), icon=icon)
