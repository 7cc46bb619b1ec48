"""Write the arrays of a data set with label maps by part, its report and its proposed tree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.dataset import Part
from hierapp.data.image_set import split
from hierapp.data.imports import store
from hierapp.data.imports.maps import classes as class_tables
from hierapp.data.imports.maps.classes import ClassTable
from hierapp.data.imports.maps.known import TREES
from hierapp.data.imports.options import DRAW_SEED, MOST_MAP_CLASSES, Options
from hierapp.data.imports.report import NAMED, Report
from hierapp.data.label_maps import map_dtype, void_of
from hierapp.errors import DatasetError, short
from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library, suggest

Ints = NDArray[np.int64]

BUILD = "staged.json"
UNKNOWN = 65535  # void, and values of no class, in the working file


@dataclass
class MapsRead:
    """What is known of the pairs that were read, in their order.

    Attributes:
        shown, parts, contents: name, part and content hash of each.
        gray: whether no picture has colors.
        present: the values in each map.
        values, sums: for each value its number of pixels and the sum of their colors.
    """

    shown: list[str] = field(default_factory=list)
    parts: list[str | None] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    gray: bool = True
    present: list[set[int]] = field(default_factory=list)
    values: Counter[int] = field(default_factory=Counter)
    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)


class Writer:
    """Writes what was read, by part and with the classes that have training pixels.

    Args:
        found: what is known of the pairs.
        table: the classes; None if the values in the maps number them.
        options: the user's options.
        report: is filled.
        folder: the output folder.
    """

    def __init__(
        self, found: MapsRead, table: ClassTable | None, options: Options, report: Report, folder: Path
    ) -> None:
        self.found, self.table, self.options, self.report, self.folder = found, table, options, report, folder

    def write(self, pixels_file: Path, values_file: Path) -> None:
        report, read = self.report, self.found
        count, height, width = len(read.shown), report.height, report.width
        pixels = np.memmap(pixels_file, np.uint8, "r", shape=(count, height, width, 3))
        values = np.memmap(values_file, np.uint16, "r", shape=(count, height, width))
        is_test = self._parts()
        table = self.table or class_tables.numbered(list(read.values))
        # Without a table the working file has the values themselves.
        in_order = sorted(value for value, label in table.by_value.items() if label != class_tables.VOID)
        label_of = list(range(len(table.names))) if self.table else in_order
        trained: set[int] = set().union(*(read.present[row] for row in np.flatnonzero(~is_test).tolist()))
        kept = [place for place, value in enumerate(label_of) if value in trained]
        report.empty = [name for place, name in enumerate(table.names) if place not in kept]
        self._check(kept, table, is_test)
        report.classes = [table.names[place] for place in kept]
        report.classes_from = table.source
        kind = map_dtype(len(kept))
        new = np.full(UNKNOWN + 1, void_of(kind), kind)
        for label, place in enumerate(kept):
            new[label_of[place]] = label
        channels = 1 if read.gray else 3
        report.channels, report.drawn = channels, read.parts[0] is None
        for part in store.PARTS:
            rows = np.flatnonzero(is_test if part == "test" else ~is_test)
            self._write_part(part, rows, pixels, values, new)
        self._note_copies(is_test)
        means = np.array([read.sums[label_of[place]] / read.values[label_of[place]] for place in kept])
        self._propose(table, kept, means)
        text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
        (self.folder / store.REPORT).write_text(text, encoding="utf-8")

    def _parts(self) -> NDArray[np.bool_]:
        parts = self.found.parts
        if parts[0] is not None:
            return np.array([part == "test" for part in parts])
        is_test = np.zeros(len(parts), bool)
        # Pictures are of no class, so the draw is not stratified.
        is_test[split(np.zeros(len(parts), np.int64), self.options.test_share, DRAW_SEED)[1]] = True
        trained = {content for content, test in zip(self.found.contents, is_test, strict=True) if not test}
        is_test &= np.array([content not in trained for content in self.found.contents])
        return is_test

    def _check(self, kept: list[int], table: ClassTable, is_test: NDArray[np.bool_]) -> None:
        if len(kept) < 2:
            names = f", only {short(table.names[kept[0]])}" if kept else ""
            raise DatasetError(
                f"Expected at least two classes in the label maps of the training part but got {len(kept)}{names};"
                " check the maps, and the class table if there is one."
            )
        if len(kept) > MOST_MAP_CLASSES:
            raise DatasetError(
                f"There are {len(kept):,} classes, but at most {MOST_MAP_CLASSES:,} are allowed; merge some."
            )
        if not is_test.any():
            raise DatasetError("There is no picture with a label map for the test part; add some.")

    def _write_part(
        self,
        part: Part,
        rows: Ints,
        pixels: NDArray[np.uint8],
        values: NDArray[np.uint16],
        new: NDArray[np.generic],
    ) -> None:
        report, size = self.report, len(self.report.classes)
        height, width, channels = report.height, report.width, report.channels
        images = np.lib.format.open_memmap(
            self.folder / store.inputs_file(part, "segmentation"), "w+", np.uint8, (len(rows), height, width, channels)
        )
        maps = np.lib.format.open_memmap(
            self.folder / store.labels_file(part), "w+", new.dtype, (len(rows), height, width)
        )
        pictures, counts = np.zeros(size, np.int64), np.zeros(size + 1, np.int64)
        for to, row in enumerate(rows.tolist()):
            images[to] = pixels[row][..., :channels]
            maps[to] = new[values[row]]
            found = np.bincount(np.minimum(maps[to].ravel().astype(np.int64), size), minlength=size + 1)
            pictures += found[:size] > 0
            counts += found
        images.flush()
        maps.flush()
        del images, maps
        store.hash_files(self.folder, part, "segmentation")
        if part == "train":
            report.train, report.train_pixels, report.num_train = pictures.tolist(), counts[:size].tolist(), len(rows)
        else:
            report.test, report.test_pixels, report.num_test = pictures.tolist(), counts[:size].tolist(), len(rows)
        report.void_pixels += int(counts[size])

    def _note_copies(self, is_test: NDArray[np.bool_]) -> None:
        same: dict[bytes, list[int]] = {}
        for row, content in enumerate(self.found.contents):
            same.setdefault(content, []).append(row)
        for rows in same.values():
            if len(rows) > 1:
                files = [self.found.shown[row] for row in rows[:NAMED]]
                flags = is_test[rows].tolist()
                if len(set(flags)) > 1:
                    self.report.between.add(files)
                if max(Counter(flags).values()) > 1:
                    self.report.within.add(files)

    def _propose(self, table: ClassTable, kept: list[int], means: NDArray[np.float64]) -> None:
        names = self.report.classes
        tree, how = _shipped(names, table.tree)
        if tree is None:
            groups = [(table.groups[place],) if table.groups and table.groups[place] else () for place in kept]
            proposal = suggest.propose(names, groups, means / 255, noun="color")
            tree = proposal.tree
            how = f"From the parents in {table.source}." if any(groups) else proposal.how
        (self.folder / store.TREE).write_text(tree_formats.render(tree, "json"), encoding="utf-8")
        (self.folder / BUILD).write_text(json.dumps({"how": how, "ordinal": False}), encoding="utf-8")


def _shipped(names: Sequence[str], known: str) -> tuple[LabelTree | None, str]:
    """Return the tree that ships for a published data set with these classes, `known` or told by the names."""
    for name in TREES:
        tree = tree_library.load(name)
        if set(names) == set(tree.leaves):
            return tree, f"The tree {name}, which comes with the app for these classes."
        if name == known:
            return tree.restrict(names), f"The tree {name}, which comes with the app, over the classes that occur."
    return None, ""
