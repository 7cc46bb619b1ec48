"""Two single runs on the same test images: which images each classifies correctly, and the folds of the test set.

Seeds provide evidence about groups; these comparisons only about two trainings, as `hierapp.stats` states in every
sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierapp.data.content import ContentHashes
from hierapp.errors import ConfigError
from hierapp.runs import Run
from hierapp.stats import Comparison, McNemar, compare, mcnemar, test_folds
from hierapp.training import predictions
from hierapp.training.predictions import Outputs

FOLDS = 10  # as in Loss in Layers


@dataclass(frozen=True)
class SingleRuns:
    """Two runs on the same test images.

    Attributes:
        mcnemar: the test image by image.
        folds: the accuracies on the folds of the test set, compared by Mann-Whitney's test.
        accuracies: for each run its name and its accuracy on each of the folds.
    """

    mcnemar: McNemar
    folds: Comparison
    accuracies: dict[str, tuple[float, ...]]

    def counts(self) -> pd.DataFrame:
        """The two by two table: rows are whether the first run is correct, columns whether the second is."""
        found = self.mcnemar
        rows = [(found.both, found.only_first), (found.only_second, found.neither)]
        return pd.DataFrame(
            rows,
            index=[f"{found.first} right", f"{found.first} wrong"],
            columns=[f"{found.second} right", f"{found.second} wrong"],
        )

    def by_fold(self) -> pd.DataFrame:
        """The accuracies, with one row per run and one column per fold."""
        folds = [f"fold {number}" for number in range(1, self.folds.a.n + 1)]
        return pd.DataFrame.from_dict(self.accuracies, orient="index", columns=folds)

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        return {
            "mcnemar": self.mcnemar.as_dict(),
            "folds": {"accuracies": self.accuracies, **self.folds.as_dict()},
        }


def compare_images(first: Run, second: Run, names: tuple[str, str] | None = None, folds: int = FOLDS) -> SingleRuns:
    """Compare two finished runs by their predictions for every test image.

    Args:
        first: a run with stored outputs.
        second: another run, with the same test images.
        names: names of the two; by default "run 1" and so on.
        folds: number of folds of the test set, the same for both.

    Raises:
        ConfigError: if both are the same run, their test images differ, or there are fewer images than folds.
        StoreError: if a run has no stored outputs, or they are broken.
    """
    if first.id == second.id:
        raise ConfigError(f"Run {first.id} was given twice; choose two runs to compare.")
    one, other = predictions.stored(first.folder), predictions.stored(second.folder)
    if (
        one.data != other.data
        or _tests_differ(first, second)
        or not np.array_equal(_true_names(one), _true_names(other))
    ):
        raise ConfigError(
            f"The runs {first.id} and {second.id} were tested on different images; choose two of one data set that has"
            " not changed between them."
        )
    called = names or (f"run {first.id}", f"run {second.id}")
    right = _right(one), _right(other)
    by_fold = test_folds(right[0], folds), test_folds(right[1], folds)
    return SingleRuns(
        mcnemar(right[0], right[1], names=called),
        compare(by_fold[0], by_fold[1], names=called, replicates="test folds"),
        dict(zip(called, by_fold, strict=True)),
    )


def _tests_differ(first: Run, second: Run) -> bool:
    """Return whether the test parts are known to be different."""
    return ContentHashes(test=first.content.test).differ(second.content)


def _right(outputs: Outputs) -> NDArray[np.bool_]:
    """Return whether the most probable class of each test image is the true one, [n]."""
    right: NDArray[np.bool_] = outputs.predicted == outputs.target
    return right


def _true_names(outputs: Outputs) -> NDArray[np.str_]:
    """Return the true class of each test image by name, because trees may order the classes differently."""
    return np.array(outputs.classes)[outputs.target]
