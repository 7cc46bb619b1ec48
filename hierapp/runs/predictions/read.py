"""Read a file of predictions in any of the formats, and lists of labels and class names in files of their own."""

from __future__ import annotations

import zipfile

from hierapp.errors import PredictionsError
from hierapp.runs.predictions import arrays, tables
from hierapp.runs.predictions.raw import MOST_TEXT, RawPredictions, Source, check_texts, role_named
from hierapp.trees import LabelTree
from hierapp.utils import text_files

LARGEST = 4 * 10**9  # bytes
FORMATS = "npz, npy, CSV and Parquet"
PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt")


def read(source: Source, tree: LabelTree) -> RawPredictions:
    """Read a file; its format is determined by its content.

    Raises:
        PredictionsError: if it is in none of the formats, damaged, too large, or has other classes than the tree.
    """
    beginning = _beginning(source)
    if beginning.startswith(arrays.MAGIC):
        return arrays.read_npy(source)
    if beginning.startswith(b"PAR1"):
        return tables.read_parquet(source, tree)
    if beginning.startswith(arrays.ZIP_MAGIC) and source.suffix not in PICKLE_SUFFIXES and _holds_arrays(source):
        return arrays.read_npz(source)
    if source.suffix in (".csv", ".tsv", ".txt") and not beginning.startswith(arrays.ZIP_MAGIC):
        return tables.read_csv(source, tree)
    if source.suffix in PICKLE_SUFFIXES or beginning[:1] == b"\x80":
        raise PredictionsError(
            f"The file {source.shown} is a Python pickle, which is never loaded because it can run code; save the"
            " predictions with numpy.savez."
        )
    raise PredictionsError(
        f"The file {source.shown} is not in a format that is read; save the predictions as one of {FORMATS}."
    )


def read_list(source: Source, what: str) -> list[str]:
    """Read labels or class names: an .npy file, or a text file with one on each line.

    A text file with several columns needs a header that names the column.

    Raises:
        PredictionsError: if it is not such a file.
    """
    beginning = _beginning(source)
    if beginning.startswith(arrays.MAGIC):
        return arrays.texts_of(arrays.read_array(source.file, what, source.shown), what, source.shown)
    try:
        text = text_files.decode(source.file.read(4 * MOST_TEXT))
        lines = [row for _, row in text_files.rows(text, "\t" if "\t" in text else ",")]
    except (UnicodeDecodeError, text_files.TableError):
        lines = []
    if not lines or "\0" in text:
        raise PredictionsError(
            f"The file {source.shown} is not a list of {what}; give a text file with one on each line, or an .npy file."
        )
    named = [place for place, name in enumerate(lines[0]) if role_named(name) == what]
    if len(named) == 1:
        place, lines = named[0], lines[1:]
    elif max(map(len, lines)) > 1:
        raise PredictionsError(
            f"The file {source.shown} has several columns and none of them is named {what}; keep the column of {what}."
        )
    else:
        place = 0
    if any(len(row) <= place for row in lines):
        raise PredictionsError(f"The file {source.shown} has a line without {what}; complete it.")
    found = [row[place] for row in lines]
    check_texts(found, source.shown)
    return found


def _beginning(source: Source) -> bytes:
    size = source.size
    if size > LARGEST:
        raise PredictionsError(
            f"The file {source.shown} has {size / 1e9:.1f} GB, and up to {LARGEST / 1e9:.0f} GB are read; split it."
        )
    if size == 0:
        raise PredictionsError(f"The file {source.shown} is empty; export the predictions again.")
    beginning = source.file.read(16)
    source.file.seek(0)
    return beginning


def _holds_arrays(source: Source) -> bool:
    """Return whether a zip is an .npz file, possibly a damaged one, and not weights or a spreadsheet."""
    try:
        with zipfile.ZipFile(source.file) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return source.suffix == ".npz"
    finally:
        source.file.seek(0)
