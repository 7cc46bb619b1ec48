"""One picture of a stranger's as a square of uint8 colours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.images import in_colours, middle
from hierapp.data.imports.options import MOST_PIXELS
from hierapp.errors import ArchiveError, one_line
from hierapp.utils.file_validation import decoded

GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}


@dataclass(frozen=True)
class Square:
    """A picture that was read.

    Attributes:
        pixels: uint8 [side, side, 3].
        grey: whether the file has no colours.
        mode: Pillow's name for how the file stores pixels.
        size: the file's (width, height), upright.
        content: a hash of the whole picture's pixels; the same for two files of one picture.
    """

    pixels: NDArray[np.uint8]
    grey: bool
    mode: str
    size: tuple[int, int]
    content: bytes


def read(file: Path, side: int) -> Square:
    """Read a picture: turned upright as its EXIF data says, flattened on white, cut to its middle square, resized.

    A picture of that size already comes through as it is, pixel by pixel.

    Raises:
        ArchiveError: if it cannot be read, or is larger than any picture needs to be.
    """
    with decoded(file, MOST_PIXELS) as image:
        mode = image.mode
        try:
            colours = in_colours(image)
            # Fewer and larger steps than Image.tobytes; the size tells 2 x 3 from 3 x 2.
            content = hashlib.blake2b(repr(colours.size).encode(), digest_size=16)
            content.update(np.ascontiguousarray(colours).data)
            fitted = middle(colours, side, side)
        except Exception as error:  # Pillow raises anything on odd palettes and broken EXIF data
            raise ArchiveError(
                f"The picture {one_line(file.name)} cannot be turned into colours; convert it or leave it out."
            ) from error
    return Square(np.asarray(fitted), mode in GREY, mode, colours.size, content.digest())
