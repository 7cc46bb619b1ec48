"""Pictures in and out: a stranger's picture in a network's shape, and a small image large enough to be seen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ArchiveError, one_line
from hierapp.utils.file_validation import decoded

if TYPE_CHECKING:
    from PIL import Image

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
    height, width, channels = shape
    with tempfile.TemporaryDirectory() as folder:
        # A name of our own, for the browser's may be anything; the message has the last part of the browser's.
        file = Path(folder) / (one_line(Path(name).name)[:60].replace("/", "_").replace("\0", "_") or "picture")
        file.write_bytes(content)
        with decoded(file, MOST_PIXELS) as opened:
            try:
                small = middle(in_colours(opened), width, height)
            except Exception as error:
                raise ArchiveError(
                    f"The picture {one_line(name)} cannot be read in colours; convert it to PNG."
                ) from error
    pixels = np.asarray(small if channels == 3 else small.convert("L"), np.uint8)
    return pixels.reshape(height, width, channels).copy()


def in_colours(image: Image.Image) -> Image.Image:
    """The picture in RGB, upright as its EXIF data says: what is transparent becomes white, 16 bits become 8.

    Pillow raises anything on odd palettes and broken EXIF data.
    """
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        # PNG's 16-bit greys; Pillow's own conversion would cut them off at 255.
        image = Image.fromarray((np.clip(np.asarray(image, np.float64), 0, 65535) / 257 + 0.5).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        image = Image.alpha_composite(white, with_alpha)
    return image.convert("RGB")


def middle(image: Image.Image, width: int, height: int) -> Image.Image:
    """The largest middle part with these sides' ratio, resized; a picture of that size already comes as it is."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def enlarged(image: NDArray[Any], side: int) -> Pixels:
    """An image [H, W, C] so many times larger, each pixel a square, that its longer side has at most `side` pixels.

    Grey ones come as [H, W].

    >>> enlarged(np.array([[[0], [255]]], np.uint8), 4).tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    times = max(1, side // max(image.shape[:2]))
    large: Pixels = image.astype(np.uint8).repeat(times, 0).repeat(times, 1)
    return large[..., 0] if large.shape[-1] == 1 else large
