"""Analysis of finished runs: tables, groups by configuration, comparisons, confusion over the tree."""

__all__ = [
    "calibration",
    "cell_images",
    "comparison",
    "confusion_tree",
    "groups",
    "paired_runs",
    "reevaluation",
    "summary",
    "tables",
]
