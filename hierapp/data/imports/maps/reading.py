"""Read an untrusted label map, and fit it to the size of its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports.maps.classes import ClassTable
from hierapp.data.imports.options import MOST_PIXELS
from hierapp.data.imports.pictures import ORIENTATION, SIDEWAYS
from hierapp.errors import ArchiveError, DatasetError, one_line
from hierapp.utils.file_validation import decoded

if TYPE_CHECKING:
    from PIL import Image

Ints = NDArray[np.int32]
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
COLORED = ("RGB", "RGBA", "RGBX")


def size_of(file: Path) -> tuple[int, int] | None:
    """Return (width, height) of a picture, upright, from its header; None if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
            return (image.height, image.width) if turned else image.size
    except Exception:  # Pillow raises errors of any type
        return None


def read_map(file: Path, table: ClassTable | None) -> tuple[Ints, bool]:
    """Read the values of a label map, int32 [H, W], and whether they are colors, as 65536 r + 256 g + b.

    Maps with a palette have the values that are stored, unless the table names all colors in it.

    Raises:
        ArchiveError: if it cannot be read, or is a JPEG, whose values are not exact.
        DatasetError: if it has colors, but there is no table of colors.
    """
    if file.suffix.lower() in LOSSY:
        raise ArchiveError(
            f"The label map {one_line(file.name)} is a {file.suffix[1:].upper()}, whose values are not exact; save it"
            " as PNG."
        )
    with decoded(file, MOST_PIXELS) as image:
        if image.mode in COLORED or _has_named_palette(image, table):
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
            if (rgb == rgb[..., :1]).all() and not (table and table.by_color):
                return rgb[..., 0], False
            if table is None or not table.by_color:
                raise DatasetError(
                    f"The label map {one_line(file.name)} has colors, and there is no table that says which class each"
                    " is; put a file classes.csv with the columns name, r, g, b beside the folders."
                )
            return 65536 * rgb[..., 0] + 256 * rgb[..., 1] + rgb[..., 2], True
        if image.mode in ("LA", "PA"):
            return np.asarray(image)[..., 0].astype(np.int32), False
        if image.mode in ("L", "P", "I", "1") or image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.int32), False
    raise ArchiveError(
        f"The label map {one_line(file.name)} has the mode {image.mode}; expected one channel of class indices, or"
        " colors."
    )


def _has_named_palette(image: Image.Image, table: ClassTable | None) -> bool:
    """Return whether a picture with a palette has only colors that the table names."""
    if image.mode != "P" or table is None or not table.by_color:
        return False
    used = image.convert("RGB").getcolors(MOST_PIXELS) or []
    return all(isinstance(color, tuple) and _packed(color) in table.by_color for _, color in used)


def _packed(color: tuple[int, ...]) -> int:
    return 65536 * color[0] + 256 * color[1] + color[2]


def fit(labels: Ints, height: int, width: int) -> Ints:
    """Crop a map to the aspect ratio and resize it as pictures are, by taking the nearest pixel."""
    from PIL import Image, ImageOps

    if labels.shape == (height, width):
        return labels
    image = Image.fromarray(labels, "I")
    fitted: Ints = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.NEAREST)).astype(np.int32)
    return fitted
