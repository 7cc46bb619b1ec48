"""Read an untrusted picture as a square of uint8 colors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.images import MOST_LEVEL, SHARPNESS, is_deep, middle, shrunk
from hierapp.data.imports.options import MOST_PIXELS
from hierapp.errors import ArchiveError, one_line
from hierapp.utils.file_validation import decoded

ORIENTATION, SIDEWAYS = 0x0112, range(5, 9)  # EXIF: these are turned by a quarter
# Suffixes of formats that have no more bits; these are not decoded twice.
EIGHT_BITS = (".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp")
GRAY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}


@dataclass(frozen=True)
class Fitted:
    """A picture as read from its file, fitted to a size.

    Attributes:
        pixels: uint8 [H, W, 3].
        gray: whether the file has no colors.
        mode: Pillow's mode of the file.
        size: the file's (width, height), upright.
        content: hash of the pixels before cropping and resizing; equal for two files with the same picture, unless it
            is large and only one of the two is turned by EXIF data.
    """

    pixels: NDArray[np.uint8]
    gray: bool
    mode: str
    size: tuple[int, int]
    content: bytes


def read(file: Path, side: int, white: float = MOST_LEVEL) -> Fitted:
    """Read a picture as `read_as` does, with the central square at this side."""
    return read_as(file, side, side, white)


def read_as(file: Path, height: int, width: int, white: float = MOST_LEVEL) -> Fitted:
    """Read a picture: rotate it upright by its EXIF data, put it on white, crop it to the aspect ratio and resize it.

    The pixels of a picture that already has this size are not changed. `white` is the value of white in a picture of
    more than 8 bits.

    Raises:
        ArchiveError: if it cannot be read or has too many pixels.
    """
    with decoded(file, MOST_PIXELS) as image:
        mode = image.mode
        try:
            turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
            size = (image.height, image.width) if turned else image.size
            # The size distinguishes 2 x 3 from 3 x 2.
            content = hashlib.blake2b(repr(size).encode(), digest_size=16)
            fitted = middle(shrunk(image, SHARPNESS * max(height, width), content.update, white), width, height)
        except Exception as error:  # Pillow raises any type on unusual palettes and damaged EXIF data
            raise ArchiveError(
                f"The image {one_line(file.name)} cannot be converted to RGB; convert it or leave it out."
            ) from error
    return Fitted(np.asarray(fitted), mode in GRAY, mode, size, content.digest())


def brightest(file: Path) -> tuple[str, float] | None:
    """Return the mode and the largest value of a picture of more than 8 bits; None for others and unreadable ones."""
    if file.suffix.lower() in EIGHT_BITS:
        return None
    try:
        with decoded(file, MOST_PIXELS) as image:
            if not is_deep(image.mode):
                return None
            values = np.asarray(image)
            return image.mode, float(np.nanmax(values, initial=0.0, where=np.isfinite(values)))
    except ArchiveError:
        return None


def white_of(mode: str, brightest: float) -> float:
    """Return the value of white in pictures of this mode, from the largest value in all of them.

    Cameras write 10, 12 or 14 bits into 16, and floating pictures often go from 0 to 1.

    >>> white_of("I;16", 4000.0), white_of("F", 0.9)
    (4095.0, 1.0)
    """
    if mode == "F" and brightest <= 1:
        return 1.0
    return next((2.0**bits - 1 for bits in (8, 10, 12, 14, 16, 24) if brightest < 2**bits), 2.0**32 - 1)
