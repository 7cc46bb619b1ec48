"""Cells of the tables of results."""

from __future__ import annotations

from hierapp import stats


def against_baseline(family: stats.Family, name: str) -> str:
    """Return mean and deviation of a sample and, below, its difference from the baseline; a star if it is shown."""
    sample = family.samples[name]
    text = f"{sample.mean:.4f} ± {sample.deviation:.4f}"
    for each in family.comparisons:
        if each.first == name:
            text += f"<br>{each.mean_difference.value:+.4f}, p {each.p_adjusted:.3f}"
            text += " *" if each.is_significant else ""
    return text
