"""Tables for spreadsheets, in which no text of a user is taken for a formula.

Spreadsheets run cells such as `=HYPERLINK("http://...")` when a CSV file is opened, and some divide its lines at
semicolons, whatever is quoted. Files that are read back have exact names instead: trees, similarities, confusion
matrices.
"""

from __future__ import annotations

import csv
import re
from typing import Any

import pandas as pd

# OWASP, CSV Injection: where a cell may begin, and the characters with which a formula begins, in half and full width.
_FORMULA = re.compile(r"(^|;)(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|([\t\r\n])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def guarded(text: str) -> str:
    """Return the text with ' before what a spreadsheet would take for a formula; numbers are not changed.

    >>> guarded("=1+2"), guarded("-1.5"), guarded("a;=b")
    ("'=1+2", '-1.5', "a;'=b")
    """
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1\2'", text)


def to_csv(frame: pd.DataFrame, index: bool = False) -> str:
    """Write a table as CSV, with its texts guarded, and quoted: csv does not quote a carriage return by itself."""
    safe = frame.map(_cell).rename(columns=_cell, index=_cell)
    return str(safe.to_csv(index=index, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC))


def _cell(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value
