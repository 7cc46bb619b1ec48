"""Summaries of the operating curve; see `operating_curve`."""

from __future__ import annotations

from typing import Any

from hierapp.metrics.operating import operating_curve
from hierapp.metrics.spec import Evaluated, MetricSpec

METRICS = (
    MetricSpec("average_correct", "average correct over specificity", "share", True),
    MetricSpec("specificity_at_90", "bits at 90 % correct", "bits", True),
    MetricSpec("depth_at_90", "depth at 90 % correct", "depth", True),
)


def compute(given: Evaluated) -> dict[str, Any]:
    """Compute the metrics."""
    curve = operating_curve(given.log_probs, given.target, given.tree)
    point = curve.at_correct(0.9)
    return {
        "average_correct": curve.average_correct,
        "specificity_at_90": point["specificity"],
        "depth_at_90": point["depth"],
    }
