"""Similarities as CSV: a header of class names, then one row per class that begins with its name.

Cells are separated by commas, or by semicolons or tabs, where numbers may have a decimal comma. Rows and columns are
matched by name, in any order. Lines before the header that begin with "# " describe the file, for example
`# title: CIFAR-10, by name`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import numpy as np

from hierapp.errors import ConfigError, one_line, short, some
from hierapp.similarities.similarity import ROUNDING, Similarity
from hierapp.trees.names import name_of
from hierapp.utils import text_files

LARGEST_FILE = 20_000_000  # bytes
MOST_CLASSES = 1_000


def parse_bytes(data: bytes, file_name: str) -> tuple[Similarity, dict[str, str]]:
    """Read a file and return the similarity and its description; every error message begins with the file's name.

    Raises:
        ConfigError: if it is too large, not UTF-8, or not such a CSV.
    """
    name = one_line(file_name)
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"{name}: larger than {LARGEST_FILE // 1_000_000} MB; a similarity may have at most {MOST_CLASSES:,}"
            " classes, and a few digits per number are enough."
        )
    try:
        text = text_files.decode(data)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from None
    try:
        said, body = _split(text)
        return parse(body), said
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def parse(text: str) -> Similarity:
    """Read a similarity from CSV text; the matrix may be asymmetric.

    Raises:
        ConfigError: if names are missing, unknown or duplicate, or a cell is not a number from 0 to 1; negative cosines
            become 0 with a DataWarning.

    >>> parse(",cat,dog\\ndog,0.5,1\\ncat,1,0.25\\n").over(["cat", "dog"]).tolist()
    [[1.0, 0.25], [0.5, 1.0]]
    """
    rows, decimal_comma = _table(text)
    if not rows:
        raise ConfigError("The file is empty; expected a line of class names and then one row per class.")
    names = [name_of(name) for name in rows[0][1][1:]]
    if len(names) == 0:
        raise ConfigError(
            f"Expected the first line to be an empty cell and then the class names but got"
            f" {short(','.join(rows[0][1]))}; separate the cells with commas, semicolons or tabs."
        )
    if len(names) > MOST_CLASSES:
        raise ConfigError(f"The file has {len(names):,} classes; expected at most {MOST_CLASSES:,}.")
    place = {name: number for number, name in enumerate(names)}
    if len(place) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(f"The first line names {some(twice)} twice; name each class once.")
    matrix = np.full((len(names), len(names)), np.nan)
    seen: set[str] = set()
    for line, row in rows[1:]:
        own = name_of(row[0])
        if own not in place:
            raise ConfigError(f"Line {line} is the row of {short(own)}, which is not in the first line.")
        if own in seen:
            raise ConfigError(f"Line {line} is a second row of {own!r}; give each class one row.")
        if len(row) != len(names) + 1:
            raise ConfigError(
                f"Expected {len(names) + 1} cells in line {line}, as in the first line, but got {len(row)}."
            )
        seen.add(own)
        matrix[place[own]] = [
            _number(cell, own, other, decimal_comma) for other, cell in zip(names, row[1:], strict=True)
        ]
    if missing := [name for name in names if name not in seen]:
        raise ConfigError(f"There is no row for {some(missing)}; give each class of the first line a row.")
    return Similarity.of(names, matrix)


def render(similarity: Similarity, about: Mapping[str, str] | None = None, digits: int | None = None) -> str:
    """Write a similarity as CSV text for `parse` and `parse_bytes`.

    Args:
        similarity: the similarity.
        about: the description before the header, by key; line breaks become spaces.
        digits: decimals of each number; by default as many as are needed to restore it exactly.

    >>> print(render(Similarity.of(["cat", "dog"], [[1, 0.25], [0.5, 1]]), {"title": "Pets"}), end="")
    # title: Pets
    ,cat,dog
    cat,1,0.25
    dog,0.5,1
    """
    lines = [f"# {key}: {' '.join(value.split())}\n" for key, value in (about or {}).items() if value.strip()]
    written = io.StringIO(newline="")
    names = [text_files.csv_cell(name) for name in similarity.classes]
    written.write(",".join(["", *names]) + "\n")
    for name, row in zip(names, similarity.matrix.tolist(), strict=True):
        numbers = (_digits(value if digits is None else round(value, digits)) for value in row)
        written.write(",".join([name, *numbers]) + "\n")
    return "".join(lines) + written.getvalue()


def about(start: str) -> dict[str, str]:
    """Read the description of a file from its beginning."""
    return _split(start)[0]


def _split(text: str) -> tuple[dict[str, str], str]:
    """Return the description and the text with its lines left empty, so that line numbers do not change."""
    said: dict[str, str] = {}
    lines = 0
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        lines += 1
        key, colon, value = line[2:].partition(":")
        if colon:
            said[key.strip()] = value.strip()
    return said, "\n" * lines + text


def _table(text: str) -> tuple[list[text_files.Row], bool]:
    """Return the rows, and whether numbers may have a decimal comma: separated by what gives a row for each column."""
    given, text = text_files.without_sep_line(text)
    marks = [given] if given else [mark for mark in text_files.DELIMITERS.values() if mark in text] or [","]
    first: list[text_files.Row] | None = None
    broken: text_files.TableError | None = None
    for mark in marks:
        try:
            rows = text_files.rows(text, mark)
        except text_files.TableError as error:
            broken = broken or error
            continue
        if rows and len(rows[0][1]) > 1 and {row[0] for _, row in rows[1:]} & set(rows[0][1][1:]):
            return rows, mark != ","
        first = first or rows
    if first is None and broken is not None:
        raise ConfigError(str(broken))
    return first or [], False


def _number(cell: str, row: str, column: str, decimal_comma: bool) -> float:
    number = text_files.number(cell, decimal_comma)
    if number is None or not -1 - ROUNDING <= number <= 1 + ROUNDING:
        raise ConfigError(f"Expected a number from 0 to 1 for {row!r} and {column!r} but got {short(cell)}.")
    if row == column and not math.isclose(number, 1.0, abs_tol=ROUNDING):
        raise ConfigError(f"Expected 1 for {row!r} and itself but got {short(cell)}.")
    return number


def _digits(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
