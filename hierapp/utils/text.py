"""Format counts as text."""

from __future__ import annotations


def pluralize(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun in singular or plural; by default the plural is `one` with an s.

    >>> pluralize(1, "epoch"), pluralize(1200, "run"), pluralize(2, "loss", "losses")
    ('1 epoch', '1,200 runs', '2 losses')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
