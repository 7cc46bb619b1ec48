"""A loss's value, split: terms (the path, the mass, ...) and in each term one contribution for each node, with its
formula."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierapp.lab import numbers


@dataclass(frozen=True)
class Contribution:
    """What one node (or edge above it, or level) adds to a loss.

    Attributes:
        node: its position in `tree.nodes`; None if it belongs to no single node.
        value: what it adds.
        text: its formula with the numbers put in, as text.
        latex: the same in LaTeX.
        level: the level below the root, from 1, where it belongs to one.
    """

    node: int | None
    value: float
    text: str
    latex: str
    level: int | None = None


@dataclass(frozen=True)
class Term:
    """One summand of a loss's formula.

    Attributes:
        key: a word for programs.
        title: a few words for people.
        contributions: what it is the sum of.
        note: one sentence on what the term does; may be empty.
        constant: whether no logit changes it, so that it has no gradient.
    """

    key: str
    title: str
    contributions: tuple[Contribution, ...]
    note: str = ""
    constant: bool = False

    @property
    def value(self) -> float:
        """The sum of the contributions."""
        return math.fsum(contribution.value for contribution in self.contributions)


def contribution(node: int | None, value: float, symbols: str, put_in: str, level: int | None = None) -> Contribution:
    """A contribution from its formula in symbols and with numbers; the value is put behind.

    >>> contribution(1, 1.83258, "s(v) · −log p(v)", "2 · −log 0.4").text
    's(v) · −log p(v) = 2 · −log 0.4 = 1.83'
    """
    text = f"{symbols} = {put_in} = {numbers.number(value)}"
    return Contribution(node, value, text, numbers.latex(text), level)
