"""Metrics at every level of the tree; see `level_report`."""

from __future__ import annotations

from typing import Any

from hierapp.metrics.levels import level_report
from hierapp.metrics.spec import Evaluated, MetricSpec

METRICS = (
    MetricSpec("level_marginal_accuracy", "accuracy of the likeliest node of the level", "share", True, per="level"),
    MetricSpec("level_log_loss", "log loss", "nats", False, per="level"),
    MetricSpec("level_calibration_error", "calibration error", "share", False, per="level"),
)


def compute(given: Evaluated) -> dict[str, Any]:
    """Compute the metrics."""
    return {**level_report(given.log_probs, given.target, given.tree)}
