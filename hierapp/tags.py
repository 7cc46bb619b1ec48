"""Words by which people find their runs again."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hierapp.errors import ConfigError, short
from hierapp.store import Store, number_of

LONGEST = 40  # characters of a tag
MOST = 20  # tags of a run
_TAG = re.compile(r"[\w][\w.:+-]*")


def read(words: Iterable[str]) -> tuple[str, ...]:
    """The tags that some words are, each once and in order; a # before one is not part of it.

    Raises:
        ConfigError: if one is no tag, or there are too many.

    >>> read(["#paper", "baseline", "paper"])
    ('paper', 'baseline')
    """
    found = tuple(dict.fromkeys(word.strip().removeprefix("#") for word in words))
    for tag in found:
        if not _TAG.fullmatch(tag) or len(tag) > LONGEST:
            raise ConfigError(
                f"{short(tag)} is no tag; take a word of letters, digits and . : + - _ with at most {LONGEST}"
                " characters."
            )
    if len(found) > MOST:
        raise ConfigError(f"These are {len(found)} tags; a run may have {MOST}.")
    return found


def put(store: Store, run: str, words: Iterable[str]) -> tuple[str, ...]:
    """Give a run these tags in place of those that it has; they may be none.

    Raises:
        ConfigError: as `read`.
        StoreError: if there is no such run.
    """
    found = read(words)
    store.run(run)
    with store.database.write() as db:
        db.execute("UPDATE runs SET tags = ? WHERE id = ?", (" ".join(found), number_of(run)))
    return found
