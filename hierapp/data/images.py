"""Read pictures of any kind into a network's input shape, and enlarge small images for display."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ArchiveError, one_line
from hierapp.utils.file_validation import decoded

if TYPE_CHECKING:
    from PIL import Image

# The largest cameras take pictures of this size.
MOST_PIXELS = 50_000_000
LARGE = 4_000_000  # pixels of a picture that is made smaller in steps
STRIP = 1_000_000  # pixels that are converted at a time
SHARPNESS = 3  # a large picture is first reduced to at least this many times the side that is wanted

MOST_LEVEL = 65535.0  # white in a picture of 16 bits

Pixels = NDArray[np.uint8]


def fitted(content: bytes, name: str, shape: tuple[int, int, int]) -> Pixels:
    """Read a picture and fit it to a network's input shape: crop to the aspect ratio, resize, convert to gray if C = 1.

    Transparent areas become white.

    Args:
        content: content of the picture's file.
        name: its name, for messages.
        shape: (H, W, C) with C = 1 or 3.

    Returns:
        uint8 [H, W, C].

    Raises:
        ArchiveError: if it is not a picture, is damaged, or has more than `MOST_PIXELS` pixels.
    """
    height, width, channels = shape
    with tempfile.TemporaryDirectory() as folder:
        # A fixed name, because the browser's can be any text; messages show the last part of the browser's name.
        file = Path(folder) / (one_line(Path(name).name)[:60].replace("/", "_").replace("\0", "_") or "picture")
        file.write_bytes(content)
        least = SHARPNESS * max(width, height)
        with decoded(file, MOST_PIXELS, least) as opened:
            try:
                small = middle(shrunk(opened, least), width, height)
            except Exception as error:
                raise ArchiveError(f"The image {one_line(name)} cannot be converted to RGB; save it as PNG.") from error
    pixels = np.asarray(small if channels == 3 else small.convert("L"), np.uint8)
    return pixels.reshape(height, width, channels).copy()


def in_colors(image: Image.Image, white: float = MOST_LEVEL) -> Image.Image:
    """Convert a picture to RGB, upright according to its EXIF data; transparency becomes white, 16 bits become 8.

    `white` is the value of white in a picture of more than 8 bits.

    Pillow raises exceptions of any type on unusual palettes and damaged EXIF data.
    """
    from PIL import ImageOps

    return _in_rgb(ImageOps.exif_transpose(image), white)


def shrunk(
    image: Image.Image,
    least: int,
    told: Callable[[memoryview], object] = lambda _: None,
    white: float = MOST_LEVEL,
) -> Image.Image:
    """Convert a picture as `in_colors`; one of more than `LARGE` pixels is made smaller before it is turned upright.

    A large picture is converted in strips, so that it takes little more memory than the decoded one.

    Args:
        image: the picture.
        least: neither side of a large picture becomes shorter than this, unless it is.
        told: called with the colors of the picture, of a large one strip by strip.
        white: see `in_colors`.
    """
    if image.width * image.height <= LARGE:
        colors = in_colors(image, white)
        told(np.ascontiguousarray(colors).data)
        return colors
    from PIL import Image, ImageOps

    factor = max(1, min(image.size) // max(least, 1))
    rows = max(1, STRIP // (image.width * factor)) * factor
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strip.info = image.info  # crop leaves out which palette entry is transparent
        colors = _in_rgb(strip, white)
        told(np.ascontiguousarray(colors).data)
        small.paste(colors.reduce(factor), (0, top // factor))
    small.getexif().update(image.getexif())
    return ImageOps.exif_transpose(small)


def _in_rgb(image: Image.Image, white: float) -> Image.Image:
    from PIL import Image

    if is_deep(image.mode):
        # 16-bit gray PNGs; Pillow's own conversion would clip them at 255.
        levels = np.nan_to_num(np.asarray(image, np.float64)).clip(0, white)
        image = Image.fromarray((levels * (255 / white) + 0.5).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", with_alpha.size, "white"), with_alpha)
    return image.convert("RGB")


def is_deep(mode: str) -> bool:
    """Return whether Pillow's mode has more than 8 bits per pixel."""
    return mode.startswith("I") or mode == "F"


def middle(image: Image.Image, width: int, height: int) -> Image.Image:
    """Crop the largest central part with this aspect ratio and resize it; a picture of this size is returned as is."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def enlarged(image: NDArray[Any], side: int) -> Pixels:
    """Enlarge an image [H, W, C] by the largest integer factor for which its longer side has up to `side` pixels.

    Gray images are returned as [H, W].

    >>> enlarged(np.array([[[0], [255]]], np.uint8), 4).tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    times = max(1, side // max(image.shape[:2]))
    large: Pixels = image.astype(np.uint8).repeat(times, 0).repeat(times, 1)
    return large[..., 0] if large.shape[-1] == 1 else large
