"""Gradient descent on one example by one loss, kept step by step for an animation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierapp.errors import ConfigError
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import LIMIT, Example

MOST_STEPS = 1000
LARGEST_RATE = 100.0


@dataclass(frozen=True)
class Descent:
    """Where a loss leads.

    Attributes:
        choice: the loss.
        rate: what the gradient is multiplied with.
        examples: the start and the example after each step.
        values: the loss at each.
    """

    choice: LossChoice
    rate: float
    examples: tuple[Example, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> Example:
        """Where it ends."""
        return self.examples[-1]


def descend(example: Example, choice: LossChoice, rate: float = 1.0, steps: int = 1) -> Descent:
    """Gradient steps on the logits that the loss reads; imports torch. The example itself stays as it is.

    A flat loss moves the leaf logits, and the example's node logits follow: siblings keep their mean, so that a set of
    siblings whose probabilities do not change does not move. Logits are cut off at 10,000.

    Args:
        example: the start.
        choice: the loss.
        rate: above 0 and at most 100.
        steps: from 0 to 1000.

    Raises:
        ConfigError: for a rate or a number of steps out of bounds, or options that do not fit the tree.
    """
    from hierapp.lab import engine

    if not (math.isfinite(rate) and 0 < rate <= LARGEST_RATE):
        raise ConfigError(f"Expected a rate above 0 and at most {LARGEST_RATE:g} but got {rate:g}.")
    if not 0 <= steps <= MOST_STEPS:
        raise ConfigError(f"Expected 0 to {MOST_STEPS} steps but got {steps}.")
    loss = engine.loss_of(choice, example.tree)
    logits, examples, values = engine.read(example, loss), [example], []
    for _ in range(steps):
        found, slopes = engine.gradients(loss, logits[None], example.target)
        values.append(float(found[0]))
        logits = (logits - rate * slopes[0]).clip(-LIMIT, LIMIT)
        examples.append(engine.example_of(logits, loss, like=examples[-1]))
    values.append(float(engine.values(loss, logits[None], example.target)[0]))
    return Descent(choice, rate, tuple(examples), tuple(values))
