"""Words by which people find their runs again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hierapp.errors import ConfigError, short
from hierapp.runs.run import Run
from hierapp.runs.store import Store, number_of

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


def shared(runs: Sequence[Run]) -> tuple[str, ...]:
    """The tags that all of these runs have, in the order of the first one's."""
    return tuple(tag for tag in (runs[0].tags if runs else ()) if all(tag in run.tags for run in runs))


def changed(runs: Sequence[Run], words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each run the tags that it has when `words` take the place of those that all share; its own ones stay.

    Raises:
        ConfigError: as `read`, for any of the runs.
    """
    new, gone = read(words), shared(runs)
    return {run.id: read([*(tag for tag in run.tags if tag not in gone), *new]) for run in runs}
