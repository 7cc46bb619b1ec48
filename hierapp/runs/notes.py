"""Notes that users write about a run, such as its purpose and its outcome."""

from __future__ import annotations

import unicodedata

from hierapp.errors import ConfigError, StoreError, short
from hierapp.runs import user_text
from hierapp.runs.store import Store

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


def put(store: Store, run: str, text: str, seen: str | None = None) -> str:
    """Replace the note of a run; an empty text removes it. Return the stored note.

    Args:
        store: the store of the run.
        run: the id of the run.
        text: the new note.
        seen: the note that the user has seen; by default whatever is stored is replaced.

    Raises:
        ConfigError: as `read`.
        StoreError: if there is no such run, or it has another note than the user has seen.
    """
    found = read(text)

    def new(stored: str) -> str:
        if seen is not None and stored not in (seen, found):
            raise StoreError(
                f"The note of run {run} was changed elsewhere meanwhile and is now {short(stored)}; your text is not"
                " saved: add to it what should stay, and it replaces that note."
            )
        return found

    return user_text.change(store, run, "own_note", new)
