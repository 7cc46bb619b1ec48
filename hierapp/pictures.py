"""Pictures in and out: a stranger's picture in a network's shape, and a small image large enough to be seen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ArchiveError, one_line
from hierapp.file_contents import IMAGE_FORMATS, check_image

# The largest cameras' pictures have as many.
MOST_PIXELS = 50_000_000

Pixels = NDArray[np.uint8]


def fitted(content: bytes, name: str, shape: tuple[int, int, int]) -> Pixels:
    """A picture's middle, in a network's shape: cut to the sides' ratio, made smaller or larger, grey if it must be.

    What is transparent becomes white.

    Args:
        content: the picture's file.
        name: its name, for messages.
        shape: (H, W, C), of 1 or 3 channels.

    Returns:
        uint8 [H, W, C].

    Raises:
        ArchiveError: if it is no picture, broken, or has more than `MOST_PIXELS` pixels.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with tempfile.TemporaryDirectory() as folder:
        # A name of our own, for the browser's may be anything; the message has the last part of the browser's.
        file = Path(folder) / (one_line(Path(name).name)[:60].replace("/", "_").replace("\0", "_") or "picture")
        file.write_bytes(content)
        check_image(file, MOST_PIXELS)
        with Image.open(file, formats=IMAGE_FORMATS) as opened:
            try:
                upright = ImageOps.exif_transpose(opened).convert("RGBA")
            except (OSError, ValueError, SyntaxError) as error:
                raise ArchiveError(
                    f"The picture {one_line(name)} cannot be read in colours; convert it to PNG."
                ) from error
    whole = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    small = ImageOps.fit(whole.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(small if channels == 3 else small.convert("L"), np.uint8)
    return pixels.reshape(height, width, channels).copy()


def enlarged(image: NDArray[Any], side: int) -> Pixels:
    """An image [H, W, C] so many times larger, each pixel a square, that its longer side has at most `side` pixels.

    Grey ones come as [H, W].

    >>> enlarged(np.array([[[0], [255]]], np.uint8), 4).tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    times = max(1, side // max(image.shape[:2]))
    large: Pixels = image.astype(np.uint8).repeat(times, 0).repeat(times, 1)
    return large[..., 0] if large.shape[-1] == 1 else large
