"""Select runs by number, range of numbers or tag."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hierapp.errors import StoreError, short
from hierapp.runs.store import Store, number_of

HELP = "a number, a range such as 3-9, or tag:WORD"
TAG = "tag:"
_RANGE = re.compile(r"(\d+)-(\d+)")


def chosen(store: Store, words: Iterable[str], deleted: bool = False) -> list[str]:
    """Return the ids of the selected runs, or with `deleted` of those in the trash, without duplicates, in the order of
    the words.

    A number selects one run, `3-9` all existing runs from 3 to 9, `tag:paper` all runs with that tag, oldest first.

    Raises:
        StoreError: if a run does not exist, is in the trash (with `deleted`: is not), or a range or a tag selects none.
    """
    runs, found = store.runs(deleted=deleted), dict[str, None]()
    for word in words:
        if word.startswith(TAG):
            named = [run.id for run in runs if word.removeprefix(TAG) in run.tags]
        elif span := _RANGE.fullmatch(word):
            low, high = (int(end) for end in span.groups())
            named = [run.id for run in runs if low <= number_of(run.id) <= high]
        else:
            named = [run.id for run in runs if run.id == word] if deleted else [store.run(word).id]
        if not named:
            where, command = ("No run in the trash", "trash") if deleted else ("No run", "runs")
            raise StoreError(f"{where} matches {short(word)}; list the runs with `python -m hierapp {command}`.")
        found |= dict.fromkeys(named)
    return list(found)
