"""The CSV file of a study: a row for each seed, group, permutation and decoder."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hierapp.errors import StoreError
from hierapp.utils import files, private
from hierapp.utils.reading import read_text

TEXTS = ("group", "loss", "decoder")
COUNTS = ("seed", "permutation", "epoch", "train_part")
Row = dict[str, str | int | float | None]


def write(rows: Sequence[Row], file: Path) -> None:
    """Write rows to a file and replace what is there; numbers have six significant digits, None is empty.

    Raises:
        StoreError: if the file cannot be written; the previous content stays.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
    try:
        private.make_folder(file.parent)
        files.replace(text.getvalue().encode(), file)
    except OSError as error:
        raise StoreError(
            f"The results cannot be written to {file} ({error.strerror or error}); choose another --output."
        ) from error


def read(file: Path) -> list[Row]:
    """Read the rows of a file.

    Raises:
        StoreError: if it cannot be read, or is not the CSV file of a study.
    """
    try:
        table = list(csv.DictReader(io.StringIO(read_text(file))))
        found = [{name: _value(name, text) for name, text in row.items()} for row in table]
        if not found or not all(row["group"] and row["decoder"] and row["seed"] is not None for row in found):
            raise ValueError("incomplete")
        return found
    except OSError as error:
        raise StoreError(f"The file {file} cannot be read ({error.strerror or error}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error):
        raise StoreError(
            f"The file {file} does not contain the results of a study; create it again with `python -m hierapp study"
            " run`."
        ) from None


def _value(name: str, text: str) -> str | int | float | None:
    if name in TEXTS:
        return text
    if not text:
        return None
    return int(text) if name in COUNTS else float(text)
