"""Label maps as pictures: overlays, mistakes colored by their distance in the tree, and a legend of the classes."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.contact_sheet import INK

if TYPE_CHECKING:
    from PIL import Image as PILImage

Pixels = NDArray[np.uint8]

GAP, LINE, SWATCH = 8, 20, 12
NEAR, FAR = (255, 225, 90), (200, 0, 40)  # mistakes of the smallest and the largest distance
SHADE = 0.35  # of the picture below mistakes
UNSURE, SURE = (24, 16, 72), (255, 238, 150)  # probabilities 0 and 1


def class_colors(count: int) -> Pixels:
    """Return a color for each class, [count, 3]; in the order of a tree's leaves, relatives have similar ones.

    >>> class_colors(3).shape
    (3, 3)
    """
    found = [
        colorsys.hls_to_rgb(0.92 * place / max(1, count), 0.42 if place % 2 else 0.62, 0.75) for place in range(count)
    ]
    colors: Pixels = np.rint(255 * np.array(found).reshape(count, 3)).astype(np.uint8)
    return colors


def overlay(image: Pixels, labels: NDArray[Any], colors: Pixels, opacity: float = 0.5) -> Pixels:
    """Lay the colors of the labels over an image; void shows the image alone.

    Args:
        image: [H, W, 1 or 3].
        labels: [H, W], positions in the colors; larger values are void.
        colors: [count, 3].
        opacity: from 0, the image alone, to 1, the colors alone.
    """
    base = np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.float64)
    known = labels < len(colors)
    over = colors[np.where(known, labels, 0)]
    mixed = np.where(known[..., None], (1 - opacity) * base + opacity * over, base)
    found: Pixels = np.rint(mixed).astype(np.uint8)
    return found


def mistakes(image: Pixels, true: NDArray[Any], predicted: NDArray[Any], distances: NDArray[Any]) -> Pixels:
    """Color the wrong pixels of an image by the distance from the true to the predicted class, yellow to red.

    Args:
        image: [H, W, 1 or 3]; shown in gray below.
        true: [H, W], positions in the leaves; larger values are void and never wrong.
        predicted: [H, W], positions in the leaves.
        distances: [L, L], the distances between the leaves.
    """
    gray = np.repeat(np.rint(image.mean(2, keepdims=True) * SHADE), 3, 2)
    known = true < len(distances)
    far = np.where(known, distances[np.where(known, true, 0), predicted], 0)
    color = _between(far / max(float(distances.max()), 1e-9), NEAR, FAR)
    found: Pixels = np.rint(np.where((far > 0)[..., None], color, gray)).astype(np.uint8)
    return found


def shares(values: NDArray[Any]) -> Pixels:
    """Color values from 0, dark, to 1, bright: [H, W] to [H, W, 3].

    >>> shares(np.array([[0.0, 1.0]]))[0].tolist() == [list(UNSURE), list(SURE)]
    True
    """
    found: Pixels = np.rint(_between(values.astype(np.float64), UNSURE, SURE)).astype(np.uint8)
    return found


def _between(share: NDArray[Any], low: Sequence[int], high: Sequence[int]) -> NDArray[np.float64]:
    """Return colors [H, W, 3] between two, by a share [H, W]."""
    found: NDArray[np.float64] = (1 - share[..., None]) * np.array(low) + share[..., None] * np.array(high)
    return found


def png(picture: Pixels, width: int) -> bytes:
    """Return a picture [H, W, 3] as a PNG of a width."""
    out = io.BytesIO()
    _resized(picture, width, max(1, round(picture.shape[0] * width / picture.shape[1]))).save(out, "PNG")
    return out.getvalue()


def grid(
    rows: Sequence[Sequence[Pixels]],
    titles: Sequence[str] = (),
    legend: Sequence[tuple[str, Sequence[int]]] = (),
    theme: str = "light",
    width: int = 1180,
) -> bytes:
    """Return rows of pictures of one size as a PNG with a transparent background, under titles and over a legend.

    Args:
        rows: the pictures, [H, W, 3] each.
        titles: a title for each column.
        legend: names with their colors.
        theme: "light" or "dark", the theme of the page.
        width: of the PNG at most, in pixels; the pictures are enlarged or made smaller to fit.
    """
    from PIL import Image, ImageDraw, ImageFont

    columns = max(map(len, rows))
    cell = max(1, min((width - GAP * (columns - 1)) // columns, 4 * rows[0][0].shape[1]))
    height = max(1, round(rows[0][0].shape[0] * cell / rows[0][0].shape[1]))
    font, ink = ImageFont.load_default(14), INK.get(theme, INK["light"])
    places = _flow([name for name, _ in legend], font, max(width, cell))
    top = LINE if titles else 0
    full = top + len(rows) * (height + GAP) + (1 + max((line for _, line in places), default=-1)) * LINE
    ends = [x + _wide(name, font) for (x, _), (name, _) in zip(places, legend, strict=True)]
    right = max(columns * (cell + GAP), *ends, 1)
    out = Image.new("RGBA", (right, full))
    draw = ImageDraw.Draw(out)
    for column, title in enumerate(titles):
        draw.text((column * (cell + GAP), 0), title, ink, font)
    for line, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            out.paste(_resized(picture, cell, height), (column * (cell + GAP), top + line * (height + GAP)))
    below = top + len(rows) * (height + GAP)
    for (x, line), (name, color) in zip(places, legend, strict=True):
        y = below + line * LINE
        draw.rectangle((x, y + 3, x + SWATCH, y + 3 + SWATCH), tuple(int(part) for part in color))
        draw.text((x + SWATCH + 5, y), name, ink, font)
    png = io.BytesIO()
    out.save(png, "PNG")
    return png.getvalue()


def _resized(picture: Pixels, width: int, height: int) -> PILImage.Image:
    from PIL import Image

    larger = width >= picture.shape[1]
    resample = Image.Resampling.NEAREST if larger else Image.Resampling.BICUBIC
    return Image.fromarray(picture).resize((width, height), resample)


def _wide(name: str, font: Any) -> int:
    return int(font.getlength(name)) + SWATCH + 5 + 2 * GAP


def _flow(names: Sequence[str], font: Any, width: int) -> list[tuple[int, int]]:
    """Return the place of each entry of a legend, as x and line."""
    found, x, line = [], 0, 0
    for name in names:
        if x and x + _wide(name, font) > width:
            x, line = 0, line + 1
        found.append((x, line))
        x += _wide(name, font)
    return found
