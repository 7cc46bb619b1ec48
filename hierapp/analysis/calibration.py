"""Temperature and threshold from a run's validation outputs, applied to its test outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierapp.analysis.reevaluation import on_tree, scaled
from hierapp.decoding import climb_threshold
from hierapp.metrics import fit_temperature
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree


@dataclass(frozen=True)
class Calibration:
    """What is computed from validation outputs.

    Attributes:
        temperature: whether the probabilities are scaled by the temperature of least log loss.
        alpha: the share of images for which "climb" may be wrong, which determines its threshold; 0 for a given one.
    """

    temperature: bool = False
    alpha: float = 0.0

    def of(self, validation: Outputs, tree: LabelTree) -> tuple[float, float | None]:
        """Return the temperature, 1 if none is wanted, and the threshold of "climb", if one is wanted.

        If both are wanted, each has half of the images: the guarantee of the threshold does not allow that its
        images changed the probabilities.

        Raises:
            TreeError: if the leaves of the tree are not the classes.
            ConfigError: if there are no validation images.
        """
        both = self.temperature and self.alpha > 0
        first, second = (slice(0, None, 2), slice(1, None, 2)) if both else (slice(None), slice(None))
        scale, threshold = 1.0, None
        if self.temperature:
            scale = fit_temperature(validation.log_probs(first), validation.target[first])
        if self.alpha:
            given = scaled(on_tree(validation, tree), scale)
            with np.errstate(divide="ignore"):
                log_p = np.log(given.p[second])
            threshold = climb_threshold(log_p, given.target[second], tree, self.alpha)
        return scale, threshold
