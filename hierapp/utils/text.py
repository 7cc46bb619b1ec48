"""How many there are of something, in words."""

from __future__ import annotations


def pluralize(number: int, one: str, many: str | None = None) -> str:
    """A number with the noun that goes with it; `many` by default is `one` with an s.

    >>> pluralize(1, "epoch"), pluralize(1200, "run"), pluralize(2, "loss", "losses")
    ('1 epoch', '1,200 runs', '2 losses')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
