"""Weights of the levels of a tree, for `level-wise`."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from hierapp.errors import ConfigError
from hierapp.trees import LabelTree

LEVEL_PRESETS = ("uniform", "hxe", "report", "geometric")


def preset_levels(levels: int, preset: str) -> tuple[float, ...]:
    """Return the weights of the levels from the children of the root down.

    Weights w of the marginals z are sums of weights s of the decisions p(v) = z(v) / z(parent): s of a step is the sum
    of w from its level down. On trees of uniform depth

    - "uniform", all 1, has the s of `hierarchical` with path targets (Loss in Layers, eq. 2);
    - "hxe" has those of `hxe` with alpha = 0.1, not normalized;
    - "report" has those of `hierarchical-convex` (eq. 4), 1 / depth.

    "geometric" halves the weight from each level to the one above; the leaves' is 1.

    >>> preset_levels(3, "geometric")
    (0.25, 0.5, 1.0)
    >>> [round(weight, 4) for weight in preset_levels(3, "report")]
    [0.5, 0.1667, 0.3333]
    """
    steps = np.arange(1.0, levels + 1)
    if preset == "geometric":
        return tuple((0.5 ** (levels - steps)).tolist())
    of_steps = {"uniform": levels - steps + 1, "hxe": np.exp(-0.1 * steps), "report": 1 / steps}[preset]
    return tuple((of_steps - np.append(of_steps[1:], 0.0)).tolist())


def checked_levels(tree: LabelTree, weights: str | Iterable[float] | None) -> tuple[float, ...]:
    """Return one weight for each level below the root, all 1 by default, or raise a ConfigError.

    `weights` may be a preset, see `preset_levels`.
    """
    levels = tree.leaf_paths.shape[1] - 1
    if isinstance(weights, str):
        if weights not in LEVEL_PRESETS:
            raise ConfigError(
                f"Expected weights of level-wise to be numbers or one of {', '.join(LEVEL_PRESETS)}, but got"
                f" {weights!r}."
            )
        return preset_levels(levels, weights)
    chosen = tuple(float(weight) for weight in weights) if weights is not None else (1.0,) * levels
    if len(chosen) != levels:
        raise ConfigError(
            f"Expected {levels} weights for level-wise, one for each level below the root, but got {len(chosen)}."
        )
    if not all(0 <= weight < math.inf for weight in chosen) or max(chosen) == 0:
        raise ConfigError("Expected weights for level-wise that are finite, non-negative and not all 0.")
    return chosen
