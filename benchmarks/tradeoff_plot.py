"""The picture of the README: accuracy against severity of mistakes of each group of a table of docs/results.md, as SVG.

python -m benchmarks.tradeoff_plot
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from hierapp.paths import project_folder

SECTION = "Losses on CIFAR-100, with tests"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 64, 20, 40, 56
# Above or below its point, so that no label covers another.
BELOW = {"hierarchical-convex", "cross-entropy, min-risk decoding"}
STYLE = """
svg { color: #1b2430; background: #fff } .grid { stroke: #e3e6ea } .plain { fill: #7f7f7f; stroke: #7f7f7f }
.tree { fill: #1f83c4; stroke: #1f83c4 } .decoded { fill: #d98a00; stroke: #d98a00 } text { fill: currentColor }
text.plain, text.tree, text.decoded { stroke: none }
@media (prefers-color-scheme: dark) { svg { color: #dfe5ec; background: #10161d } .grid { stroke: #2b3541 }
.plain { fill: #a9b1ba; stroke: #a9b1ba } .tree { fill: #58b0ea; stroke: #58b0ea }
.decoded { fill: #f0b24a; stroke: #f0b24a } }
"""


Scale = Callable[[float], float]


class Group(NamedTuple):
    """A row of the table: means and sample standard deviations over its runs."""

    name: str
    runs: int
    accuracy: tuple[float, float]
    severity: tuple[float, float]


def groups(text: str, section: str = SECTION) -> list[Group]:
    """Read the first table of a section of docs/results.md."""
    found = []
    lines = text.split(f"\n## {section}\n")[1].split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("| group | n |"))
    titles = [cell.strip() for cell in lines[start].strip("|").split("|")]
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = dict(zip(titles, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        pair = {name: re.match(r"([\d.]+) ± ([\d.]+)", cells[name]) for name in ("accuracy", "severity")}
        accuracy, severity = ((float(each[1]), float(each[2])) for each in pair.values() if each)
        found.append(Group(cells["group"], int(cells["n"]), accuracy, severity))
    return found


def svg(rows: Sequence[Group]) -> str:
    """Severity from left to right, smaller on the right; accuracy upward; bars are standard deviations."""
    rows = [row for row in rows if "control" not in row.name]
    severities = [row.severity[0] + side * row.severity[1] for row in rows for side in (-1, 1)]
    accuracies = [row.accuracy[0] + side * row.accuracy[1] for row in rows for side in (-1, 1)]
    most, least = max(severities) + 0.02, min(severities) - 0.02
    low, high = min(accuracies) - 0.004, max(accuracies) + 0.006

    def x(severity: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (most - severity) / (most - least)

    def y(accuracy: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - accuracy) / (high - low)

    parts = [
        _text(LEFT, 24, "CIFAR-100: how often right, and how wrong when wrong", 'font-weight="bold" font-size="16"')
    ]
    for tick in range(int(low * 100) + 1, int(high * 100) + 1):
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick / 100):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y(tick / 100) + 4, f"{tick} %", 'text-anchor="end"'))
    for tick in range(int(least * 20) + 1, int(most * 20) + 1):
        parts.append(f'<path class="grid" d="M{x(tick / 20):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(_text(x(tick / 20), HEIGHT - BOTTOM + 18, f"{tick / 20:.2f}", 'text-anchor="middle"'))
    (runs,) = {row.runs for row in rows}
    below = f"severity: mean distance of the mistakes in the tree, less severe → (mean ± deviation of {runs} seeds)"
    parts.append(_text(LEFT, HEIGHT - 12, below))
    parts.append(_text(LEFT + 6, TOP + 14, "↑ accuracy on the test images"))
    parts += [_point(row, x, y) for row in rows]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' font-family="sans-serif" font-size="12"><title>Accuracy against severity of mistakes</title>'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'


def _point(row: Group, x: Scale, y: Scale) -> str:
    (accuracy, spread), (severity, width) = row.accuracy, row.severity
    kind = "plain" if row.name == "cross-entropy" else "decoded" if "decoding" in row.name else "tree"
    left, right, center = x(severity + width), x(severity - width), x(severity)
    top, bottom, middle = y(accuracy + spread), y(accuracy - spread), y(accuracy)
    to_right = kind != "plain" and center < WIDTH - 180
    label = _text(
        center + (8 if to_right else -8),
        middle + (17 if row.name in BELOW else -8),
        row.name,
        f'class="{kind}" font-size="13" text-anchor="{"start" if to_right else "end"}"',
    )
    bars = f"M{left:.1f} {middle:.1f}H{right:.1f}M{center:.1f} {top:.1f}V{bottom:.1f}"
    return (
        f'<g class="{kind}"><path d="{bars}" opacity="0.6"/>'
        f'<circle cx="{center:.1f}" cy="{middle:.1f}" r="5"/></g>{label}'
    )


def main() -> None:
    """Write docs/images/tradeoff.svg."""
    docs = project_folder() / "docs"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=docs / "images" / "tradeoff.svg")
    args = parser.parse_args()
    args.out.write_text(svg(groups((docs / "results.md").read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
