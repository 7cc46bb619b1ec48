"""Metrics of predictions, from a confusion matrix and from probabilities."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.metrics.confusion import confusion_matrix, report
    from hierapp.metrics.operating import operating_curve
    from hierapp.metrics.probabilities import probability_report
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(
        __name__,
        {
            "confusion": ["confusion_matrix", "report"],
            "operating": ["operating_curve"],
            "probabilities": ["probability_report"],
        },
    )

__all__ = ["confusion", "confusion_matrix", "operating_curve", "probabilities", "probability_report", "report"]
