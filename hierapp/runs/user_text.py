"""Change the texts that users attach to runs, without losing what another session wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from hierapp.runs.store import Store, number_of

Column = Literal["own_note", "tags"]


def change(store: Store, run: str, column: Column, new: Callable[[str], str]) -> str:
    """Replace the text in a column of a run by `new` of the stored one, and return it.

    `new` is called while nobody else can write; if it raises an error, nothing changes.

    Raises:
        StoreError: if there is no such run.
    """
    store.run(run)
    number = number_of(run)
    with store.database.write() as db:
        (before,) = db.execute(f"SELECT {column} FROM runs WHERE id = ?", (number,)).fetchone()
        text = new(before)
        db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (text, number))
    return text
