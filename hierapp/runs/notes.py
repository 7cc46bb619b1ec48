"""Notes that users write about a run, such as its purpose and its outcome."""

from __future__ import annotations

import unicodedata

from hierapp.errors import ConfigError
from hierapp.runs.store import Store, number_of

LONGEST = 2000  # characters
_LINES = "\n\t"


def read(text: str) -> str:
    """Validate the text of a note; strip the white space around it and normalize its line ends.

    Raises:
        ConfigError: if it is too long, or contains control characters or surrogates.

    >>> read("  better than expected\\r\\nsee run 3\\n")
    'better than expected\\nsee run 3'
    """
    found = "\n".join(text.splitlines()).strip()
    if len(found) > LONGEST:
        raise ConfigError(f"The note has {len(found):,} characters, but at most {LONGEST:,} are allowed; shorten it.")
    for character in found:
        if character not in _LINES and unicodedata.category(character) in ("Cc", "Cs"):
            raise ConfigError(
                f"The note contains the character U+{ord(character):04X}, which is not allowed; remove it and try"
                " again."
            )
    return found


def put(store: Store, run: str, text: str) -> str:
    """Replace the note of a run; an empty text removes it. Return the stored note.

    Raises:
        ConfigError: as `read`.
        StoreError: if there is no such run.
    """
    found = read(text)
    store.run(run)
    with store.database.write() as db:
        db.execute("UPDATE runs SET own_note = ? WHERE id = ?", (found, number_of(run)))
    return found
