"""Read features from a table: CSV with any delimiter, or Parquet; by pyarrow, which Streamlit brings."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports.options import Options
from hierapp.data.imports.rows.rows import LABELS, PARTS, TEXTS, Rows, known_name
from hierapp.errors import DatasetError, one_line, short, some
from hierapp.utils import text_files
from hierapp.utils.reading import open_file

MOST_CATEGORIES = 20  # a column of words with at most this many becomes a column of 0 and 1 for each
INDEX_NAMES = ("", "index", "id", "unnamed: 0", "row")
_SAMPLE = 2**16


def read_file(file: Path, shown: str, options: Options) -> Rows:
    """Read a table: one column of labels, optionally one of parts and one of texts; all other numbers are features.

    Raises:
        DatasetError: if it is not such a table; says what was expected.
    """
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise DatasetError("Tables are read by pyarrow, which is not installed; install it, or save an npz.") from None

    try:
        with open_file(file) as opened:
            is_parquet = opened.read(4) == b"PAR1"
        table = _parquet(file) if is_parquet else _csv(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = one_line(error).strip().rstrip(".")[:160]
        raise DatasetError(
            f"The table {one_line(shown)} cannot be read ({reason}); save it again as CSV or Parquet."
        ) from None
    names = list(table.column_names)
    if len(set(names)) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        raise DatasetError(f"The table has several columns named {some(twice)}; rename them.")
    if not table.num_rows:
        raise DatasetError(f"The table {one_line(shown)} has no rows below its header; add rows.")
    return _of_columns({name: _values(table.column(name)) for name in names}, options)


def _parquet(file: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(file, use_threads=False)


def _csv(file: Path) -> Any:
    from pyarrow import csv

    with open_file(file) as opened:
        sample = opened.read(_SAMPLE)
    source: Any = file
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        text = sample[: error.start].decode("utf-8") if error.start > len(sample) - 4 else ""
    if not text or "\0" in text or text_files.without_sep_line(text.lstrip("\ufeff"))[0]:
        # Another encoding, or Excel's first line.
        _, whole = text_files.without_sep_line(text_files.decode(file.read_bytes()))
        text = whole[:_SAMPLE].lstrip("\n")
        source = io.BytesIO(whole.lstrip("\n").encode())
    header = next((line for line in text.lstrip("\ufeff").splitlines() if line.strip()), "")
    delimiter = max(text_files.DELIMITERS.values(), key=header.count)
    cells = [cell.strip().strip('"') for cell in header.split(delimiter)]
    nameless = all(text_files.number(cell) is not None for cell in cells[:-1]) and len(cells) > 1
    comma = delimiter == ";" and any(
        text_files.number(cell, decimal_comma=True) is not None and "," in cell
        for line in text.splitlines()[1:20]
        for cell in line.split(delimiter)
    )
    return csv.read_csv(
        source,
        csv.ReadOptions(use_threads=False, column_names=[*_numbered(len(cells) - 1), "label"] if nameless else None),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        csv.ConvertOptions(decimal_point="," if comma else ".", strings_can_be_null=False),
    )


def _numbered(count: int) -> list[str]:
    return [f"column {place}" for place in range(1, count + 1)]


def _values(column: Any) -> NDArray[Any]:
    """Return a column as an array: numbers (a missing one is NaN), flags, strings (a missing one is empty), or lists of
    numbers as a matrix."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _matrix(column)
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.asarray(column.to_numpy(), bool)
    if pa.types.is_integer(kind) and not column.null_count:
        return np.asarray(column.to_numpy())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    if pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    try:
        words = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    except pa.ArrowException:  # such as nested records
        words = [str(each) for each in column.to_pylist()]
    return np.array(words, object)


def _matrix(column: Any) -> NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column)
    width = pc.max(lengths).as_py()
    if column.null_count or pc.min(lengths).as_py() != width or not pa.types.is_primitive(column.type.value_type):
        raise DatasetError("A column of lists has rows of different lengths or no numbers; give vectors of one length.")
    return np.asarray(pc.list_flatten(column).to_numpy()).reshape(len(column), width)


def _of_columns(columns: dict[str, NDArray[Any]], options: Options) -> Rows:
    names = list(columns)
    label = known_name(names, options.label, LABELS, "column") or _only_words(columns)
    if label is None:
        raise DatasetError(
            f"None of the columns {some(names)} is known as that of the labels; name it label, or choose the column."
        )
    part = known_name([name for name in names if name != label], options.part, PARTS, "column")
    if part is not None and not options.part and _is_measure(columns[part]):
        part = None  # such as the result of a medical test
    rest = [name for name in names if name not in (label, part)]
    text = known_name(rest, options.text, TEXTS, "column") or _column_of_texts({name: columns[name] for name in rest})
    if text is not None and not options.text and columns[text].dtype != object:
        text = None
    rest = [name for name in rest if name != text]
    if text is not None and (options.embed or not _has_numbers({name: columns[name] for name in rest})):
        return _of_texts(columns, label, part, text)
    vectors = [name for name in rest if columns[name].ndim == 2]
    numbers: list[NDArray[Any]] = []
    ignored: list[str] = []
    used: list[str] = []
    for name in rest:
        values = columns[name]
        if vectors:
            numbers += [values] if values.ndim == 2 else []
            (used if values.ndim == 2 else ignored).append(name)
        elif values.dtype == object:
            categories = sorted(set(values.tolist()) - {""})
            if len(categories) > MOST_CATEGORIES:
                ignored.append(name)
            else:
                numbers += [(values == each).astype(np.float64)[:, None] for each in categories]
                used += [f"{name} {each}" for each in categories]
        elif _is_index(name, values) or not np.isfinite(values.astype(np.float64)).any():
            ignored.append(name)
        else:
            numbers.append(values.astype(np.float64)[:, None])
            used.append(name)
    if not numbers:
        raise DatasetError(f"The table has no column of numbers beside {short(label)}; expected at least one feature.")
    features = numbers[0] if len(numbers) == 1 else np.concatenate(numbers, 1)
    said = f"{features.shape[1]:,} columns of numbers, labels in {label}{f', parts in {part}' if part else ''}"
    return Rows(
        said,
        features,
        columns[label],
        part=None if part is None else _flags(columns[part]),
        texts=None if text is None else [str(each) for each in columns[text].tolist()],
        columns=() if vectors else tuple(used),
        scaled=not vectors,
        ignored=ignored,
    )


def _has_numbers(columns: dict[str, NDArray[Any]]) -> bool:
    """Return whether there are features beside the texts."""
    words = (values for values in columns.values() if values.dtype == object)
    return any(len(set(values.tolist()) - {""}) <= MOST_CATEGORIES for values in words) or any(
        values.dtype != object and not _is_index(name, values) for name, values in columns.items()
    )


def _of_texts(columns: dict[str, NDArray[Any]], label: str, part: str | None, text: str) -> Rows:
    texts = [str(each) for each in columns[text].tolist()]
    return Rows(
        f"texts in {text}, labels in {label}{f', parts in {part}' if part else ''}",
        np.zeros((len(texts), 0), np.float32),
        columns[label],
        part=None if part is None else _flags(columns[part]),
        texts=texts,
        ignored=[name for name in columns if name not in (label, part, text)],
        embeds=True,
    )


def _flags(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.str_) if values.dtype == object else values


def _is_measure(values: NDArray[Any]) -> bool:
    return (
        values.ndim > 1
        or (values.dtype.kind == "f")
        or (values.dtype.kind in "iu" and not set(np.unique(values).tolist()) <= {0, 1})
    )


def _is_index(name: str, values: NDArray[Any]) -> bool:
    return (
        name.strip().casefold() in INDEX_NAMES and values.dtype.kind in "iu" and len(np.unique(values)) == len(values)
    )


def _only_words(columns: dict[str, NDArray[Any]]) -> str | None:
    """Return the only column of words that repeat, as those of classes do."""
    found = [
        name
        for name, values in columns.items()
        if values.dtype == object and 2 <= len(set(values.tolist())) <= max(2, len(values) // 2)
    ]
    return found[0] if len(found) == 1 else None


def _column_of_texts(columns: dict[str, NDArray[Any]]) -> str | None:
    """Return the column of words with the most different values, if there are too many for categories."""
    different: dict[str, int] = {
        name: len(set(values.tolist())) for name, values in columns.items() if values.dtype == object
    }
    best: Sequence[str] = sorted(different, key=lambda name: -different[name])[:1]
    return best[0] if best and different[best[0]] > MOST_CATEGORIES else None
