"""Build the arrays, the report and a proposed tree of a data set of pictures with label maps.

Memory holds one picture and its map; pixels are written to disk as they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports import folders, pictures
from hierapp.data.imports.folders import Folder
from hierapp.data.imports.maps import classes as class_tables, layout, reading
from hierapp.data.imports.maps.classes import VOID, ClassTable
from hierapp.data.imports.maps.known import CAMVID_VIDEOS
from hierapp.data.imports.maps.layout import Layout, Pair
from hierapp.data.imports.maps.writing import UNKNOWN, MapsRead, Writer
from hierapp.data.imports.options import MOST_BYTES, MOST_MAP_CLASSES, Options
from hierapp.data.imports.report import NAMED, Report
from hierapp.errors import ArchiveError, DatasetError, short

Progress = Callable[[int, int, str], None]

USUAL_HEIGHT = 256  # the largest that is chosen without being asked for
LOOKED_AT = 200  # pictures whose sizes decide on the stored one
SHOWN_SIZES = 12


def build(source: Path, shown: str, folder: Path, options: Options, progress: Progress) -> Report:
    """Read pictures and label maps; write the arrays, `report.json`, `tree.json` and `staged.json`.

    Args:
        source: the folder with all files.
        shown: its name in the report.
        folder: the output folder, which exists.
        options: the user's options.
        progress: called as progress(done, total, what) for each picture.

    Raises:
        DatasetError: if the source has no picture with a label map to train on, or is too large.
        OSError: if the disk is full or cannot be written.
    """
    left_out = folders.LeftOut()
    top = folders.read(source, left_out)
    found = layout.find(list(_paths(top, source)))
    if not any(pair.picture and pair.map for pair in found.pairs):
        raise DatasetError(
            f"None of the {len(found.pairs):,} files is a picture with a label map, {short(found.pairs[0].shown)} for"
            " example; expected labels/NAME.png for images/NAME.jpg, or one of the layouts in docs/data.md."
        )
    tables = [file for file in source.rglob("*") if file.suffix.lower() in (".csv", ".txt")]
    table = _table(found, tables)
    height, width = _size(source, found.pairs, options)
    size = len(found.pairs) * height * width * 4
    if size > MOST_BYTES:
        raise DatasetError(
            f"{len(found.pairs):,} pictures of {width} x {height} pixels with their maps take {size / 1e9:.1f} GB, but"
            f" at most {MOST_BYTES / 1e9:.0f} GB are allowed; choose a smaller height."
        )
    report = Report(shown, found.words, 0, kind="segmentation", height=height, width=width)
    others = [name for name in left_out.names if not name.endswith((".csv", ".txt", ".json"))]
    report.passed_over, report.passed_over_count = others, len(others)
    _Pass(source, found, table, options, report, folder).run(progress)
    return report


def _paths(folder: Folder, source: Path) -> list[tuple[str, ...]]:
    own = [(folder.path / name).relative_to(source).parts for name in folder.pictures]
    return [*own, *(path for each in folder.folders for path in _paths(each, source))]


def _table(found: Layout, files: Sequence[Path]) -> ClassTable | None:
    """Return the classes by a table or by the layout; None if the values in the maps number them."""
    file = class_tables.find(files)
    if file is not None:
        return class_tables.read(file)
    if found.cityscapes:
        return class_tables.cityscapes(found.cityscapes)
    pictures = [pair.picture[-1] for pair in found.pairs if pair.picture]
    if pictures and all(name.startswith(CAMVID_VIDEOS) for name in pictures):
        return class_tables.camvid()
    return None


def _size(source: Path, pairs: Sequence[Pair], options: Options) -> tuple[int, int]:
    """Return (height, width) of the stored pictures: those of most pictures, scaled to the wanted height."""
    pictures = [pair.picture for pair in pairs if pair.picture and pair.map]
    chosen = pictures[:: max(1, len(pictures) // LOOKED_AT)]
    sizes = Counter(size for path in chosen if (size := reading.size_of(source.joinpath(*path))) is not None)
    if not sizes:
        raise DatasetError(
            f"None of the {len(pictures):,} pictures can be read, for example {short('/'.join(pictures[0]))}; check"
            " that they are complete files."
        )
    width, height = sizes.most_common(1)[0][0]
    wanted = options.height or min(height, USUAL_HEIGHT)
    return wanted, max(1, round(width * wanted / height))


class _Pass:
    """One pass over all pairs: pixels and values go to files, and are written by part when the classes are known."""

    def __init__(
        self, source: Path, found: Layout, table: ClassTable | None, options: Options, report: Report, folder: Path
    ) -> None:
        self.source, self.found, self.table, self.options = source, found, table, options
        self.report, self.folder, self.did = report, folder, MapsRead()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.modes: Counter[str] = Counter()

    def run(self, progress: Progress) -> None:
        pixels, values = self.folder / "pixels", self.folder / "values"
        total = len(self.found.pairs)
        with pixels.open("wb") as pictures_out, values.open("wb") as maps_out:
            for done, pair in enumerate(self.found.pairs):
                progress(done, total, "Reading pictures")
                try:
                    picture, labels = self._pair(pair)
                except ArchiveError as error:
                    self.report.break_off(pair.shown, str(error))
                    continue
                pictures_out.write(picture.pixels.tobytes())
                maps_out.write(labels.tobytes())
                self._note(pair, picture, labels)
        if not self.did.shown:
            raise DatasetError(
                f"None of the {total:,} pictures can be used, for example {short(self.report.broken[0][0])}:"
                f" {self.report.broken[0][1]}"
            )
        progress(total, total, "Writing")
        self._note_sizes()
        Writer(self.did, self.table, self.options, self.report, self.folder).write(pixels, values)
        pixels.unlink()
        values.unlink()

    def _pair(self, pair: Pair) -> tuple[pictures.Fitted, NDArray[np.uint16]]:
        if pair.map is None or pair.picture is None:
            what, other = ("label map", "picture") if pair.map is None else ("picture", "label map")
            raise ArchiveError(f"There is no {what} for this {other}; add it, or leave the file out.")
        height, width = self.report.height, self.report.width
        picture = pictures.read_as(self.source.joinpath(*pair.picture), height, width)
        found, colored = reading.read_map(self.source.joinpath(*pair.map), self.table)
        if found.shape[::-1] != picture.size:
            raise ArchiveError(
                f"The picture has {picture.size[0]} x {picture.size[1]} pixels, but its label map {found.shape[1]} x"
                f" {found.shape[0]}; save both in one size."
            )
        labels = self._labels(found, colored)
        if not (labels < UNKNOWN).any():
            raise ArchiveError("No pixel of its label map has a class; label some, or leave the picture out.")
        return picture, reading.fit(labels.astype(np.int32), height, width).astype(np.uint16)

    def _labels(self, found: reading.Ints, colored: bool) -> NDArray[np.uint16]:
        """Return classes by the table, or the values themselves if there is none; void and unknown ones are 65535."""
        values, places = np.unique(found, return_inverse=True)
        counts = np.bincount(places.ravel(), minlength=len(values))
        known = None if self.table is None else self.table.by_color if colored else self.table.by_value
        new = np.full(len(values), UNKNOWN, np.uint16)
        for place, value in enumerate(values.tolist()):
            if known is None:
                if value >= MOST_MAP_CLASSES:
                    raise ArchiveError(
                        f"Its label map has the value {value:,}, but values go up to {MOST_MAP_CLASSES - 1}; number the"
                        " classes from 0, with 255 for void."
                    )
                new[place] = value
            elif value not in known:
                self._note_unknown(value, int(counts[place]), colored)
            elif known[value] != VOID:
                new[place] = known[value]
        labels: NDArray[np.uint16] = new[places].reshape(found.shape)
        return labels

    def _note_unknown(self, value: int, count: int, colored: bool) -> None:
        name = f"({value >> 16}, {value >> 8 & 255}, {value & 255})" if colored else str(value)
        if name in self.report.unknown or len(self.report.unknown) < NAMED:
            self.report.unknown[name] = self.report.unknown.get(name, 0) + count

    def _note(self, pair: Pair, picture: pictures.Fitted, labels: NDArray[np.uint16]) -> None:
        did = self.did
        did.shown.append(pair.shown)
        did.parts.append(pair.part)
        did.contents.append(picture.content)
        did.gray &= picture.gray
        self.sizes[picture.size] += 1
        self.modes[picture.mode] += 1
        values, places = np.unique(labels, return_inverse=True)
        counts = np.bincount(places.ravel(), minlength=len(values))
        colors = [np.bincount(places.ravel(), picture.pixels[..., c].ravel(), len(values)) for c in range(3)]
        did.present.append(set(values.tolist()))
        for place, value in enumerate(values.tolist()):
            did.values[value] += int(counts[place])
            did.sums[value] = did.sums.get(value, np.zeros(3)) + [color[place] for color in colors]

    def _note_sizes(self) -> None:
        report = self.report
        report.sizes = {f"{w} x {h}": count for (w, h), count in self.sizes.most_common(SHOWN_SIZES)}
        by_area = sorted(self.sizes, key=lambda size: (size[0] * size[1], size))
        report.smallest, report.largest = by_area[0], by_area[-1]
        report.modes = dict(self.modes.most_common())
        stored = (report.width, report.height)
        report.resized = sum(count for size, count in self.sizes.items() if size != stored)
        aspect = report.width / report.height
        report.cropped = sum(count for (w, h), count in self.sizes.items() if abs(w / h - aspect) > 1 / report.height)
