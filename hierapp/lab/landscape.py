"""Slices and surfaces of a loss: is it convex, in the logits or in the probabilities that it reads?

Between two examples a loss's own coordinates move on a straight line: its logits, or its probabilities (p of each set
of siblings for a conditional loss, p of the leaves for a flat one). On a convex function the chord lies above the
curve.
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
from hierapp.lab.example import Example, log_conditionals
from hierapp.lab.numbers import number

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss

Floats = NDArray[np.float64]
Space = Literal["logits", "probabilities"]
SPACES: tuple[Space, ...] = ("logits", "probabilities")

# A curve counts as above its chord, or as bent down, from here on, relative to its size.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Slice:
    """A loss on the straight line between two examples.

    Attributes:
        title: the loss.
        space: what moves on a straight line.
        at: from 0, the first example, to 1, the second.
        curve: the loss there.
        chord: the straight line between the curve's ends.
        excess: the most that the curve lies above the chord; 0 or less if it never does.
        excess_at: where.
        bends: where the curve bends down; nowhere if it is convex along the line.
        below_chord: whether the curve nowhere lies above its chord.
        is_convex: whether it bends down nowhere; then every chord along the line holds.
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
        """The same with a minus sign in front, as the paper prints (4)."""
        return _judged(f"{self.title}, as printed", self.space, self.at, [-value for value in self.curve])


@dataclass(frozen=True)
class Surface:
    """A loss on the plane through three examples, at origin + a (first - origin) + b (second - origin).

    Attributes:
        title: the loss.
        space: what the plane is in.
        at: the numbers a, and b.
        values: a row for each b, in it a number for each a; None where probabilities would be 0 or less.
    """

    title: str
    space: Space
    at: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]

    def as_printed(self) -> Surface:
        """The same with a minus sign in front, as the paper prints (4)."""
        rows = tuple(tuple(None if value is None else -value for value in row) for row in self.values)
        return Surface(f"{self.title}, as printed", self.space, self.at, rows)


def cut(first: Example, second: Example, choice: LossChoice, space: Space = "logits", points: int = 101) -> Slice:
    """A slice of a loss between two examples, for the first one's true leaf; imports torch.

    Raises:
        ConfigError: for examples over different trees, another space, fewer than 3 points, or options that do not fit.
    """
    from hierapp.lab import engine

    if points < 3:
        raise ConfigError(f"Expected at least 3 points but got {points}.")
    loss = engine.loss_of(choice, first.tree)
    at = np.linspace(0.0, 1.0, points)
    start, end = (_coordinates(example, first, loss, space) for example in (first, second))
    mixed = (1 - at)[:, None] * start + at[:, None] * end
    curve = engine.values(loss, _logits(mixed, space), first.target)
    return _judged(choice.title, space, at.tolist(), curve.tolist())


@lru_cache(maxsize=16)
def plane(
    origin: Example, first: Example, second: Example, choice: LossChoice, space: Space = "logits", points: int = 31
) -> Surface:
    """A surface of a loss over the two directions from one example to two others; imports torch.

    In logits it spans -0.5 to 1.5 of both directions, in probabilities 0 to 1.

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
    found[inside] = engine.values(loss, _logits(mixed[inside], space), origin.target)
    rows = found.reshape(points, points).tolist()
    return Surface(
        choice.title,
        space,
        tuple(at.tolist()),
        tuple(tuple(None if math.isnan(value) else value for value in row) for row in rows),
    )


@dataclass(frozen=True)
class Printed:
    """What the paper's (4) would be with the minus sign that is printed before it.

    Attributes:
        value: as printed, for the example; negative, or 0 where every decision is certain.
        mended: with the plus sign that is meant.
        fall: (p of the first true decision, value as printed) while that p falls to 0: below every bound.
        summary: one sentence.
    """

    value: float
    mended: float
    fall: tuple[tuple[float, float], ...]
    summary: str


def printed(example: Example) -> Printed:
    """(4) with its printed sign on an example; imports torch."""
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
        f"With the printed minus sign (4) is {number(-mended)} here, never above 0, and falls without bound as the"
        " true decision's probability falls: the worst network would be the best, so the plus sign is meant."
    )
    return Printed(-mended, mended, tuple(fall), summary)


def _coordinates(example: Example, like: Example, loss: TreeLoss, space: Space) -> Floats:
    """The numbers of an example that move on a straight line."""
    from hierapp.lab import engine

    if example.tree != like.tree:
        raise ConfigError("The points of a slice lie over different trees; choose points of one tree.")
    if space not in SPACES:
        raise ConfigError(f"Expected the space to be one of {', '.join(SPACES)} but got {space!r}.")
    logits = engine.read(example, loss)
    if space == "logits":
        return logits
    if engine.reads_nodes(loss):
        return np.exp(log_conditionals(example.tree, logits)[1:])
    return np.exp(logits)  # log z of the leaves


def _logits(points: Floats, space: Space) -> Floats:
    # A softmax of log p is p again. A probability that underflows to 0 is as small as doubles go.
    return points if space == "logits" else np.log(np.maximum(points, np.finfo(np.float64).tiny))


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
            f"Not convex in {words}: at {number(float(where[worst]))} of the way the curve is"
            f" {number(float(over[worst]))} above its chord."
        )
    elif bends:
        summary = f"Not convex in {words}: the curve stays below this chord but bends down on the way."
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
