"""Contact sheets of a data set as PNG: rows of sample images under the name of each class."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data import registry

CELL = 40  # minimum size in pixels of a picture on the sheet
GAP, LABEL = 4, 20
TILE, LINE = 84, 15  # a picture with lines of text under it
CLASSES = 100  # per sheet
PICTURES = 8  # per class
WIDTH = 1180
INK = {"light": "#1b2430", "dark": "#e8edf3"}


def sheets(name: str) -> int:
    """Return the number of sheets for a data set."""
    return -(-len(registry.find(name).class_names) // CLASSES)


def shown_classes(name: str, sheet: int = 0) -> tuple[str, ...]:
    """Return the names of the classes on a sheet, for its alternative text."""
    return registry.find(name).class_names[sheet * CLASSES : (sheet + 1) * CLASSES]


def render(name: str, theme: str = "light", sheet: int = 0, folder: Path | None = None) -> bytes:
    """Render one sheet as a PNG with a transparent background.

    The sheet always shows the same training images of each class, evenly spaced over the file.

    Args:
        name: the data set.
        theme: "light" or "dark", the theme of the page.
        sheet: index of the sheet, counted from 0; each has up to `CLASSES` classes.
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the data set cannot be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    _, labels = registry.arrays(name, "train", folder)
    images = registry.images(name, "train", folder)
    classes = registry.find(name, folder).class_names
    chosen = range(sheet * CLASSES, min(len(classes), (sheet + 1) * CLASSES))
    cell = max(CELL, images.shape[1]) if images.shape[1] <= 2 * CELL else 2 * CELL
    strip = PICTURES * (cell + GAP)
    columns = max(1, min(WIDTH // (strip + 4 * GAP), len(chosen)))
    block = cell + LABEL + 3 * GAP
    rows = -(-len(chosen) // columns)
    out = Image.new("RGBA", (columns * (strip + 4 * GAP), rows * block))
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(14)
    for place, label in enumerate(chosen):
        left, top = place % columns * (strip + 4 * GAP), place // columns * block
        draw.text((left, top), _cut(classes[label], font, strip), INK.get(theme, INK["light"]), font)
        for turn, row in enumerate(_spread(np.flatnonzero(labels == label))):
            out.paste(_picture(images[row], cell), (left + turn * (cell + GAP), top + LABEL))
    png = io.BytesIO()
    out.save(png, "PNG")
    return png.getvalue()


def captioned(
    images: NDArray[np.uint8], captions: Sequence[Sequence[str]], theme: str = "light", width: int = WIDTH
) -> bytes:
    """Render images with captions as a PNG with a transparent background.

    Args:
        images: [n, H, W, C], n >= 1.
        captions: n lists of lines, all of the same length; lines that are too long are cut.
        theme: "light" or "dark", the theme of the page.
        width: width of the sheet in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    lines = len(captions[0])
    columns = min(len(images), max(1, width // (TILE + 3 * GAP)))
    block = TILE + lines * LINE + 3 * GAP
    out = Image.new("RGBA", (columns * (TILE + 3 * GAP), -(-len(images) // columns) * block))
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(12)
    for place, (image, said) in enumerate(zip(images, captions, strict=True)):
        left, top = place % columns * (TILE + 3 * GAP), place // columns * block
        out.paste(_picture(image, TILE), (left, top))
        for number, text in enumerate(said):
            at = (left, top + TILE + GAP + number * LINE)
            draw.text(at, _cut(text, font, TILE + 2 * GAP), INK.get(theme, INK["light"]), font)
    png = io.BytesIO()
    out.save(png, "PNG")
    return png.getvalue()


def _picture(image: NDArray[np.uint8], side: int) -> Any:
    """Convert an array [H, W, C] to a square image of `side` pixels."""
    from PIL import Image

    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    resample = Image.Resampling.NEAREST if side >= image.shape[0] else Image.Resampling.BICUBIC
    return picture.convert("RGB").resize((side, side), resample)


def _spread(rows: NDArray[np.int64]) -> Sequence[int]:
    """Return up to `PICTURES` of the rows, evenly spaced."""
    if len(rows) <= PICTURES:
        found: list[int] = rows.tolist()
        return found
    return [int(rows[len(rows) * turn // PICTURES]) for turn in range(PICTURES)]


def _cut(text: str, font: object, width: int) -> str:
    measured = font.getlength  # type: ignore[attr-defined]
    if measured(text) <= width:
        return text
    while text and measured(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
