"""The tree editor: a Streamlit component that draws a draft and requests edits. Python applies the edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from hierapp.errors import HierappError
from hierapp.plots.core import branch_colors
from hierapp.trees.drafts import REBASED, Draft

_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "hierapp.tree_editor",
    html=(_FOLDER / "editor.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "editor.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "editor.js").read_text(encoding="utf-8"),
)


Ask = Callable[[Sequence[Mapping[str, Any]]], str]


def tree_editor(draft: Draft, ask: Ask, classes: Sequence[str] | None = None, key: str = "tree-editor") -> None:
    """Show the editor of a draft; edits are applied to the draft before the script reruns.

    Args:
        draft: the draft to edit.
        ask: a function that applies the edits and returns a message about the result.
        classes: the expected class names of the leaves; missing ones are offered, unknown ones are marked.
        key: the widget's key.
    """
    told = f"{key}-message"

    def done() -> None:
        try:
            st.session_state[told] = ask(st.session_state[key].get("edits") or [])
        except HierappError as error:
            st.session_state[told] = str(error)

    _component(key=key, data=contents(draft, classes, st.session_state.get(told, "")), on_edits_change=done)


def contents(draft: Draft, classes: Sequence[str] | None, message: str = "") -> dict[str, Any]:
    """Return the data that the component draws."""
    tree = draft.tree
    leaves, wanted = set(tree.leaves), set(classes or tree.leaves)
    return {
        "draft": draft.id,
        "done": draft.done,
        "names": list(tree.nodes),
        "parents": tree.parents.tolist(),
        "colors": branch_colors(tree),
        "missing": [name for name in classes or () if name not in leaves],
        "unknown": [name for name in tree.leaves if name not in wanted],
        "undo": draft.can_undo,
        "redo": draft.can_redo,
        "refused": draft.refused,
        "message": message,
        "failed": message not in ("", REBASED),
    }
