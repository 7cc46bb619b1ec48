"""Build arrays, a report and a proposed tree from a folder or an archive, in one pass over the pictures.

Memory holds one picture and the data for the report; pixels are written to disk as they are read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.image_set import split
from hierapp.data.images import MOST_LEVEL
from hierapp.data.imports import pictures, sources, store
from hierapp.data.imports.maps import build as maps_build
from hierapp.data.imports.options import DRAW_SEED, MOST_BYTES, Options
from hierapp.data.imports.report import NAMED, Report
from hierapp.data.imports.rows import build as rows_build, kinds
from hierapp.data.imports.sources import Picture, Source
from hierapp.errors import ArchiveError, DatasetError, one_line, short
from hierapp.trees import formats as tree_formats, suggest
from hierapp.utils import archives, parts
from hierapp.utils.archives import Limits
from hierapp.utils.disk import disk_of
from hierapp.utils.file_validation import NAMED_FORMATS

Progress = Callable[[int, int, str], None]
Ints = NDArray[np.int64]

CHUNK_BYTES = 2**24  # of pixels copied at a time
FEATURE_SIDE = 8  # side of the mean pictures from which a tree is proposed
SHOWN_SIZES = 12
BUILD = rows_build.BUILD


def build(source: Path, shown: str, folder: Path, options: Options, progress: Progress) -> Report:
    """Read a source and write the arrays, `report.json`, `tree.json` and `staged.json` to a folder.

    Args:
        source: a folder, or a zip or tar archive, of pictures in class folders or with label maps, see `maps.build`; or
            arrays or a table of features, see `rows.build`.
        shown: its name in the report.
        folder: the output folder; it is created and must not exist.
        options: the user's options.
        progress: called as progress(done, total, what) for each picture.

    Raises:
        ArchiveError: if the archive is damaged, unsafe or over the limits.
        DatasetError: if the source has no picture to train on, or is too large.
        OSError: if the disk is full or cannot be written.
    """
    folder.mkdir()
    if kinds.kind_of(source) in ("arrays", "table"):
        return rows_build.build(source, shown, folder, options, _limits(folder), progress)
    unpacked, links = folder / "unpacked", list[str]()
    if not source.is_dir():
        progress(0, 1, "Unpacking")
        archives.unpack(source, unpacked, _limits(folder), one_spelling=False, left_out=links.append)
        source = unpacked
    if kinds.kind_of(source) == "maps":  # also of a tar archive, whose names are known only now
        maps = maps_build.build(source, shown, folder, options, progress)
        parts.remove(unpacked)
        return maps
    found = sources.find(source, options)
    for link in links:
        found.left_out.add(f"{one_line(link)} (a link)")
    size = len(found.pictures) * options.side**2 * 3
    if size > MOST_BYTES:
        raise DatasetError(
            f"{len(found.pictures):,} images of {options.side} x {options.side} pixels take {size / 1e9:.1f} GB, but at"
            f" most {MOST_BYTES / 1e9:.0f} GB are allowed; choose a smaller side."
        )
    report = Report(shown, found.layout, options.side)
    report.passed_over, report.passed_over_count = found.left_out.names, found.left_out.count
    report.merged = found.merged
    for file, why in found.no_class:
        report.break_off(file, f"{why[0].upper()}{why[1:]}.")
    pass_ = _Pass(found, options, folder / "pixels", report)
    pass_.read(progress)
    parts.remove(unpacked)
    progress(len(found.pictures), len(found.pictures), "Writing")
    pass_.write(folder)
    return report


def _limits(folder: Path) -> Limits:
    """Return the default limits, reduced to half of the free disk space so that an archive cannot fill the disk."""
    disk = disk_of(folder)
    return Limits() if disk is None else Limits(size=min(Limits().size, disk.free // 2))


class _Pass:
    """One pass over all readable pictures: pixels go to a file; labels, parts and hashes stay in memory."""

    def __init__(self, source: Source, options: Options, pixels: Path, report: Report) -> None:
        self.source, self.options, self.pixels, self.report = source, options, pixels, report
        self.pictures: list[Picture] = []
        self.contents: list[bytes] = []
        self.gray = True

    def read(self, progress: Progress) -> None:
        sizes: Counter[tuple[int, int]] = Counter()
        modes: Counter[str] = Counter()
        total = len(self.source.pictures)
        white = self._white(progress)
        with self.pixels.open("wb") as out:
            for done, picture in enumerate(self.source.pictures):
                progress(done, total, "Reading pictures")
                try:
                    square = pictures.read(picture.file, self.options.side, white.get(picture.file, MOST_LEVEL))
                except ArchiveError as error:
                    self.report.break_off(picture.shown, str(error))
                    continue
                out.write(square.pixels.tobytes())
                self.pictures.append(picture)
                self.contents.append(square.content)
                self.gray &= square.gray
                sizes[square.size] += 1
                modes[square.mode] += 1
        if not self.pictures:
            raise DatasetError(
                f"None of the {total:,} images can be read, for example {short(self.report.broken[0][0])}; check that"
                f" they are complete {NAMED_FORMATS} files."
            )
        self._note_sizes(sizes, modes)

    def _white(self, progress: Progress) -> dict[Path, float]:
        """Return the value of white in each picture of more than 8 bits, the same for all of one mode."""
        found = {}
        total = len(self.source.pictures)
        for done, picture in enumerate(self.source.pictures):
            if (deep := pictures.brightest(picture.file)) is not None:
                progress(done, total, "Looking at the range of the pixels")
                found[picture.file] = deep
        largest: dict[str, float] = {}
        for mode, level in found.values():
            largest[mode] = max(largest.get(mode, 0.0), level)
        white = {mode: pictures.white_of(mode, level) for mode, level in largest.items()}
        self.report.narrow = {
            f"{level:g}": sum(mode == each for each, _ in found.values())
            for mode, level in white.items()
            if level < MOST_LEVEL
        }
        return {file: white[mode] for file, (mode, _) in found.items()}

    def _note_sizes(self, sizes: Counter[tuple[int, int]], modes: Counter[str]) -> None:
        report = self.report
        report.sizes = {f"{width} x {height}": count for (width, height), count in sizes.most_common(SHOWN_SIZES)}
        by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
        report.smallest, report.largest = by_area[0], by_area[-1]
        report.modes = dict(modes.most_common())
        side = self.options.side
        report.resized = sum(count for size, count in sizes.items() if size != (side, side))
        report.cropped = sum(count for (width, height), count in sizes.items() if width != height)

    # Output

    def write(self, folder: Path) -> None:
        labels = np.array([picture.label for picture in self.pictures], np.int64)
        is_test, given = self._parts(labels)
        classes = self._classes(labels, is_test)
        self._note_copies(labels, is_test)
        new_label = np.full(len(self.source.classes), -1)
        new_label[classes] = np.arange(len(classes))
        labels = new_label[labels]
        rows = {"train": np.flatnonzero(~is_test & (labels >= 0)), "test": np.flatnonzero(is_test & (labels >= 0))}
        if not len(rows["test"]):
            different = len(set(self.contents))
            if not given and 2 * different <= len(self.contents):
                raise DatasetError(
                    f"The {len(self.contents):,} images are copies of each other, only {different:,} of them"
                    f" {'is' if different == 1 else 'are'} different, so no test set can be drawn; remove the copies"
                    " and add different images."
                )
            raise DatasetError(
                "There is no image for the test set; put more images into the test folders."
                if given
                else f"There are too few images to draw {self.options.test_share:.0%} for the test set; add more."
            )
        report = self.report
        report.classes = [self.source.classes[each] for each in classes]
        report.train, report.test = (
            np.bincount(labels[rows[part]], minlength=len(classes)).tolist() for part in store.PARTS
        )
        report.drawn, report.channels = not given, 1 if self.gray else 3
        side = self.options.side
        pixels = np.memmap(self.pixels, np.uint8, "r").reshape(-1, side, side, 3)
        for part in store.PARTS:
            np.save(folder / store.labels_file(part), labels[rows[part]])
            _copy(pixels, rows[part], folder / store.inputs_file(part, "images"), report.channels)
            store.hash_files(folder, part)
        means = _means(pixels, rows["train"], labels, len(classes))
        del pixels
        self.pixels.unlink()
        groups = [self.source.groups[each] for each in classes]
        proposal = suggest.propose(report.classes, groups, means, self.source.ordinal)
        (folder / store.TREE).write_text(tree_formats.render(proposal.tree, "json"), encoding="utf-8")
        built = {"how": proposal.how, "ordinal": self.source.ordinal}
        (folder / BUILD).write_text(json.dumps(built), encoding="utf-8")
        store.write_report(folder, report)

    def _parts(self, labels: Ints) -> tuple[NDArray[np.bool_], bool]:
        """Return whether each picture is in the test part, and whether the source defines the parts."""
        if self.source.pictures[0].part is not None:
            return np.array([picture.part == "test" for picture in self.pictures]), True
        is_test = np.zeros(len(labels), bool)
        is_test[split(labels, self.options.test_share, DRAW_SEED)[1]] = True
        # A copy of a training picture must not be in the test part.
        trained = {content for content, test in zip(self.contents, is_test, strict=True) if not test}
        is_test &= [content not in trained for content in self.contents]
        return is_test, False

    def _classes(self, labels: Ints, is_test: NDArray[np.bool_]) -> list[int]:
        """Return the classes that have training pictures; the report lists the others."""
        trained = np.bincount(labels[~is_test], minlength=len(self.source.classes)) > 0
        self.report.empty = [name for name, has in zip(self.source.classes, trained, strict=True) if not has]
        self.report.left_out = int((~trained[labels]).sum())
        classes: list[int] = np.flatnonzero(trained).tolist()
        if not classes:
            raise DatasetError(
                "No class has an image to train on; put images into the class folders of the train folder."
            )
        if len(classes) == 1:
            raise DatasetError(
                f"Only {short(self.source.classes[classes[0]])} has images to train on, but at least two classes are"
                " needed; put the images of each class into a separate folder."
            )
        return classes

    def _note_copies(self, labels: Ints, is_test: NDArray[np.bool_]) -> None:
        same: dict[bytes, list[int]] = {}
        for row, content in enumerate(self.contents):
            same.setdefault(content, []).append(row)
        for rows in same.values():
            if len(rows) == 1:
                continue
            files = [self.pictures[row].shown for row in rows[:NAMED]]
            if len(set(is_test[rows].tolist())) > 1:
                self.report.between.add(files)
            if len(set(labels[rows].tolist())) > 1:
                self.report.two_classes.add(files)
            if max(Counter(zip(is_test[rows].tolist(), labels[rows].tolist(), strict=True)).values()) > 1:
                self.report.within.add(files)


def _copy(pixels: NDArray[np.uint8], rows: Ints, file: Path, channels: int) -> None:
    side = pixels.shape[1]
    out = np.lib.format.open_memmap(file, "w+", np.uint8, (len(rows), side, side, channels))
    for chunk in _chunks(pixels, len(rows)):
        # The three channels of a gray picture are equal.
        out[chunk] = pixels[rows[chunk]][..., :channels]
    out.flush()


def _chunks(pixels: NDArray[np.uint8], count: int) -> Iterator[slice]:
    step = max(1, CHUNK_BYTES // pixels[0].size)
    return (slice(start, start + step) for start in range(0, count, step))


def _means(pixels: NDArray[np.uint8], rows: Ints, labels: Ints, classes: int) -> NDArray[np.float64]:
    """Return the mean training picture of each class at 8 x 8 pixels, [classes, 192], from 0 to 1."""
    side = pixels.shape[1]
    # Block borders are rounded, because the side may not be a multiple of 8.
    starts = np.arange(FEATURE_SIDE) * side // FEATURE_SIDE
    areas = np.diff([*starts, side])
    sums = np.zeros((classes, FEATURE_SIDE, FEATURE_SIDE, 3))
    for chunk in _chunks(pixels, len(rows)):
        blocks = np.add.reduceat(np.add.reduceat(pixels[rows[chunk]], starts, 1, np.float64), starts, 2)
        np.add.at(sums, labels[rows[chunk]], blocks / (areas[:, None] * areas)[..., None] / 255)
    counts = np.bincount(labels[rows], minlength=classes)
    means: NDArray[np.float64] = (sums / counts[:, None, None, None]).reshape(classes, -1)
    return means
