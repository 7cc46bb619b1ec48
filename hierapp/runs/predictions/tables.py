"""Read predictions from CSV and Parquet files, with one column for each class."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from hierapp.errors import PredictionsError, short, some
from hierapp.runs.predictions.raw import (
    IGNORED,
    MOST_TEXT,
    Kind,
    RawPredictions,
    Role,
    Source,
    check_size,
    check_texts,
    kind_named,
    known_name,
    one_of,
    role_named,
)
from hierapp.trees import LabelTree
from hierapp.trees.names import name_of
from hierapp.utils import text_files

LARGEST_CSV = 500 * 10**6  # bytes
DELIMITERS = (",", ";", "\t", "|")


class Columns:
    """The columns of a table by what they contain.

    Attributes:
        classes: the column of each class, in the order of the table.
        kind: the kind of the values, if a common prefix of the columns says it.
        roles: the columns of labels, paths and texts.

    Raises:
        PredictionsError: if the columns of classes are not exactly the leaves, or a name occurs twice.
    """

    def __init__(self, header: Sequence[str], tree: LabelTree, shown: str) -> None:
        twice = sorted({name for name in header if header.count(name) > 1}) if len(set(header)) < len(header) else []
        if twice:
            raise PredictionsError(f"The file {shown} has several columns named {some(twice)}; rename one of each.")
        leaves = set(tree.leaves)
        self.roles: dict[Role, str] = {}
        for role in ("labels", "paths", "texts"):
            named = [name for name in header if role_named(name) == role and name_of(name) not in leaves]
            if (column := one_of(named, f"columns of {role}", shown)) is not None:
                self.roles[role] = column
        rest = [name for name in header if name not in self.roles.values()]
        prefix = _prefix(rest, tree.leaves)
        self.kind: Kind | None = kind_named(prefix.rstrip("_-:./ ")) if prefix else None
        self.classes = {
            name_of(name.removeprefix(prefix)): name for name in rest if name_of(name.removeprefix(prefix)) in leaves
        }
        taken = set(self.classes.values())
        unknown = [name for name in rest if name not in taken and known_name(name) not in IGNORED]
        missing = [leaf for leaf in tree.leaves if leaf not in self.classes]
        if not self.classes:
            raise PredictionsError(
                f"The file {shown} has no column named like a class of the tree, such as {tree.leaves[0]!r}, but"
                f" {some(rest) or 'nothing'}; give each column of predictions the name of its class."
            )
        if unknown:
            raise PredictionsError(
                f"The file {shown} has {'columns' if len(unknown) > 1 else 'a column'} {some(unknown)} that"
                f" {'are no classes' if len(unknown) > 1 else 'is no class'} of the tree; rename or remove"
                f" {'them' if len(unknown) > 1 else 'it'}, or choose the tree over these classes."
            )
        if missing:
            raise PredictionsError(
                f"The file {shown} has no column for the class{'es' if len(missing) > 1 else ''} {some(missing)} of the"
                " tree; add a column for each class, or choose the tree over the classes that it has."
            )


def read_csv(source: Source, tree: LabelTree) -> RawPredictions:
    """Read a CSV file with a header, whatever its delimiter and encoding.

    Raises:
        PredictionsError: if it is damaged, too large, or its columns are not those of the tree.
    """
    import pandas as pd

    shown = source.shown
    text = _text(source)
    delimiter, text = text_files.without_sep_line(text)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    try:
        header = next(csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise PredictionsError(f"The file {shown} has a broken header ({error}); save it again as CSV.") from None
    columns = Columns(header, tree, shown)
    check_size(text.count("\n"), len(columns.classes), shown)
    types: dict[str, Any] = dict.fromkeys(columns.classes.values(), np.float64)
    types |= dict.fromkeys(columns.roles.values(), str)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # the first line is longer than the header
            frame = pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                decimal="," if delimiter == ";" and _has_decimal_comma(text) else ".",
                index_col=False,
                dtype=types,
                keep_default_na=False,
                na_values={name: ["", "nan", "NaN", "NA", "null"] for name in columns.classes.values()},
            )
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:  # a ParserError is a ValueError
        raise PredictionsError(
            f"The file {shown} cannot be read as a table of numbers ({short(str(error))}); check that each row has a"
            " number for each class."
        ) from None
    return _of_columns(columns, {name: frame[name].to_numpy() for name in frame.columns}, shown)


def read_parquet(source: Source, tree: LabelTree) -> RawPredictions:
    """Read a Parquet file.

    Raises:
        PredictionsError: if it is damaged, too large, or its columns are not those of the tree.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    shown = source.shown
    try:
        opened = parquet.ParquetFile(source.file)
        header = list(opened.schema_arrow.names)
        columns = Columns(header, tree, shown)
        check_size(opened.metadata.num_rows, len(columns.classes), shown)
        texts = [name for name in columns.roles.values() if _is_text(opened.schema_arrow.field(name).type)]
        # As dictionaries, a long text that is repeated in each row is read once only.
        opened = parquet.ParquetFile(source.file, read_dictionary=texts)
        table = opened.read([*columns.classes.values(), *columns.roles.values()])
        found: dict[str, Any] = {}
        for name in columns.classes.values():
            found[name] = table.column(name).cast(pa.float64()).to_numpy()
        for name in columns.roles.values():
            _check_length(table.column(name), shown)
            found[name] = np.array([_cell(value) for value in table.column(name).to_pylist()], object)
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise PredictionsError(
            f"The file {shown} cannot be read as Parquet ({short(str(error))}); save it again with a column of numbers"
            " for each class."
        ) from None
    return _of_columns(columns, found, shown)


def _of_columns(columns: Columns, found: dict[str, Any], shown: str) -> RawPredictions:
    values = np.column_stack([found[name] for name in columns.classes.values()])
    made = RawPredictions(values, columns.kind, list(columns.classes))
    for role, name in columns.roles.items():
        texts = [str(value).strip() for value in found[name]]
        check_texts(texts, shown)
        setattr(made, role, texts)
    return made


def _text(source: Source) -> str:
    size = source.size
    if size > LARGEST_CSV:
        raise PredictionsError(
            f"The file {source.shown} has {size / 1e6:,.0f} MB, and up to {LARGEST_CSV / 1e6:,.0f} MB of CSV are read;"
            " save it as Parquet or npz."
        )
    try:
        text = text_files.decode(source.file.read())
    except UnicodeDecodeError:
        raise PredictionsError(f"The file {source.shown} is not text in UTF-8; save it as CSV in UTF-8.") from None
    if "\0" in text:
        raise PredictionsError(f"The file {source.shown} is not text; save it as CSV in UTF-8.")
    return text


def _prefix(names: Sequence[str], leaves: Sequence[str]) -> str:
    """Return what precedes the name of the class in all columns of classes, such as "p_"; "" if there is nothing."""
    known = set(names)
    if leaves[0] in known:
        return ""
    for name in names:
        prefix = name.removesuffix(leaves[0])
        if prefix != name and all(f"{prefix}{leaf}" in known for leaf in leaves):
            return prefix
    return ""


def _has_decimal_comma(text: str) -> bool:
    """Return whether a cell of the second line is a number with a comma."""
    cells = text.lstrip("\r\n").split("\n", 2)[1:2]
    return any(
        "," in cell and text_files.number(cell.strip(), decimal_comma=True) is not None
        for line in cells
        for cell in line.split(";")
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_length(column: Any, shown: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as compute

    total = 0
    for chunk in column.chunks:
        if isinstance(chunk, pa.DictionaryArray):
            lengths = compute.fill_null(compute.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False)
            indices = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
            total += int(lengths[indices].sum()) if len(indices) else 0
    if total > MOST_TEXT:
        check_texts([" " * (MOST_TEXT + 1)], shown)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
