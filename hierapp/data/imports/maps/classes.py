"""The classes of label maps: which value or color of a pixel is which class, from a table beside the maps."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hierapp.data.imports.maps import known
from hierapp.errors import DatasetError, one_line, short, some
from hierapp.utils import text_files
from hierapp.utils.reading import read_bytes

# Names of class tables, the first that exists is read: ours, Kaggle's, CamVid's, ADE's.
TABLES = ("classes.csv", "classes.txt", "class_dict.csv", "label_colors.txt", "objectinfo150.txt")
VOID_NAMES = frozenset(("void", "unlabeled", "unlabelled", "ignore", "ignored", "don't care"))
VOID = -1
VOID_VALUE = 255  # in maps without a class of this value
MOST_BYTES = 1_000_000

_NAME = ("name", "class", "class name", "class_name", "label")
_VALUE = ("value", "index", "idx", "id", "pixel", "train_id", "trainid")
_COLORS = (("r", "red"), ("g", "green"), ("b", "blue"))
_HEX = ("color", "colour", "hex", "rgb")
_PARENT = ("parent", "category", "group", "supercategory", "superclass")


@dataclass(frozen=True)
class ClassTable:
    """Classes of label maps.

    Attributes:
        names: the names of the classes, in order.
        by_value: the class of each pixel value, VOID for void; empty if the maps have colors.
        by_color: the class of each color, as 65536 r + 256 g + b.
        groups: the parent of each class, "" if there is none.
        source: where the classes are from, in words.
        tree: the tree that ships for them; "" if there is none.
    """

    names: list[str]
    by_value: dict[int, int] = field(default_factory=dict)
    by_color: dict[int, int] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    source: str = ""
    tree: str = ""


def cityscapes(kind: str) -> ClassTable:
    """Return the 19 classes of Cityscapes, for maps of ids or of train ids."""
    names = list(known.CITYSCAPES.values())
    train = dict(enumerate(range(len(names))))
    by_id = {value: names.index(name) for value, name in known.CITYSCAPES.items()}
    others = {value: VOID for value in range(known.MOST_CITYSCAPES_ID + 1) if value not in by_id}
    by_value = {**(by_id if kind == "ids" else train), **(others if kind == "ids" else {}), VOID_VALUE: VOID}
    return ClassTable(names, by_value, source="Cityscapes' 19 classes", tree="cityscapes")


def camvid() -> ClassTable:
    """Return the 11 classes of CamVid, and void."""
    count = len(known.CAMVID)
    by_value = {**dict(enumerate(range(count))), count: VOID, VOID_VALUE: VOID}
    return ClassTable(list(known.CAMVID), by_value, source="CamVid's 11 classes", tree="camvid")


def numbered(values: Sequence[int]) -> ClassTable:
    """Return classes named by the values that occur, for maps without a table.

    255 is void, but beside one other value it is a class: black and white masks.

    >>> numbered([0, 1, 255]).names, numbered([0, 255]).names
    (['class 0', 'class 1'], ['class 0', 'class 255'])
    """
    others = set(values) - {VOID_VALUE}
    values = sorted(others if len(others) > 1 else set(values))
    by_value = {VOID_VALUE: VOID, **{value: place for place, value in enumerate(values)}}
    return ClassTable([f"class {value}" for value in values], by_value, source="the values in the maps")


def find(files: Sequence[Path]) -> Path | None:
    """Return the class table among the files of a source; None if there is none."""
    by_name = {file.name.casefold(): file for file in sorted(files, key=lambda each: (-len(each.parts), each.name))}
    return next((by_name[name] for name in TABLES if name in by_name), None)


def read(file: Path) -> ClassTable:
    """Read a table with a row for each class: its name, its value or its color, and optionally its parent.

    Columns are told by their header (name; value; r, g, b or color; parent) or, without a header, by their content. A
    table with names only numbers the classes from 0.

    Raises:
        DatasetError: if it cannot be read, or two classes have the same value or color.
    """
    rows = _rows(file)
    columns = _header(rows[0]) or {}
    if columns:
        rows = rows[1:]
    else:
        columns = _guessed(rows[0])
    if not rows or "name" not in columns:
        raise _unreadable(file)
    is_ade = file.name.casefold().startswith("objectinfo")
    names: list[str] = []
    groups: list[str] = []
    by_value: dict[int, int] = {}
    by_color: dict[int, int] = {}
    for place, row in enumerate(rows):
        cells = {key: row[at] for key, at in columns.items() if at < len(row)}
        name = unicodedata.normalize("NFC", one_line(cells.get("name", ""))).strip()
        name = name.split(",")[0].strip() if is_ade else name
        if not name:
            raise _unreadable(file)
        is_void = name.casefold() in VOID_NAMES
        label = VOID if is_void else len(names)
        if not is_void:
            names.append(name)
            groups.append(cells.get("parent", "").strip())
        color = _color(cells)
        value = _whole(cells.get("value", "")) if "value" in columns else place
        if color is not None:
            _enter(by_color, color, label, name, file)
        if value is None:
            raise _unreadable(file)
        _enter(by_value, value, label, name, file)
    if is_ade:
        by_value.setdefault(0, VOID)
    by_value.setdefault(VOID_VALUE, VOID)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetError(f"The class table {file.name} has the name {some(twice)} twice; give each class its own.")
    return ClassTable(names, by_value, by_color, groups, f"the table {file.name}")


def _rows(file: Path) -> list[list[str]]:
    try:
        text = text_files.decode(read_bytes(file)[:MOST_BYTES])
    except (OSError, UnicodeDecodeError):
        raise _unreadable(file) from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise _unreadable(file)
    mark = next((mark for mark in ("\t", ";", "|", ",") if mark in lines[0]), None)
    if "\t" in text and re.match(r"[\d\s]+\t", lines[0]):  # CamVid's: three numbers, tabs, the name
        return [re.sub(r"\s+", " ", line.replace("\t", " ")).strip().split(" ", 3) for line in lines]
    if mark is None:
        numbers = re.match(r"(\d+\s+)+", lines[0])
        count = len(numbers[0].split()) if numbers else 0
        return [line.split(maxsplit=count) if count else [line.strip()] for line in lines]
    try:
        return [row for _, row in text_files.rows(text, mark)]
    except text_files.TableError:
        raise _unreadable(file) from None


def _header(row: list[str]) -> dict[str, int] | None:
    """Return the column of each kind by the names in a header; None if the row is none."""
    at = {name.strip().casefold(): place for place, name in reversed(list(enumerate(row)))}
    kinds = {"name": _NAME, "value": _VALUE, "parent": _PARENT, "hex": _HEX}
    found = {kind: at[name] for kind, names in kinds.items() for name in names[::-1] if name in at}
    for letter, names in zip("rgb", _COLORS, strict=True):
        found.update((letter, at[name]) for name in names if name in at)
    return found if "name" in found and (len(row) > 1 or row[0].casefold() in ("name", "class")) else None


def _guessed(row: list[str]) -> dict[str, int]:
    """Return the column of each kind by the content of the first row: numbers are a value, a color, or both."""
    numbers = [place for place, cell in enumerate(row) if _whole(cell) is not None]
    words = [place for place in range(len(row)) if place not in numbers]
    found = {"name": words[0]} if words else {}
    if len(numbers) in (1, 4):
        found["value"] = numbers.pop(0)
    if len(numbers) == 3:
        found |= dict(zip("rgb", numbers, strict=True))
    return found


def _color(cells: dict[str, str]) -> int | None:
    if "hex" in cells and (written := re.fullmatch(r"#?([0-9a-fA-F]{6})", cells["hex"].strip())):
        return int(written[1], 16)
    parts = [_whole(cells.get(letter, "")) for letter in "rgb"]
    if any(part is None or part > 255 for part in parts):
        return None
    red, green, blue = (part or 0 for part in parts)
    return 65536 * red + 256 * green + blue


def _whole(cell: str) -> int | None:
    return int(cell) if re.fullmatch(r"\s*[0-9]{1,6}\s*", cell) else None


def _enter(table: dict[int, int], key: int, label: int, name: str, file: Path) -> None:
    if key in table and table[key] != label:
        raise DatasetError(
            f"The class table {file.name} gives the value or color of {short(name)} to two classes; give each class a"
            " value of its own."
        )
    table[key] = label


def _unreadable(file: Path) -> DatasetError:
    return DatasetError(
        f"The class table {file.name} cannot be read; expected a line for each class with its name and its value, or"
        " its name and its color as r, g, b."
    )
