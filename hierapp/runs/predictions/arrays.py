"""Read predictions from npy and npz files, without pickle, and without trusting the sizes that they claim."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import PredictionsError, short, some
from hierapp.runs.predictions.raw import (
    MOST_NUMBERS,
    MOST_TEXT,
    OTHER_NAMES,
    RawPredictions,
    Source,
    check_size,
    check_texts,
    kind_named,
    known_name,
    one_of,
    role_named,
)

MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK\x03\x04"
MOST_ARRAYS = 1_000
MOST_RATIO, LARGE = 200, 100 * 10**6  # bytes per packed byte of an array with more than LARGE bytes
CHUNK = 1 << 20


def read_npy(source: Source) -> RawPredictions:
    """Read an .npy file, which has the values only.

    Raises:
        PredictionsError: if it is damaged, too large, or not a table of numbers.
    """
    return RawPredictions(_table(read_array(source.file, source.shown, source.shown), source.shown, source.shown))


def read_npz(source: Source) -> RawPredictions:
    """Read an .npz file; its arrays are recognized by their names, see `raw`.

    Raises:
        PredictionsError: if it is damaged, too large, has no values or several kinds of values.
    """
    shown = source.shown
    try:
        with zipfile.ZipFile(source.file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()[: MOST_ARRAYS + 1]}
            if len(members) > MOST_ARRAYS:
                raise PredictionsError(f"The file {shown} has more than {MOST_ARRAYS:,} arrays; keep the needed ones.")
            for info in members.values():
                if info.file_size > LARGE and info.file_size > MOST_RATIO * info.compress_size:
                    raise PredictionsError(
                        f"The array {short(info.filename)} of {shown} is large and packed to less than 1/{MOST_RATIO}"
                        " of its size, as hostile files are; save it with numpy.savez, which does not pack."
                    )
            return _of_arrays(archive, members, shown)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise PredictionsError(
            f"The file {shown} is damaged or not an .npz file ({error}); save it again with numpy.savez."
        ) from None


def read_array(file: BinaryIO, name: str, shown: str) -> NDArray[Any]:
    """Read an array in the format of .npy files.

    Raises:
        PredictionsError: if it is damaged, too large, or of Python objects.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(file)
    except (ValueError, OSError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        raise PredictionsError(
            f"The array {short(name)} of {shown} is damaged or not in numpy's format; save it again."
        ) from None
    if dtype.hasobject:
        raise PredictionsError(
            f"The array {short(name)} of {shown} holds Python objects, which are never loaded because they can run"
            " code; save texts with `.astype(str)` and numbers as floats."
        )
    if dtype.kind not in "biufUS" or len(shape) > 4:
        raise PredictionsError(
            f"The array {short(name)} of {shown} has the type {dtype} and the shape {list(shape)}, but numbers or texts"
            " were expected; save it as floats, integers or texts."
        )
    count = 1
    for side in shape:
        count *= int(side)
    size = count * dtype.itemsize
    if count > MOST_NUMBERS or size > max(8 * MOST_NUMBERS, 4 * MOST_TEXT):
        raise PredictionsError(
            f"The array {short(name)} of {shown} has {count:,} entries, and up to {MOST_NUMBERS:,} are read; split it."
        )
    content = _exactly(file, size)
    if content is None:
        raise PredictionsError(f"The array {short(name)} of {shown} is cut off; save or copy the file again.")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def texts_of(array: NDArray[Any], name: str, shown: str) -> list[str]:
    """Return a list of names, texts or positions from an array.

    Raises:
        PredictionsError: if it is not a list of texts or integers.
    """
    flat = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
    if flat.ndim == 1 and flat.dtype.kind == "f" and np.array_equal(flat, np.floor(flat)) and (abs(flat) < 2**53).all():
        flat = flat.astype(np.int64)
    if flat.ndim != 1 or flat.dtype.kind not in "biuUS":
        raise PredictionsError(
            f"The array {short(name)} of {shown} has the shape {list(array.shape)} and the type {array.dtype}, but a"
            " list of names or integers was expected; save one entry for each row."
        )
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8", "replace")
    found = [str(value) for value in flat.tolist()] if flat.dtype.kind != "b" else [str(int(v)) for v in flat.tolist()]
    check_texts(found, shown)
    return found


def _of_arrays(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], shown: str) -> RawPredictions:
    roles: dict[str, str | None] = {}
    for role in ("labels", "classes", "paths", "texts"):
        roles[role] = one_of([name for name in members if role_named(name) == role], f"arrays of {role}", shown)
    named = [name for name in members if kind_named(name)]
    named = named or [name for name in members if known_name(name) in OTHER_NAMES]
    key = one_of(named, "arrays of predictions", shown)
    if key is None:
        raise PredictionsError(
            f"The file {shown} has no array named probabilities, log_probs or logits, but"
            f" {some(sorted(members)) or 'nothing'}; rename the array of the predictions."
        )
    values = _table(_member(archive, members[key], key, shown), key, shown)
    found = RawPredictions(values, kind_named(key))
    for role, name in roles.items():
        if name is not None:
            array = _member(archive, members[name], name, shown)
            if role == "paths" and array.dtype.kind not in "US":
                continue  # pixels
            setattr(found, role, texts_of(array, name, shown))
    return found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, shown: str) -> NDArray[Any]:
    with archive.open(info) as opened:
        return read_array(opened, name, shown)  # type: ignore[arg-type] # only its method read is used


def _table(array: NDArray[Any], name: str, shown: str) -> NDArray[Any]:
    if array.ndim > 2:
        raise PredictionsError(
            f"The array {short(name)} of {shown} has the shape {list(array.shape)}, but label maps are imported as"
            " rows: give one row of probabilities for each labeled pixel, and its label."
        )
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise PredictionsError(
            f"The array {short(name)} of {shown} has the shape {list(array.shape)} and the type {array.dtype}, but a"
            " table of numbers with a row for each example and a column for each class was expected; give the"
            " probabilities of all classes."
        )
    check_size(len(array), array.shape[1], shown)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _exactly(file: BinaryIO, size: int) -> bytearray | None:
    """Read that many bytes, piece by piece: a damaged header must not reserve memory that the file does not fill."""
    out = bytearray()
    while len(out) < size:
        piece = file.read(min(CHUNK, size - len(out)))
        if not piece:
            return None
        out += piece
    return out
