"""Which files are pictures: by suffix or, for other suffixes and none, by their first bytes."""

from __future__ import annotations

import re
from pathlib import Path

# The content decides later whether such a file can be read.
SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
        *(".avif", ".avifs", ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
_SIGNATURE = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|RIFF....WEBP|II\*\0|MM\0\*|....ftyp(?:avi[fs]|hei[cfmsx]|hev|mif1|msf1)"
    rb"|P[1-6]\s+[\d#]|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    re.DOTALL,
)


def is_picture(file: Path) -> bool:
    """Return whether a file is meant as a picture."""
    if file.suffix.lower() in SUFFIXES:
        return True
    try:
        with file.open("rb") as opened:
            return _SIGNATURE.match(opened.read(32)) is not None
    except OSError:
        return False
