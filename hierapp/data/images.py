"""Read pictures of any kind into a network's input shape, and enlarge small images for display."""

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

# The largest cameras take pictures of this size.
MOST_PIXELS = 50_000_000

Pixels = NDArray[np.uint8]


def fitted(content: bytes, name: str, shape: tuple[int, int, int]) -> Pixels:
    """Read a picture and fit it to a network's input shape: crop to the aspect ratio, resize, convert to grey if C = 1.

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
    """Convert a picture to RGB, upright according to its EXIF data; transparency becomes white, 16 bits become 8.

    Pillow raises exceptions of any type on unusual palettes and damaged EXIF data.
    """
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey PNGs; Pillow's own conversion would clip them at 255.
        image = Image.fromarray((np.clip(np.asarray(image, np.float64), 0, 65535) / 257 + 0.5).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        image = Image.alpha_composite(white, with_alpha)
    return image.convert("RGB")


def middle(image: Image.Image, width: int, height: int) -> Image.Image:
    """Crop the largest central part with this aspect ratio and resize it; a picture of this size is returned as is."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def enlarged(image: NDArray[Any], side: int) -> Pixels:
    """Enlarge an image [H, W, C] by the largest integer factor for which its longer side has up to `side` pixels.

    Grey images are returned as [H, W].

    >>> enlarged(np.array([[[0], [255]]], np.uint8), 4).tolist()
    [[0, 0, 255, 255], [0, 0, 255, 255]]
    """
    times = max(1, side // max(image.shape[:2]))
    large: Pixels = image.astype(np.uint8).repeat(times, 0).repeat(times, 1)
    return large[..., 0] if large.shape[-1] == 1 else large
