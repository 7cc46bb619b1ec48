"""What is stored of checked predictions: outputs, confusion matrix and test metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hierapp import metrics
from hierapp.data import registry as datasets
from hierapp.errors import PredictionsError
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.runs.predictions.checked import Predictions, check
from hierapp.runs.predictions.raw import Kind, RawPredictions
from hierapp.training import predictions as outputs_file
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree
from hierapp.utils import private

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GIVEN = "the given outputs"


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Outputs [n, L], their confusion matrix [L, L] and their test metrics."""

    outputs: Outputs
    confusion: csr_array
    test: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the outputs into a run's folder, under their name once they are complete."""
        from safetensors.numpy import save_file

        private.make_folder(folder)
        file = folder / outputs_file.FILE
        side = file.with_name(f"{file.name}.part")
        save_file(self.outputs.tensors(), side, metadata=self.outputs.about())
        side.replace(file)


def evaluate(checked: Predictions, tree: LabelTree, data: str, epoch: int = 0) -> Evaluated:
    """Compute the test metrics of predictions for the test part of a data set."""
    outputs = Outputs.of(np.exp(checked.log_probs), checked.target, tree.leaves, data, epoch)
    counts = sparse_confusion_matrix(checked.target, outputs.predicted, len(tree.leaves))
    order = datasets.order_of(data, tree.leaves)
    test = metrics.evaluate(checked.log_probs, checked.target, tree, counts=counts, ordered=order)
    if checked.coarse:
        test |= {"coarse_samples": checked.coarse, "coarse_accuracy": checked.coarse_accuracy}
    return Evaluated(outputs, counts, test)


def check_arrays(values: ArrayLike, targets: ArrayLike, tree: LabelTree, kind: Kind | None = None) -> Predictions:
    """Check outputs [n, L] in the order of the leaves, and true classes [n] as positions in them.

    Raises:
        PredictionsError: if shapes, classes or values are not those of predictions over the leaves of the tree.
    """
    try:
        found, classes = np.asarray(values), np.asarray(targets)
    except ValueError:
        raise PredictionsError(f"The rows of {GIVEN} have different lengths; give one number for each class.") from None
    size = len(tree.leaves)
    if found.ndim != 2 or found.dtype.kind not in "biuf":
        raise PredictionsError(
            f"Outputs of the shape [n, {size}] were expected but got {list(found.shape)} of the type {found.dtype};"
            " give the probabilities of all classes."
        )
    if classes.ndim != 1 or classes.dtype.kind not in "iu" or ((classes < 0) | (classes >= size)).any():
        raise PredictionsError(
            f"Expected for the true classes whole numbers from 0 to {size - 1}, positions in the leaves of the tree;"
            " give one for each row."
        )
    names = [tree.leaves[place] for place in classes.tolist()]
    floats = found if found.dtype.kind == "f" else found.astype(np.float64)
    return check(RawPredictions(floats, kind, list(tree.leaves), names), tree, GIVEN, kind)
