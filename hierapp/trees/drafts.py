"""Drafts: trees that are being edited, with all that undo and redo can bring back, kept on disk at every step.

A draft is a file of lines in HIERAPP_HOME/drafts: first what it is, then each state or step through the states. Lines
are only ever added, so that a crash loses nothing that was shown.
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
    """A tree in the making.

    Attributes:
        id: names its file, and the draft in an address.
        title: what it was made from.
        data: the data set whose classes its leaves are to be, if any.
        states: every tree it has been, oldest first; what was undone stands behind `at`.
        at: the present one.
        done: the number of the last edit that was asked for, so that none is done twice.
        refused: the numbers of those that could not be done, of the last that were asked for together.
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
        """A new draft of a tree, kept.

        Raises:
            StoreError: if it cannot be written.
        """
        draft = cls(secrets.token_hex(6), title, data, [tree])
        draft._write({"title": title, "data": data})
        draft._write({"tree": _as_lists(tree), "done": 0})
        return draft

    @classmethod
    def load(cls, draft_id: str) -> Draft:
        """The draft as it was left.

        Raises:
            TreeError: if there is none of this id, or its file is broken from the start.
        """
        missing = TreeError(f"There is no draft {draft_id!r} on this machine; start from a tree.")
        if not re.fullmatch(r"[0-9a-f]{12}", draft_id):
            raise missing
        try:
            # By "\n" alone: a name may hold other line breaks.
            lines = [line for line in _file(draft_id).read_text(encoding="utf-8").split("\n") if line]
            about = json.loads(lines[0])
            draft = cls(draft_id, str(about["title"]), about["data"])
        except (OSError, ValueError, LookupError, TypeError):
            raise missing from None
        for line in lines[1:]:
            try:
                draft._follow(json.loads(line))
            except (ValueError, LookupError, TypeError):
                continue  # a line that a crash or a full disk cut short: it was never shown
        if not draft.states:
            raise missing
        return draft

    @property
    def tree(self) -> LabelTree:
        """The present state."""
        return self.states[self.at]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self.at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a state was undone."""
        return self.at < len(self.states) - 1

    def ask(self, edits: Sequence[Mapping[str, Any]]) -> str:
        """Do the edits that were not done yet, in order; each has an `id`, an `op`, and the operation's arguments.

        What cannot be done is left out and counts as done.

        Returns:
            The complaint of the last that could not be done; empty if all could.

        Raises:
            StoreError: if the draft cannot be written; what was not written is not done.
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
        """One edit, or "undo" or "redo".

        Raises:
            TreeError: if it cannot be done.
            StoreError: if it cannot be written; then it is not done.
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
                # The line break comes first, so that it ends what a crash or a full disk cut short.
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
