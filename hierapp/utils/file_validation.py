"""Validate untrusted files by their content."""

from __future__ import annotations

import io
import pickletools
import tokenize
import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hierapp.errors import ArchiveError, one_line

if TYPE_CHECKING:
    from PIL import Image

IMAGE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF")
NAMED_FORMATS = "PNG, JPEG, GIF, BMP, WebP, TIFF, AVIF or PPM"
MOST_SIDE = 30_000  # pixels; a row takes memory of its own, however short it is
PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")

# Opcodes with which a pickle calls something.
_CALLS = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}
_LOOKED_AT = 64 * 1024


def check_image(file: Path, most_pixels: int) -> None:
    """Check that a file is an image that decodes completely.

    Raises:
        ArchiveError: if the content is in none of `IMAGE_FORMATS`, is corrupt, or has more than `most_pixels` pixels,
            more than Pillow's limit, or a side of more than `MOST_SIDE`.
    """
    decoded(file, most_pixels).close()


def decoded(file: Path, most_pixels: int, least: int | None = None) -> Image.Image:
    """Decode the image in a file completely, in the mode of the file; the first frame if there are several.

    Args:
        file: the file.
        most_pixels: maximum number of pixels.
        least: if given, a larger JPEG is decoded to a fraction of its size in which both sides have at least this many
            pixels, which takes less memory and time.

    Raises:
        ArchiveError: as `check_image`.
    """
    from PIL import Image, UnidentifiedImageError

    name = one_line(file.name)
    most = min(most_pixels, Image.MAX_IMAGE_PIXELS or most_pixels)
    too_large = ArchiveError(f"The image {name} has more than {most:,} pixels; resize it or leave it out.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about files that it can read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=_formats())
            try:
                if image.width * image.height > most:
                    raise too_large
                if max(image.size) > MOST_SIDE:
                    raise ArchiveError(
                        f"The image {name} has a side of {max(image.size):,} pixels, and up to {MOST_SIDE:,} are"
                        " read; make it smaller or leave it out."
                    )
                if least is not None:
                    image.draft(None, (least, least))  # has an effect on JPEG alone
                image.load()
            except BaseException:
                image.close()
                raise
            return image
    except ArchiveError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large from None
    except UnidentifiedImageError:
        raise ArchiveError(f"The file {name} is not a {NAMED_FORMATS} image; convert it or leave it out.") from None
    except MemoryError:
        raise ArchiveError(
            f"The image {name} needs more memory than is available for one image; resize it or leave it out."
        ) from None
    except Exception as error:  # Pillow's decoders raise arbitrary errors on corrupt files
        raise ArchiveError(f"The image {name} is broken or truncated; replace it or leave it out.") from error


@lru_cache
def _formats() -> tuple[str, ...]:
    # Pillow reads AVIF since 11.3.
    return tuple(name for name in IMAGE_FORMATS if name != "AVIF" or find_spec("PIL.AvifImagePlugin") is not None)


def refuse_pickle(file: Path) -> None:
    """Check that a file is not a pickle, by its name and its content.

    Raises:
        ArchiveError: if it is a pickle, or an .npy file of Python objects.
    """
    if file.suffix.lower() in PICKLE_SUFFIXES or _is_pickle(file):
        raise ArchiveError(
            f"The file {one_line(file.name)} is a Python pickle, which can run arbitrary code when it is loaded; save"
            " weights as .safetensors and arrays as .npy or .csv."
        )


def _is_pickle(file: Path) -> bool:
    with file.open("rb") as opened:
        beginning = opened.read(_LOOKED_AT)
        opened.seek(max(0, file.stat().st_size - _LOOKED_AT))
        end = opened.read()
    if beginning.startswith(b"\x93NUMPY"):
        return _holds_objects(file)
    if beginning.startswith(b"PK\x03\x04"):  # torch.save writes a zip that contains a pickle
        return b".pkl" in end  # the zip's directory
    # Since protocol 2 a pickle begins with a marker. Older ones are text; text counts as a pickle only if it is valid.
    if beginning[:1] == b"\x80" and beginning[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return _opcodes(beginning) is not None
    return bool(_CALLS & (_opcodes(beginning) or set())) and _is_sound(beginning)


def _opcodes(beginning: bytes) -> set[str] | None:
    """Return the names of the opcodes up to STOP or the end of the part read; None if this is not a pickle."""
    found = set()
    try:
        for opcode, _, _ in pickletools.genops(beginning):
            found.add(opcode.name)
    except ValueError as error:
        if "unknown" in str(error) or len(beginning) < _LOOKED_AT:
            return None
    return found


def _is_sound(pickled: bytes) -> bool:
    """Return whether every opcode has the arguments it needs on the stack."""
    try:
        pickletools.dis(pickled, out=io.StringIO())
    except (ValueError, LookupError):
        return False
    return True


def _holds_objects(file: Path) -> bool:
    """Return whether an .npy file contains pickled objects; False for a corrupt file."""
    with file.open("rb") as opened:
        try:
            version = np.lib.format.read_magic(opened)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            _, _, dtype = read(opened)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
            return False
    return bool(dtype.hasobject)
