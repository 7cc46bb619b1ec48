"""Read an untrusted picture as a square of uint8 colours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.images import SHARPNESS, middle, shrunk
from hierapp.data.imports.options import MOST_PIXELS
from hierapp.errors import ArchiveError, one_line
from hierapp.utils.file_validation import decoded

ORIENTATION, SIDEWAYS = 0x0112, range(5, 9)  # EXIF: these are turned by a quarter
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}


@dataclass(frozen=True)
class Square:
    """A picture as read from its file.

    Attributes:
        pixels: uint8 [side, side, 3].
        grey: whether the file has no colours.
        mode: Pillow's mode of the file.
        size: the file's (width, height), upright.
        content: hash of the pixels before cropping and resizing; equal for two files with the same picture, unless it
            is large and only one of the two is turned by EXIF data.
    """

    pixels: NDArray[np.uint8]
    grey: bool
    mode: str
    size: tuple[int, int]
    content: bytes


def read(file: Path, side: int) -> Square:
    """Read a picture: rotate it upright by its EXIF data, put it on white, crop the central square and resize it.

    The pixels of a picture that already has this size are not changed.

    Raises:
        ArchiveError: if it cannot be read or has too many pixels.
    """
    least = SHARPNESS * side
    with decoded(file, MOST_PIXELS) as image:
        mode = image.mode
        try:
            turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
            size = (image.height, image.width) if turned else image.size
            # The size distinguishes 2 x 3 from 3 x 2.
            content = hashlib.blake2b(repr(size).encode(), digest_size=16)
            fitted = middle(shrunk(image, least, content.update), side, side)
        except Exception as error:  # Pillow raises any type on unusual palettes and damaged EXIF data
            raise ArchiveError(
                f"The image {one_line(file.name)} cannot be converted to RGB; convert it or leave it out."
            ) from error
    return Square(np.asarray(fitted), mode in GREY, mode, size, content.digest())
