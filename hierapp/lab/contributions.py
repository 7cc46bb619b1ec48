"""Decomposition of a loss value into terms (the path, the mass, ...), and of each term into contributions of nodes with
their formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierapp.utils import numbers


@dataclass(frozen=True)
class Contribution:
    """The contribution of one node (or of the edge above it, or of a level) to a loss.

    Attributes:
        node: its position in `tree.nodes`; None if the contribution belongs to no single node.
        value: its value.
        text: its formula with the numbers inserted, as text.
        latex: the same formula in LaTeX.
        level: the level below the root, from 1; None if the contribution belongs to no level.
    """

    node: int | None
    value: float
    text: str
    latex: str
    level: int | None = None


@dataclass(frozen=True)
class Term:
    """One term of a loss's formula.

    Attributes:
        key: an identifier for programs.
        title: a short title for display.
        contributions: the contributions that the term sums.
        note: one sentence on the effect of the term; may be empty.
        constant: whether the term depends on no logit and therefore has no gradient.
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
    """Create a contribution from its formula in symbols and with numbers; the value is appended.

    >>> contribution(1, 1.83258, "s(v) · −log p(v)", "2 · −log 0.4").text
    's(v) · −log p(v) = 2 · −log 0.4 = 1.83'
    """
    text = f"{symbols} = {put_in} = {numbers.number(value)}"
    return Contribution(node, value, text, numbers.latex(text), level)
