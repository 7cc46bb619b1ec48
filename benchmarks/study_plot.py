"""The picture of the README: accuracy and mean distance of each loss of a study, with two decoders, as SVG.

python -m benchmarks.study_plot
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from hierapp.paths import project_folder
from hierapp.studies import library, rows, verdicts
from hierapp.studies.spec import Study

STUDY = "cifar100-features"
REFERENCE = "cross-entropy"
# With this head and optimizer these are one and the same, see docs/protocol.md.
MERGED = {"hierarchical": "", "hierarchical-convex": "", "conditional": "conditional, hierarchical, h.-convex"}
READ = {"leaf": "most probable class", "temperature+min-risk": "least expected distance in the tree"}
WIDTH, ROW, TOP, BOTTOM, NAMES, GAP = 860, 25, 66, 60, 232, 44
PANEL = (WIDTH - NAMES - 20 - GAP) / 2
STYLE = """
svg { color: #1b2430; background: #fff } .grid { stroke: #e3e6ea } .leaf { stroke: #7f7f7f; fill: #fff }
.risk { stroke: #d98a00; fill: #d98a00 } .line { stroke: #c3c9d0 } .zero { stroke: #7f7f7f; stroke-dasharray: 3 3 }
text { fill: currentColor }
@media (prefers-color-scheme: dark) { svg { color: #dfe5ec; background: #10161d } .grid { stroke: #2b3541 }
.leaf { stroke: #a9b1ba; fill: #10161d } .risk { stroke: #f0b24a; fill: #f0b24a } .line { stroke: #4a5663 }
.zero { stroke: #a9b1ba } }
"""


class Panel(NamedTuple):
    """One of the two metrics: where it is drawn, and between which values."""

    metric: str
    title: str
    left: float
    low: float
    high: float
    step: float
    text: Callable[[float], str]

    def x(self, value: float) -> float:
        return self.left + PANEL * (value - self.low) / (self.high - self.low)


Means = dict[str, dict[str, tuple[float, float]]]  # group, decoder: mean and deviation


def means(study: Study, metric: str) -> Means:
    """Return mean and sample standard deviation over the complete seeds, from the results that ship."""
    given = rows.read(library.shipped_csv(study))
    found = verdicts.by_seed(given, verdicts.complete_seeds(study, given), metric)
    return {
        group.name: {
            decoder: (fmean(values), stdev(values))
            for decoder in READ
            for values in [list(found[group.name, decoder].values())]
        }
        for group in study.groups
    }


def svg(study: Study) -> str:
    """One row for each loss, ordered by accuracy; bars are standard deviations over the seeds."""
    accuracy, distance = means(study, "accuracy"), means(study, "mean_distance")
    names = sorted((name for name in accuracy if MERGED.get(name, name)), key=lambda name: -accuracy[name]["leaf"][0])
    first = Panel("accuracy", "accuracy, more is better →", NAMES, *_range(accuracy, 0.02), lambda x: f"{x:.0%}")
    second = Panel(
        "mean distance",
        "← mean distance of a prediction, less is better",
        NAMES + PANEL + GAP,
        *_range(distance, 0.05),
        lambda x: f"{x:.2f}",
    )
    height = TOP + ROW * len(names) + BOTTOM
    parts = [
        _text(
            16,
            24,
            f"CIFAR-100, one linear layer over fixed features, {study.seeds} seeds",
            'font-weight="bold" font-size="16"',
        )
    ]
    for panel, values in ((first, accuracy), (second, distance)):
        parts += _frame(panel, height - BOTTOM, values[REFERENCE]["leaf"][0])
        for place, name in enumerate(names):
            parts += _row(panel, values[name], TOP + ROW * (place + 0.5))
    for place, name in enumerate(names):
        weight = ' font-weight="bold"' if name == REFERENCE else ""
        parts.append(
            _text(NAMES - 12, TOP + ROW * (place + 0.5) + 4, MERGED.get(name, name), f'text-anchor="end"{weight}')
        )
    parts += _legend(height - 14)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' font-family="sans-serif" font-size="13"><title>Accuracy and mean distance of losses</title>'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _range(values: Means, step: float) -> tuple[float, float, float]:
    """Return the ends of an axis, multiples of the step, and the step."""
    given = [mean + side * width for of in values.values() for mean, width in of.values() for side in (-1, 1)]
    return int(min(given) / step) * step, (int(max(given) / step) + 1) * step, step


def _frame(panel: Panel, bottom: float, reference: float) -> list[str]:
    parts = [_text(panel.left, TOP - 14, panel.title, 'font-size="12"')]
    ticks = round((panel.high - panel.low) / panel.step)
    for tick in range(ticks + 1):
        value = panel.low + tick * panel.step
        parts.append(f'<path class="grid" d="M{panel.x(value):.1f} {TOP}V{bottom}"/>')
        parts.append(_text(panel.x(value), bottom + 16, panel.text(value), 'text-anchor="middle" font-size="12"'))
    parts.append(f'<path class="zero" d="M{panel.x(reference):.1f} {TOP}V{bottom}"/>')
    return parts


def _row(panel: Panel, of: dict[str, tuple[float, float]], y: float) -> list[str]:
    ends = [panel.x(of[decoder][0]) for decoder in READ]
    parts = [f'<path class="line" d="M{ends[0]:.1f} {y:.1f}H{ends[1]:.1f}"/>']
    for kind, decoder in zip(("leaf", "risk"), READ, strict=True):
        mean, width = of[decoder]
        parts.append(f'<path class="{kind}" d="M{panel.x(mean - width):.1f} {y:.1f}H{panel.x(mean + width):.1f}"/>')
        parts.append(f'<circle class="{kind}" cx="{panel.x(mean):.1f}" cy="{y:.1f}" r="4.5" stroke-width="1.8"/>')
    return parts


def _legend(y: float) -> list[str]:
    parts = [_text(16, y, "prediction:")]
    for kind, words, x in zip(("leaf", "risk"), READ.values(), (104, 262), strict=True):
        parts.append(f'<circle class="{kind}" cx="{x}" cy="{y - 4:.1f}" r="4.5" stroke-width="1.8"/>')
        parts.append(_text(x + 10, y, words))
    parts.append(_text(WIDTH - 20, y, "dashed: cross-entropy; bars: deviation of the seeds", 'text-anchor="end"'))
    return parts


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'


def main(arguments: Sequence[str] | None = None) -> None:
    """Write docs/images/losses.svg."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default=STUDY)
    parser.add_argument("--out", type=Path, default=project_folder() / "docs" / "images" / "losses.svg")
    args = parser.parse_args(arguments)
    args.out.write_text(svg(library.find(args.study)), encoding="utf-8")


if __name__ == "__main__":
    main()
