"""What people write beside a run: why it was made, what came of it."""

from __future__ import annotations

import unicodedata

from hierapp.errors import ConfigError
from hierapp.runs.store import Store, number_of

LONGEST = 2000  # characters of a note
_LINES = "\n\t"


def read(text: str) -> str:
    """The note that a text is: its lines, without white space around them all.

    Raises:
        ConfigError: if it is too long, or has characters that are no text, such as those that steer a terminal.

    >>> read("  better than expected\\r\\nsee run 3\\n")
    'better than expected\\nsee run 3'
    """
    found = "\n".join(text.splitlines()).strip()
    if len(found) > LONGEST:
        raise ConfigError(f"The note has {len(found):,} characters, and {LONGEST:,} are allowed; make it shorter.")
    for character in found:
        if character not in _LINES and unicodedata.category(character) in ("Cc", "Cs"):
            raise ConfigError(
                f"The note has the character U+{ord(character):04X}, which is no text; take it out and try again."
            )
    return found


def put(store: Store, run: str, text: str) -> str:
    """Give a run this note in place of the one that it has; an empty one takes it away.

    Raises:
        ConfigError: as `read`.
        StoreError: if there is no such run.
    """
    found = read(text)
    store.run(run)
    with store.database.write() as db:
        db.execute("UPDATE runs SET own_note = ? WHERE id = ?", (found, number_of(run)))
    return found
