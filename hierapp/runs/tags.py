"""Tags: words by which users find their runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hierapp.errors import ConfigError, short
from hierapp.runs import user_text
from hierapp.runs.run import Run
from hierapp.runs.store import Store

LONGEST = 40  # characters per tag
MOST = 20  # tags per run
TRIAL = "search:"  # followed by the name of the search that the run is a trial of
_TAG = re.compile(r"[\w][\w.:+-]*")


def read(words: Iterable[str]) -> tuple[str, ...]:
    """Validate tags and return them in order, without duplicates and without a leading #.

    Raises:
        ConfigError: if a word is not a valid tag, or there are too many.

    >>> read(["#paper", "baseline", "paper"])
    ('paper', 'baseline')
    """
    found = tuple(dict.fromkeys(word.strip().removeprefix("#") for word in words))
    for tag in found:
        if not _TAG.fullmatch(tag) or len(tag) > LONGEST:
            raise ConfigError(
                f"{short(tag)} is not a valid tag; use letters, digits and . : + - _, at most {LONGEST} characters."
            )
    if len(found) > MOST:
        raise ConfigError(f"{len(found)} tags were given; a run may have at most {MOST}.")
    return found


def put(store: Store, run: str, words: Iterable[str], seen: Iterable[str] | None = None) -> tuple[str, ...]:
    """Replace the tags of a run; no words remove them all. Return the stored tags.

    Args:
        store: the store of the run.
        run: the id of the run.
        words: the new tags.
        seen: the tags that the user has seen: what was added or removed elsewhere meanwhile stays so. By default
            whatever is stored is replaced.

    Raises:
        ConfigError: as `read`.
        StoreError: if there is no such run.
    """
    found = read(words)

    def new(stored: str) -> str:
        return " ".join(found if seen is None else _merged(found, tuple(seen), stored.split()))

    return tuple(user_text.change(store, run, "tags", new).split())


def _merged(words: Sequence[str], seen: Sequence[str], stored: Sequence[str]) -> tuple[str, ...]:
    """Return the tags after the changes from `seen` to `words` and those from `seen` to `stored`."""
    mine = [tag for tag in words if tag in stored or tag not in seen]
    return read([*mine, *(tag for tag in stored if tag not in seen)])


def shared(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the tags that all of these runs have, in the order of the first run."""
    return tuple(tag for tag in (runs[0].tags if runs else ()) if all(tag in run.tags for run in runs))


def changed(runs: Sequence[Run], words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each run, its tags after `words` replace the tags that all runs share; its other tags remain.

    Raises:
        ConfigError: as `read`, for any of the runs.
    """
    new, gone = read(words), shared(runs)
    return {run.id: read([*(tag for tag in run.tags if tag not in gone), *new]) for run in runs}
