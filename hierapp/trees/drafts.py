"""Drafts: trees that are being edited, with their undo history, saved on disk at every step.

A draft is a file of lines in HIERAPP_HOME/drafts: first a description, then one line per state or undo step. Lines are
only appended, so that a crash loses nothing that the user has seen; several sessions may append, one at a time.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.errors import StoreError, TreeError
from hierapp.trees import edits as tree_edits
from hierapp.trees.tree import LabelTree
from hierapp.utils import files, locks, private
from hierapp.utils.reading import open_file

REBASED = "This draft was also changed elsewhere; your edit was made on its newest state."
_UNSEEN = "This draft was also changed elsewhere, so nothing was {}; check its current state and try again."


@dataclass
class Draft:
    """A tree that is being edited, possibly by several sessions at once.

    Every edit is made on the newest state on disk, so that it undoes no edit of another session.

    Attributes:
        id: names the file, and the draft in a URL.
        title: the origin of the draft.
        data: the data set whose classes are the leaves, if any.
        states: all states of the tree, oldest first; undone states come after `at`.
        at: position of the current state.
        done: number of the last requested edit of each editor, so that no edit is applied twice.
        refused: numbers of the edits that failed in the last request.
        rebased: whether another session had changed the draft before the last request.
    """

    id: str
    title: str
    data: str | None
    states: list[LabelTree] = field(default_factory=list)
    at: int = 0
    done: dict[str, int] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    rebased: bool = False
    # The first lines of the file that was followed, which differ between files, and how many bytes of it.
    _head: bytes = b""
    _read: int = 0

    @classmethod
    def begin(cls, tree: LabelTree, title: str, data: str | None = None) -> Draft:
        """Create and save a draft of a tree.

        Raises:
            StoreError: if it cannot be written.
        """
        draft = cls(secrets.token_hex(6), title, data, [tree])
        draft._write_all()
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
        draft = cls(draft_id, "", None)
        try:
            draft._follow_file()
        except OSError:
            raise missing from None
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

    def refresh(self) -> bool:
        """Follow what other sessions wrote; return whether they changed the draft."""
        try:
            return self._follow_file()
        except OSError:
            return False  # the file was removed; the next edit writes it anew

    def ask(self, edits: Sequence[Mapping[str, Any]]) -> str:
        """Apply the edits that have not been applied yet, in order, to the newest state.

        An edit that fails is skipped and counts as done. If other sessions changed the draft since it was last
        followed, nothing is undone or redone, because the user has not seen what that would be.

        Args:
            edits: mappings with an `id`, an `op` and the operation's arguments, and `editor`, which names the editor
                whose numbers the ids are.

        Returns:
            The messages of all edits that failed; `REBASED` if none did but another session had changed the draft;
            otherwise an empty string.

        Raises:
            StoreError: if the draft cannot be written; an edit that is not written is not applied.
        """
        complaints: list[str] = []
        with self._newest() as self.rebased:
            self.refused = []
            for edit in edits:
                number, editor = edit.get("id"), str(edit.get("editor", ""))[:_LONGEST_EDITOR]
                if not isinstance(number, int) or number <= self.done.get(editor, 0):
                    continue
                try:
                    arguments = {key: value for key, value in edit.items() if key not in ("id", "op", "editor")}
                    self._do(str(edit.get("op")), arguments, {"done": number, "editor": editor})
                except TreeError as error:
                    complaints.append(str(error))
                    self.refused.append(number)
                self.done[editor] = number
        return " ".join(complaints) or (REBASED if self.rebased else "")

    def do(self, operation: str, arguments: Mapping[str, Any]) -> None:
        """Apply one edit, "undo" or "redo", to the newest state.

        Raises:
            TreeError: if the edit is not possible.
            StoreError: if it cannot be written; the edit is then not applied.
        """
        with self._newest() as self.rebased:
            self._do(operation, arguments, {"done": self.done.get("", 0)})

    def _do(self, operation: str, arguments: Mapping[str, Any], done: Mapping[str, Any]) -> None:
        if operation in ("undo", "redo"):
            if self.rebased:
                raise TreeError(_UNSEEN.format("undone" if operation == "undo" else "redone"))
            at = self.at + (-1 if operation == "undo" else 1)
            if 0 <= at < len(self.states):
                self._write({"at": at, **done})
                self.at = at
            return
        tree = tree_edits.apply(self.tree, operation, arguments)
        if tree != self.tree:
            self._write({"tree": _as_lists(tree), **done})
            self._add(tree)

    def _add(self, tree: LabelTree) -> None:
        self.states[self.at + 1 :] = [tree]
        self.at = len(self.states) - 1

    @contextmanager
    def _newest(self) -> Iterator[bool]:
        """Context manager: hold the draft's lock and yield whether other sessions had changed it."""
        file = _file(self.id)
        try:
            if not file.exists():  # removed meanwhile: what this session has is all that is left
                self._write_all()
            with locks.holding(file):
                yield self._follow_file()
        except OSError as error:
            raise unwritable(file, error) from None

    def _follow_file(self) -> bool:
        """Follow the lines of the file that are new; return whether any changed the draft."""
        with open_file(_file(self.id)) as opened:
            head, size = opened.readline() + opened.readline(), os.fstat(opened.fileno()).st_size
            if self._head and (self._head != head or self._read > size):
                return self._follow_other_file()
            self._head = head
            opened.seek(self._read)
            new = opened.read()
        changed = False
        # Split at line feeds only: names may contain other line breaks. A last line that is incomplete is read again.
        *lines, last = new.split(b"\n")
        for line in lines:
            changed |= self._follow(line)
        if self._follow(last):
            changed, last = True, b""
        self._read += len(new) - len(last)
        return changed

    def _follow_other_file(self) -> bool:
        """Follow a file that replaced the former one, such as one from a backup; an empty one changes nothing."""
        other = Draft(self.id, self.title, self.data)
        other._follow_file()
        if other.states:
            self.title, self.data, self.done = other.title, other.data, other.done
            self.states, self.at = other.states, other.at
        self._head, self._read = other._head, other._read
        return bool(other.states)

    def _follow(self, line: bytes) -> bool:
        """Follow a line; return whether it is valid. One that a crash or a full disk cut short was never seen."""
        try:
            said = json.loads(line)
            if not self.states and "title" in said:
                self.title, self.data = str(said["title"]), said["data"]
                return True
            editor, number = str(said.get("editor", "")), int(said["done"])
            if "tree" in said:
                self._add(LabelTree(said["tree"]["names"], said["tree"]["parents"]))
            elif 0 <= said["at"] < len(self.states):
                self.at = said["at"]
            else:
                return False
            self.done[editor] = number
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
        return True

    def _write_all(self) -> None:
        """Write a new file with what this session has."""
        done = [{"done": number, "editor": editor} for editor, number in self.done.items()] or [{"done": 0}]
        head = _as_line({"title": self.title, "data": self.data, "file": secrets.token_hex(6)})
        states = [{"tree": _as_lists(tree), **done[-1]} for tree in self.states]
        content = head + b"".join(map(_as_line, [*states, *({"at": self.at, **each} for each in done)]))
        file = _file(self.id)
        try:
            private.make_folder(file.parent)
            with suppress(FileExistsError):  # by another session that had the same
                files.place(content, file)
                self._head, self._read = head + b"\n", len(content)
        except OSError as error:
            raise unwritable(file, error) from None

    def _write(self, line: Mapping[str, Any]) -> None:
        """Append a line; the lock is held, and all that is in the file was followed."""
        file = _file(self.id)
        try:
            with file.open("ab") as out:
                out.write(_as_line(line))
                out.flush()
                self._read = out.tell()
        except OSError as error:
            raise unwritable(file, error) from None


_LONGEST_EDITOR = 32


def unwritable(file: Path, error: OSError) -> StoreError:
    """Return the error that says that a draft's folder cannot be written."""
    return StoreError(
        f"The draft cannot be saved in {file.parent} ({error.strerror or error}); free some space or set HIERAPP_HOME"
        " to a writable folder."
    )


def _as_line(line: Mapping[str, Any]) -> bytes:
    # The line break comes first, to end a line cut short by a crash or a full disk.
    return f"\n{json.dumps(line, ensure_ascii=False)}".encode("utf-8", "surrogatepass")


def _as_lists(tree: LabelTree) -> dict[str, list[Any]]:
    return {"names": list(tree.nodes), "parents": tree.parents.tolist()}


def folder() -> Path:
    """Return the folder of the drafts."""
    return paths.home() / "drafts"


def _file(draft_id: str) -> Path:
    return folder() / f"{draft_id}.jsonl"
