"""Decode text files by their content, and split them into rows of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
# Excel writes the delimiter of a file into its first line.
_SEP_LINE = re.compile(r"\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n|$)", re.IGNORECASE)

Row = tuple[int, list[str]]


class TableError(ValueError):
    """The text is not a table; the message is one sentence."""


def decode(data: bytes) -> str:
    r"""Decode UTF-8, or UTF-16 and UTF-32 with a byte order mark; UTF-16 is also recognized by its zero bytes.

    Raises:
        UnicodeDecodeError: if the data is none of these.

    >>> decode("\ufeffcat".encode("utf-16"))
    'cat'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding).lstrip("\ufeff")
    encoding = _without_mark(data) or "utf-8"
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError:
        if encoding == "utf-8":
            raise
        return data.decode("utf-8").lstrip("\ufeff")


def _without_mark(data: bytes) -> str | None:
    """Return the encoding of UTF-16 without a mark: every other byte of most scripts' delimiters and letters is 0."""
    if len(data) < 4 or len(data) % 2:
        return None
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if odd > 0.4 * len(data) / 2 and even < 0.1 * odd:
        return "utf-16-le"
    if even > 0.4 * len(data) / 2 and odd < 0.1 * even:
        return "utf-16-be"
    return None


def without_sep_line(text: str) -> tuple[str | None, str]:
    r"""Return the delimiter of a `sep=` line at the start, and the text with this line left empty.

    >>> without_sep_line("sep=;\na;b")
    (';', '\na;b')
    """
    found = _SEP_LINE.match(text)
    return (None, text) if found is None else (found[1], "\n" + text[found.end() :])


def rows(text: str, delimiter: str) -> list[Row]:
    r"""Split text into rows of stripped cells, with line numbers; empty lines are left out.

    Raises:
        TableError: if the quotes are broken.

    >>> rows('a, "b, c"\n\nd,e', ",")
    [(1, ['a', 'b, c']), (3, ['d', 'e'])]
    """
    # newline="" keeps line breaks within quotes as they are.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row and row != [""]]
    except csv.Error as error:
        raise TableError(f"Broken CSV in line {reader.line_num}: {error}.") from None


def number(cell: str, decimal_comma: bool = False) -> float | None:
    """Return the number in a cell, or None.

    >>> number("0,5", decimal_comma=True), number("cat")
    (0.5, None)
    """
    if decimal_comma and re.fullmatch(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", cell):
        cell = cell.replace(",", ".")
    # float() also reads digits with underscores and of other scripts.
    if not re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", cell):
        return None
    return float(cell)


def csv_cell(text: str) -> str:
    """Return a text as a cell of a CSV file.

    csv.writer does not quote a lone carriage return, at which csv.reader ends the row.

    >>> csv_cell("cat, gray"), csv_cell("cat")
    ('"cat, gray"', 'cat')
    """
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\r\n') else text
