"""Temperature and threshold from a run's outputs for images that it did not train on, applied to its test outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hierapp.analysis import stored_outputs
from hierapp.analysis.reevaluation import on_tree, scaled
from hierapp.decoding import climb_threshold
from hierapp.metrics import fit_temperature
from hierapp.runs import Run
from hierapp.training import predictions
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree


class HeldOut(NamedTuple):
    """A run's outputs for images that it did not train on.

    Attributes:
        validation: those that selected the epoch, unless it was the last.
        calibration: those that did not, of a run with `calibration_share`.
    """

    validation: Outputs
    calibration: Outputs | None = None

    @classmethod
    def of(cls, folder: Path) -> HeldOut:
        """Read them from a run's folder.

        Raises:
            StoreError: if there are no validation outputs, or a file is broken.
        """
        return cls(
            predictions.stored(folder, predictions.VALIDATION), predictions.read(folder, predictions.CALIBRATION)
        )

    def sample(self) -> HeldOut:
        """Return a sample of each, if they are many; see `stored_outputs.sample`."""
        validation, calibration = self
        return HeldOut(
            stored_outputs.sample(validation), None if calibration is None else stored_outputs.sample(calibration)
        )


@dataclass(frozen=True)
class Calibration:
    """What is computed from held-out outputs.

    Attributes:
        temperature: whether the probabilities are scaled by the temperature of least log loss.
        alpha: the share of images for which "climb" may be wrong, which determines its threshold; 0 for a given one.
    """

    temperature: bool = False
    alpha: float = 0.0

    def of(self, held_out: HeldOut, tree: LabelTree) -> tuple[float, float | None]:
        """Return the temperature, 1 if none is wanted, and the threshold of "climb", if one is wanted.

        The temperature is that of the validation images, the threshold that of the calibration images. A run without
        calibration images has both from the validation images; if both are wanted, from half of them each, because the
        guarantee of the threshold does not allow that its images changed the probabilities. It does not hold either if
        they selected the epoch; see `is_guaranteed`.

        Raises:
            TreeError: if the leaves of the tree are not the classes.
            ConfigError: if there are no such images.
        """
        validation, apart = held_out
        halves = apart is None and self.temperature and self.alpha > 0
        first, second = (slice(0, None, 2), slice(1, None, 2)) if halves else (slice(None), slice(None))
        scale, threshold = 1.0, None
        if self.temperature:
            scale = fit_temperature(validation.log_probs(first), validation.target[first])
        if self.alpha:
            given = scaled(on_tree(validation if apart is None else apart, tree), scale)
            with np.errstate(divide="ignore"):
                log_p = np.log(given.p[second])
            threshold = climb_threshold(log_p, given.target[second], tree, self.alpha)
        return scale, threshold


def is_guaranteed(run: Run) -> bool:
    """Return whether the threshold of "climb" comes from images that did not select the run's epoch: it has calibration
    images, or its epoch is the last. Runs that were chosen among others by these images have no guarantee either way.
    """
    return run.config.select == "last" or (run.folder / predictions.CALIBRATION).is_file()
