"""Filters of a table of runs: by state, field, tag and text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hierapp.analysis import summary
from hierapp.runs import Run

_SEED, _IS_SEED = re.compile(r"\bseed\s+(\d+)\b"), "seed="
NOBODY = "command line"  # the owner of runs that no signed-in user started

# The fields that a filter can restrict, with the values that a run has in each.
FIELDS: Mapping[str, Callable[[Run], Iterable[str]]] = {
    "state": lambda run: (run.state,),
    "data": lambda run: (run.config.data,),
    "tree": lambda run: (run.config.tree,),
    "loss": lambda run: (run.config.loss,),
    "model": lambda run: (run.config.model,),
    "tag": lambda run: run.tags,
    "owner": lambda run: (run.owner or NOBODY,),
}


@dataclass(frozen=True)
class Filter:
    """What a run must be to be shown.

    Attributes:
        allowed: for each restricted field the values of which a run must have one.
        text: words that must all occur in the text of a run, in any order and case; numbers as whole words, and
            "seed 3" only as the seed. See `words_of`.
    """

    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether every run passes."""
        return not any(self.allowed.values()) and not self.text.split()

    def passes(self, run: Run) -> bool:
        """Return whether a run passes."""
        for name, values in self.allowed.items():
            if values and not set(values) & set(FIELDS[name](run)):
                return False
        wanted = _SEED.sub(r"seed=\1", self.text.casefold()).split()
        if not wanted:
            return True
        text = words_of(run)
        whole = set(text.split())
        return all(word in (whole if word.isdigit() or word.startswith(_IS_SEED) else text) for word in wanted)

    def of(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that pass, in their order."""
        return list(runs) if self.is_empty else [run for run in runs if self.passes(run)]


def choices(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return for each field the values that occur, in alphabetical order."""
    return {name: sorted({value for run in runs for value in values(run)}) for name, values in FIELDS.items()}


def words_of(run: Run) -> str:
    """Return the text of a run that is searched: number, fields, options, tags with #, notes and error."""
    said = [
        run.id,
        *(value for name, values in FIELDS.items() if name != "tag" for value in values(run)),
        summary.loss_label(run),
        summary.recipe(run),
        f"{_IS_SEED}{run.config.seed}",
        *(f"#{tag}" for tag in run.tags),
        run.own_note,
        run.note or "",
        run.error or "",
    ]
    return " ".join(said).casefold()
