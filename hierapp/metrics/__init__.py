"""Metrics of predictions, from a confusion matrix and from probabilities."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.metrics.accumulate import TreeMetrics
    from hierapp.metrics.confusion import confusion_matrix, report
    from hierapp.metrics.f_beta import hierarchical_f_beta
    from hierapp.metrics.iou import iou_report, mean_iou
    from hierapp.metrics.levels import level_report
    from hierapp.metrics.operating import operating_curve
    from hierapp.metrics.ordered import ordered_report
    from hierapp.metrics.probabilities import probability_report
    from hierapp.metrics.registry import METRICS, evaluate
    from hierapp.metrics.spec import MetricSpec
    from hierapp.metrics.temperature import fit_temperature, with_temperature
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(
        __name__,
        {
            "accumulate": ["TreeMetrics"],
            "confusion": ["confusion_matrix", "report"],
            "f_beta": ["hierarchical_f_beta"],
            "iou": ["iou_report", "mean_iou"],
            "levels": ["level_report"],
            "operating": ["operating_curve"],
            "ordered": ["ordered_report"],
            "probabilities": ["probability_report"],
            "registry": ["METRICS", "evaluate"],
            "spec": ["MetricSpec"],
            "temperature": ["fit_temperature", "with_temperature"],
        },
    )

__all__ = [
    "METRICS",
    "MetricSpec",
    "TreeMetrics",
    "confusion",
    "confusion_matrix",
    "evaluate",
    "fit_temperature",
    "hierarchical_f_beta",
    "iou_report",
    "level_report",
    "mean_iou",
    "operating_curve",
    "ordered_report",
    "probabilities",
    "probability_report",
    "report",
    "with_temperature",
]
