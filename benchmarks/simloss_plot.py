"""The figures of `simloss_bounds` as SVG: one panel a figure over the lower bound, cross-entropy as a band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 220, 52, 34, 40, 24
BLUE, GRAY, INK = "#1f83c4", "#7F7F7F", "#1b2430"


def svg(found: Mapping[tuple[str, float | None], Mapping[str, Any]], figures: Sequence[str], plain: str) -> str:
    """A panel for each of the figures.

    Args:
        found: by loss and bound, for each figure its mean and deviation (None of one run), as `simloss_bounds.summary`.
        figures: which ones.
        plain: the loss without a bound.
    """
    panels = "".join(
        f'<g transform="translate({number * (WIDTH + GAP)},0)">{_panel(found, figure, plain)}</g>'
        for number, figure in enumerate(figures)
    )
    width = len(figures) * (WIDTH + GAP) - GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
        f' font-family="sans-serif" font-size="11" fill="{INK}"><rect width="100%" height="100%" fill="#fff"/>'
        f"{panels}</svg>\n"
    )


def _panel(found: Mapping[tuple[str, float | None], Mapping[str, Any]], figure: str, plain: str) -> str:
    points = [(bound, *_spread(each[figure])) for (_, bound), each in found.items() if bound is not None]
    base = [_spread(each[figure]) for (loss, bound), each in found.items() if loss == plain and bound is None]
    lows = [low for _, _, low, _ in points] + [low for _, low, _ in base]
    highs = [high for _, _, _, high in points] + [high for _, _, high in base]
    low, high = min(lows), max(highs)
    margin = (high - low) * 0.08 or 0.01
    low, high = low - margin, high + margin
    bounds = [bound for bound, *_ in points] or [0.0]
    first, last = min(bounds), max(bounds)

    def x(bound: float) -> float:
        return LEFT + 8 + (WIDTH - LEFT - 16) * ((bound - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [f'<text x="{LEFT}" y="18" font-size="13" font-weight="bold">{escape(figure)}</text>']
    for value in _round_values(low, high):
        parts.append(
            f'<path d="M{LEFT} {y(value):.1f}H{WIDTH}" stroke="#e3e6ea"/>'
            f'<text x="{LEFT - 5}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for mean, least, most in base:
        parts.append(
            f'<rect x="{LEFT}" y="{y(most):.1f}" width="{WIDTH - LEFT}" height="{y(least) - y(most):.1f}"'
            f' fill="{GRAY}" opacity="0.2"/>'
            f'<path d="M{LEFT} {y(mean):.1f}H{WIDTH}" stroke="{GRAY}" stroke-dasharray="5 3"/>'
            f'<text x="{WIDTH}" y="18" text-anchor="end" fill="{GRAY}">╌ {escape(plain)}</text>'
        )
    line = "L".join(f"{x(bound):.1f} {y(mean):.1f}" for bound, mean, _, _ in points)
    if points:
        parts.append(f'<path d="M{line}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    for bound, mean, least, most in points:
        parts.append(
            f'<path d="M{x(bound):.1f} {y(least):.1f}V{y(most):.1f}" stroke="{BLUE}"/>'
            f'<circle cx="{x(bound):.1f}" cy="{y(mean):.1f}" r="3.5" fill="{BLUE}"/>'
            f'<text x="{x(bound):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{bound:g}</text>'
        )
    middle = (LEFT + WIDTH) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">lower bound of SimLoss</text>')
    return "".join(parts)


def _round_values(low: float, high: float) -> list[float]:
    """Three to seven multiples of 1, 2 or 5 times a power of ten between two values."""
    power = 10 ** math.floor(math.log10(high - low))
    step = next(each for each in (power / 5, power / 2, power) if (high - low) / each <= 6)
    return [round(step * count, 10) for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _spread(figure: tuple[float, float | None]) -> tuple[float, float, float]:
    mean, deviation = figure
    return mean, mean - (deviation or 0.0), mean + (deviation or 0.0)
