"""Runs that words name: numbers, ranges of numbers, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hierapp.errors import StoreError, short
from hierapp.runs.store import Store, number_of

HELP = "a number, a range of numbers as 3-9, or tag:WORD"
TAG = "tag:"
_RANGE = re.compile(r"(\d+)-(\d+)")


def chosen(store: Store, words: Iterable[str]) -> list[str]:
    """The ids of the runs that words name, each once, in the order of the words.

    A number is one run, `3-9` all that there are from 3 to 9, `tag:paper` all with that tag, the oldest first.

    Raises:
        StoreError: if there is no such run, or none in a range or with a tag.
    """
    runs, found = store.runs(), dict[str, None]()
    for word in words:
        if word.startswith(TAG):
            named = [run.id for run in runs if word.removeprefix(TAG) in run.tags]
        elif span := _RANGE.fullmatch(word):
            low, high = (int(end) for end in span.groups())
            named = [run.id for run in runs if low <= number_of(run.id) <= high]
        else:
            named = [store.run(word).id]
        if not named:
            raise StoreError(f"No run is meant by {short(word)}; `runs` lists them all, with their tags.")
        found |= dict.fromkeys(named)
    return list(found)
