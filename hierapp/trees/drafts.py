"""Drafts: trees that are being edited, with their undo history, saved on disk at every step.

A draft is a file of lines in HIERAPP_HOME/drafts: first a description, then one line per state or undo step. Lines are
only appended, so that a crash loses nothing that the user has seen.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.errors import StoreError, TreeError
from hierapp.trees import edits as tree_edits
from hierapp.trees.tree import LabelTree


@dataclass
class Draft:
    """A tree that is being edited.

    Attributes:
        id: names the file, and the draft in a URL.
        title: the origin of the draft.
        data: the data set whose classes are the leaves, if any.
        states: all states of the tree, oldest first; undone states come after `at`.
        at: position of the current state.
        done: number of the last requested edit, so that no edit is applied twice.
        refused: numbers of the edits that failed in the last request.
    """

    id: str
    title: str
    data: str | None
    states: list[LabelTree] = field(default_factory=list)
    at: int = 0
    done: int = 0
    refused: list[int] = field(default_factory=list)

    @classmethod
    def begin(cls, tree: LabelTree, title: str, data: str | None = None) -> Draft:
        """Create and save a draft of a tree.

        Raises:
            StoreError: if it cannot be written.
        """
        draft = cls(secrets.token_hex(6), title, data, [tree])
        draft._write({"title": title, "data": data})
        draft._write({"tree": _as_lists(tree), "done": 0})
        return draft

    @classmethod
    def load(cls, draft_id: str) -> Draft:
        """Load a draft.

        Raises:
            TreeError: if there is no draft with this id, or the beginning of its file is damaged.
        """
        missing = TreeError(f"There is no draft {draft_id!r} on this machine; start from a tree.")
        if not re.fullmatch(r"[0-9a-f]{12}", draft_id):
            raise missing
        try:
            # Split at "\n" only: names may contain other line breaks.
            lines = [line for line in _file(draft_id).read_text(encoding="utf-8").split("\n") if line]
            about = json.loads(lines[0])
            draft = cls(draft_id, str(about["title"]), about["data"])
        except (OSError, ValueError, LookupError, TypeError):
            raise missing from None
        for line in lines[1:]:
            try:
                draft._follow(json.loads(line))
            except (ValueError, LookupError, TypeError):
                continue  # a line cut short by a crash or a full disk: the user has never seen this state
        if not draft.states:
            raise missing
        return draft

    @property
    def tree(self) -> LabelTree:
        """The current state."""
        return self.states[self.at]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self.at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone state."""
        return self.at < len(self.states) - 1

    def ask(self, edits: Sequence[Mapping[str, Any]]) -> str:
        """Apply the edits that have not been applied yet, in order.

        An edit that fails is skipped and counts as done.

        Args:
            edits: mappings with an `id`, an `op` and the operation's arguments.

        Returns:
            The message of the last edit if it failed, otherwise an empty string.

        Raises:
            StoreError: if the draft cannot be written; an edit that is not written is not applied.
        """
        complaint, self.refused = "", []
        for edit in edits:
            number = edit.get("id")
            if not isinstance(number, int) or number <= self.done:
                continue
            try:
                self.do(str(edit.get("op")), {k: v for k, v in edit.items() if k not in ("id", "op")}, number)
                complaint = ""
            except TreeError as error:
                complaint = str(error)
                self.refused.append(number)
                self.done = number
        return complaint

    def do(self, operation: str, arguments: Mapping[str, Any], number: int | None = None) -> None:
        """Apply one edit, "undo" or "redo".

        Raises:
            TreeError: if the edit is not possible.
            StoreError: if it cannot be written; the edit is then not applied.
        """
        done = self.done if number is None else number
        if operation in ("undo", "redo"):
            at = self.at + (-1 if operation == "undo" else 1)
            if 0 <= at < len(self.states):
                self._write({"at": at, "done": done})
                self.at = at
            self.done = done
            return
        tree = tree_edits.apply(self.tree, operation, arguments)
        if tree != self.tree:
            self._write({"tree": _as_lists(tree), "done": done})
            self._add(tree)
        self.done = done

    def _add(self, tree: LabelTree) -> None:
        self.states[self.at + 1 :] = [tree]
        self.at = len(self.states) - 1

    def _follow(self, line: Mapping[str, Any]) -> None:
        if "tree" in line:
            self._add(LabelTree(line["tree"]["names"], line["tree"]["parents"]))
        elif not 0 <= line["at"] < len(self.states):
            raise LookupError(line["at"])
        else:
            self.at = line["at"]
        self.done = int(line["done"])

    def _write(self, line: Mapping[str, Any]) -> None:
        file = _file(self.id)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8", newline="\n") as out:
                # The line break comes first, to end a line cut short by a crash or a full disk.
                out.write("\n" + json.dumps(line, ensure_ascii=False))
        except OSError as error:
            raise StoreError(
                f"The draft cannot be kept in {file.parent} ({error.strerror}); make room or set HIERAPP_HOME to a"
                " folder that can be written."
            ) from None


def _as_lists(tree: LabelTree) -> dict[str, list[Any]]:
    return {"names": list(tree.nodes), "parents": tree.parents.tolist()}


def _file(draft_id: str) -> Path:
    return paths.home() / "drafts" / f"{draft_id}.jsonl"
