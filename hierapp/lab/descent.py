"""Gradient descent on one example with one loss, recorded step by step for an animation."""

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
    """The trajectory of a gradient descent.

    Attributes:
        choice: the loss.
        rate: the learning rate.
        examples: the start and the example after each step.
        values: the loss of each of these examples.
    """

    choice: LossChoice
    rate: float
    examples: tuple[Example, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> Example:
        """The example after the last step."""
        return self.examples[-1]


def descend(example: Example, choice: LossChoice, rate: float = 1.0, steps: int = 1) -> Descent:
    """Take gradient steps on the logits that the loss reads; imports torch. The example itself is not modified.

    A flat loss moves the leaf logits, and the node logits of the example follow: the mean of each set of siblings is
    preserved, so that siblings with unchanged probabilities do not move. Logits are clipped to +/-10,000.

    Args:
        example: the start.
        choice: the loss.
        rate: the learning rate, above 0 and at most 100.
        steps: the number of steps, from 0 to 1000.

    Raises:
        ConfigError: if the rate or the number of steps is out of bounds, or the options do not fit the tree.
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
