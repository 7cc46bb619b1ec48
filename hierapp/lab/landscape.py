"""Slices and surfaces of a loss, to check whether it is convex in the logits or in the probabilities that it reads.

Between two examples the coordinates of a loss follow a straight line. The coordinates are its logits, or its
probabilities (p within each set of siblings for a conditional loss, p of the leaves for a flat one). For a convex
function no chord lies below the curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ConfigError
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example
from hierapp.utils.numbers import number

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss

Floats = NDArray[np.float64]
Space = Literal["logits", "probabilities"]
SPACES: tuple[Space, ...] = ("logits", "probabilities")

# Tolerance for a curve to be above its chord or concave, relative to its magnitude.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Slice:
    """A loss on the straight line between two examples.

    Attributes:
        title: the title of the loss.
        space: the coordinates that are interpolated.
        at: positions on the line, from 0, the first example, to 1, the second.
        curve: the loss at these positions.
        chord: the straight line between the ends of the curve.
        excess: the largest height of the curve above the chord; it is never negative, as both ends lie on the chord.
        excess_at: the position of the largest height.
        bends: the positions where the curve is concave; empty if it is convex along the line.
        below_chord: whether the curve is nowhere above its chord.
        is_convex: whether the curve is nowhere concave; then it lies below every chord along the line.
        summary: one sentence.
    """

    title: str
    space: Space
    at: tuple[float, ...]
    curve: tuple[float, ...]
    chord: tuple[float, ...]
    excess: float
    excess_at: float
    bends: tuple[float, ...]
    below_chord: bool
    is_convex: bool
    summary: str

    def as_printed(self) -> Slice:
        """Return the negated slice, as eq. (4) is printed in the paper."""
        return _judged(f"{self.title}, as printed", self.space, self.at, [-value for value in self.curve])


@dataclass(frozen=True)
class Surface:
    """A loss on the plane through three examples, at origin + a (first - origin) + b (second - origin).

    Attributes:
        title: the title of the loss.
        space: the coordinates that span the plane.
        at: the values of a, and of b.
        values: one row for each b, with one value for each a; None where a probability would be 0 or less.
    """

    title: str
    space: Space
    at: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]

    def as_printed(self) -> Surface:
        """Return the negated surface, as eq. (4) is printed in the paper."""
        rows = tuple(tuple(None if value is None else -value for value in row) for row in self.values)
        return Surface(f"{self.title}, as printed", self.space, self.at, rows)


def cut(first: Example, second: Example, choice: LossChoice, space: Space = "logits", points: int = 101) -> Slice:
    """Compute a slice of a loss between two examples, for the true leaf of the first; imports torch.

    Raises:
        ConfigError: if the examples have different trees, the space is unknown, there are fewer than 3 points, or the
            options do not fit the tree.
    """
    from hierapp.lab import engine

    if points < 3:
        raise ConfigError(f"Expected at least 3 points but got {points}.")
    loss = engine.loss_of(choice, first.tree)
    at = np.linspace(0.0, 1.0, points)
    start, end = (_coordinates(example, first, loss, space) for example in (first, second))
    mixed = (1 - at)[:, None] * start + at[:, None] * end
    curve = engine.values(loss, mixed if space == "logits" else engine.logits_of(mixed, loss), first.target)
    return _judged(choice.title, space, at.tolist(), curve.tolist())


@lru_cache(maxsize=16)
def plane(
    origin: Example, first: Example, second: Example, choice: LossChoice, space: Space = "logits", points: int = 31
) -> Surface:
    """Compute a surface of a loss over the directions from one example to two others; imports torch.

    It covers -0.5 to 1.5 of both directions in logits, and 0 to 1 in probabilities.

    Raises:
        ConfigError: as `cut`.
    """
    from hierapp.lab import engine

    if points < 3:
        raise ConfigError(f"Expected at least 3 points but got {points}.")
    loss = engine.loss_of(choice, origin.tree)
    at = np.linspace(*((-0.5, 1.5) if space == "logits" else (0.0, 1.0)), points)
    start, one, other = (_coordinates(example, origin, loss, space) for example in (origin, first, second))
    b, a = (side.reshape(-1, 1) for side in np.meshgrid(at, at, indexing="ij"))
    mixed = start + a * (one - start) + b * (other - start)
    inside = np.ones(len(mixed), bool) if space == "logits" else (mixed > 0).all(axis=1)
    found = np.full(len(mixed), np.nan)
    points_inside = mixed[inside] if space == "logits" else engine.logits_of(mixed[inside], loss)
    found[inside] = engine.values(loss, points_inside, origin.target)
    rows = found.reshape(points, points).tolist()
    return Surface(
        choice.title,
        space,
        tuple(at.tolist()),
        tuple(tuple(None if math.isnan(value) else value for value in row) for row in rows),
    )


@dataclass(frozen=True)
class Printed:
    """The paper's eq. (4) evaluated with the minus sign that is printed in front of it.

    Attributes:
        value: the value as printed, for the example; negative, or 0 where every decision is certain.
        mended: the value with the intended plus sign.
        fall: pairs (p of the first true decision, value as printed) for p approaching 0; the value is unbounded below.
        summary: one sentence.
    """

    value: float
    mended: float
    fall: tuple[tuple[float, float], ...]
    summary: str


def printed(example: Example) -> Printed:
    """Evaluate eq. (4) with its printed sign on an example; imports torch."""
    from hierapp.lab import engine

    loss = engine.loss_of(LossChoice.of("hierarchical-convex"), example.tree)
    mended = float(engine.values(loss, engine.read(example, loss)[None], example.target)[0])
    parents = example.tree.parents.tolist()
    choosing = [v for v in example.true_path[1:] if len(example.tree.children[parents[v]]) > 1]
    fall = []
    for power in range(1, 9) if choosing else ():
        v, p = choosing[0], 10.0**-power
        others = [example.logits[u - 1] for u in example.tree.children[parents[v]] if u != v]
        logits = list(example.logits)
        logits[v - 1] = float(np.logaddexp.reduce(others)) + math.log(p) - math.log1p(-p)
        fall.append((p, -float(engine.values(loss, [logits], example.target)[0])))
    summary = (
        f"With the printed minus sign, (4) is {number(-mended)} here. It is never above 0 and decreases without bound"
        " as the probability of the true decision decreases: the worst network would be the best, so the sign must be"
        " plus."
    )
    return Printed(-mended, mended, tuple(fall), summary)


def _coordinates(example: Example, like: Example, loss: TreeLoss, space: Space) -> Floats:
    """Return the coordinates of an example that are interpolated."""
    from hierapp.lab import engine

    if example.tree != like.tree:
        raise ConfigError("The points of a slice belong to different trees; choose points of one tree.")
    if space not in SPACES:
        raise ConfigError(f"Expected the space to be one of {', '.join(SPACES)} but got {space!r}.")
    logits = engine.read(example, loss)
    return logits if space == "logits" else engine.probabilities(logits, loss)


def _judged(title: str, space: Space, at: Sequence[float], values: Sequence[float]) -> Slice:
    curve, where = np.asarray(values), np.asarray(at)
    chord = curve[0] + where * (curve[-1] - curve[0])
    size = 1.0 + float(np.abs(curve).max())
    over = curve - chord
    worst = int(over.argmax())
    second = curve[:-2] - 2 * curve[1:-1] + curve[2:]
    bends = tuple(where[1:-1][second < -ROUNDING * size].tolist())
    below = bool(over[worst] <= ROUNDING * size)
    words = "the logits" if space == "logits" else "the probabilities"
    if not below:
        summary = (
            f"Not convex in {words}: at {number(float(where[worst]))} of the way, the curve is"
            f" {number(float(over[worst]))} above its chord."
        )
    elif bends:
        summary = f"Not convex in {words}: the curve stays below this chord, but part of it is concave."
    else:
        summary = f"Convex in {words} along this line: the curve lies below its chord."
    return Slice(
        title,
        space,
        tuple(where.tolist()),
        tuple(curve.tolist()),
        tuple(chord.tolist()),
        float(over[worst]),
        float(where[worst]),
        bends,
        below,
        not bends,
        summary,
    )
