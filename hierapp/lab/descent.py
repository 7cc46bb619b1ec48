"""Gradient descent on one example by one loss, kept step by step for an animation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierapp.errors import ConfigError
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import LIMIT, Scene

MOST_STEPS = 1000
LARGEST_RATE = 100.0


@dataclass(frozen=True)
class Descent:
    """Where a loss leads.

    Attributes:
        choice: the loss.
        rate: what the gradient is multiplied with.
        scenes: the start and the scene after each step.
        values: the loss at each.
    """

    choice: LossChoice
    rate: float
    scenes: tuple[Scene, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> Scene:
        """Where it ends."""
        return self.scenes[-1]


def descend(scene: Scene, choice: LossChoice, rate: float = 1.0, steps: int = 1) -> Descent:
    """Gradient steps on the logits that the loss reads; imports torch. The scene itself stays as it is.

    A flat loss moves the leaf logits, and the scene's node logits follow: siblings keep their mean, so that a set of
    siblings whose probabilities do not change does not move. Logits are cut off at 10,000.

    Args:
        scene: the start.
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
    loss = engine.loss_of(choice, scene.tree)
    logits, scenes, values = engine.read(scene, loss), [scene], []
    for _ in range(steps):
        found, slopes = engine.gradients(loss, logits[None], scene.target)
        values.append(float(found[0]))
        logits = (logits - rate * slopes[0]).clip(-LIMIT, LIMIT)
        scenes.append(engine.scene_of(logits, loss, like=scenes[-1]))
    values.append(float(engine.values(loss, logits[None], scene.target)[0]))
    return Descent(choice, rate, tuple(scenes), tuple(values))
