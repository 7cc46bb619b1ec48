"""Build the files, the report and a proposed tree of a data set of features from the rows of a source."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.image_set import split
from hierapp.data.imports import store
from hierapp.data.imports.options import DRAW_SEED, MOST_BYTES, MOST_CLASSES, Options
from hierapp.data.imports.report import NAMED, Report
from hierapp.data.imports.rows import arrays, kinds, labels as row_labels, tables, texts as row_texts
from hierapp.data.imports.rows.labels import Labels
from hierapp.data.imports.rows.rows import Rows, test_flags
from hierapp.errors import DatasetError, TreeError, short
from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library, suggest
from hierapp.utils import archives, parts
from hierapp.utils.archives import Limits
from hierapp.utils.reading import open_file

Progress = Callable[[int, int, str], None]
Ints = NDArray[np.int64]

BUILD = "staged.json"
CHUNK_BYTES = 2**25  # of features that are converted at a time
MOST_FEATURES = 100_000
LONGEST_TEXT = 5_000  # characters of a row's text


def build(source: Path, shown: str, folder: Path, options: Options, limits: Limits, progress: Progress) -> Report:
    """Read arrays or a table and write features, labels, texts, `report.json`, `tree.json` and `staged.json`.

    Args:
        source: an npz, npy, CSV or Parquet file, or a folder or zip of npy files.
        shown: its name in the report.
        folder: the output folder, which exists and is empty.
        options: the user's options.
        limits: for unpacking an npz or zip file.
        progress: called as progress(done, total, what) with the rows that are done.

    Raises:
        ArchiveError: if an npz or zip file is damaged, unsafe or over the limits.
        DatasetError: if the source is not a data set of features; says what was expected.
        OSError: if the disk is full or cannot be written.
    """
    progress(0, 1, "Reading")
    unpacked = folder / "unpacked"
    rows = _read(source, shown, unpacked, options, limits)
    if rows.embeds:
        rows = row_texts.embedded(rows, progress)
    tree = _tree(options)
    labels = row_labels.read(rows.labels, rows.class_names, tree, options.ordinal, options.bins)
    _check_size(rows, labels)
    report = Report(shown, rows.layout, kind="features")
    report.passed_over, report.passed_over_count = rows.ignored[:NAMED], len(rows.ignored)
    _Writer(rows, labels, tree, options, report).write(folder, progress)
    del rows
    parts.remove(unpacked)
    return report


def _read(source: Path, shown: str, unpacked: Path, options: Options, limits: Limits) -> Rows:
    if not source.is_dir():
        with open_file(source) as opened:
            beginning = opened.read(6)
        if beginning.startswith(b"\x93NUMPY"):
            return arrays.read_file(source, options)
        if not beginning.startswith(b"PK"):
            return tables.read_file(source, shown, options)
        archives.unpack(source, unpacked, limits)
        source = unpacked
    inner = sorted(source.rglob("*.npz"))
    if len(inner) == 1 and not any(source.rglob("*.npy")):
        return _read(
            inner[0], shown, unpacked.with_name("unpacked-npz") if source == unpacked else unpacked, options, limits
        )
    if any(source.rglob("*.npy")):
        return arrays.read_folder(source, options)
    found = sorted(file for suffix in kinds.TABLES for file in source.rglob(f"*{suffix}"))
    if len(found) != 1:
        raise DatasetError(f"Expected one table but found {len(found)}; choose one of the files.")
    return tables.read_file(found[0], found[0].name, options)


def _tree(options: Options) -> LabelTree | None:
    if not options.tree:
        return None
    try:
        return tree_library.load(options.tree)
    except TreeError as error:
        raise DatasetError(str(error)) from error


def _check_size(rows: Rows, labels: Labels) -> None:
    count, width = rows.features.shape
    if not count:
        raise DatasetError("The features have no rows; expected at least two for each class.")
    if not 1 <= width <= MOST_FEATURES:
        raise DatasetError(f"Expected 1 to {MOST_FEATURES:,} features a row but got {width:,}.")
    size = count * width * _stored_type(rows.features).itemsize
    if size > MOST_BYTES:
        raise DatasetError(
            f"{count:,} rows of {width:,} features take {size / 1e9:.1f} GB, but at most {MOST_BYTES / 1e9:.0f} GB are"
            " allowed; store them as float16, or leave rows out."
        )
    if labels.classes > MOST_CLASSES:
        raise DatasetError(
            f"There are {labels.classes:,} classes, but at most {MOST_CLASSES:,} are allowed, because a run stores"
            " the probability of each class for every test row; leave some out, or merge them; if the labels are"
            " numbers, choose the number of bins."
        )


def _stored_type(features: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.float16 if features.dtype == np.float16 else np.float32)


class _Writer:
    """Checks the rows and writes those that can be used."""

    def __init__(self, rows: Rows, labels: Labels, tree: LabelTree | None, options: Options, report: Report) -> None:
        self.rows, self.labels, self.tree, self.options, self.report = rows, labels, tree, options, report

    def write(self, folder: Path, progress: Progress) -> None:
        sound, contents = self._look(progress)
        of_row = self.labels.of_row.copy()
        self.report.unlabeled = int((of_row < 0).sum())
        of_row[~sound] = -1
        is_test = self._parts(of_row, contents)
        chosen = self._choose(of_row, is_test)
        self._note_copies(contents, of_row, is_test)
        names = [self.labels.names[each] for each in chosen]
        classes = [name for each, name in zip(chosen, names, strict=True) if each < self.labels.classes]
        new = np.full(len(self.labels.names) + 1, -1)
        new[chosen] = np.arange(len(chosen))
        of_row = new[of_row]
        part_rows = {
            "train": np.flatnonzero(~is_test & (of_row >= 0)),
            "test": np.flatnonzero(is_test & (of_row >= 0)),
        }
        if not (of_row[part_rows["test"]] < len(classes)).any():
            raise DatasetError(
                "There is no row for the test part whose label is a class; add some, or leave the parts out to have"
                " them drawn."
            )
        mean, scale = self._scale(part_rows["train"])
        means = self._write_parts(folder, part_rows, of_row, len(classes), mean, scale, progress)
        self._fill_report(classes, names[len(classes) :], part_rows, of_row)
        self._propose(folder, classes, means)
        store.write_report(folder, self.report)

    def _look(self, progress: Progress) -> tuple[NDArray[np.bool_], list[bytes]]:
        """Return which rows are finite, and a hash of the content of each row."""
        features = self.rows.features
        kind = _stored_type(features)
        sound, contents = np.ones(len(features), bool), []
        for chunk in self._chunks():
            progress(chunk.start, len(features), "Checking rows")
            with np.errstate(over="ignore", invalid="ignore"):
                block = np.ascontiguousarray(features[chunk]).astype(kind)
            sound[chunk] = np.isfinite(block).all(1)
            contents += [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block]
        bad = np.flatnonzero(~sound)
        for row in bad[:NAMED].tolist():
            self.report.break_off(f"row {row + 1}", f"A value is missing, infinite, or too large for {kind}.")
        self.report.broken_count = len(bad)
        if not sound.any():
            raise DatasetError("Every row has a missing or infinite value; fill in the missing values.")
        return sound, contents

    def _chunks(self) -> list[slice]:
        count, width = self.rows.features.shape
        step = max(1, CHUNK_BYTES // (8 * width))
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def _parts(self, of_row: Ints, contents: list[bytes]) -> NDArray[np.bool_]:
        if self.rows.part is not None:
            self.report.drawn = False
            return test_flags(np.asarray(self.rows.part))
        is_test = np.zeros(len(of_row), bool)
        known = np.flatnonzero(of_row >= 0)
        is_test[known[split(of_row[known], self.options.test_share, DRAW_SEED)[1]]] = True
        # A copy of a training row must not be in the test part.
        trained = {contents[row] for row in known.tolist() if not is_test[row]}
        is_test &= np.array([content not in trained for content in contents])
        return is_test

    def _choose(self, of_row: Ints, is_test: NDArray[np.bool_]) -> list[int]:
        """Return the labels that are kept: classes with training rows, and coarse labels with such a class below."""
        count = len(self.labels.names)
        trained = np.bincount(of_row[~is_test & (of_row >= 0)], minlength=count) > 0
        classes = [each for each in range(self.labels.classes) if trained[each]]
        self.report.empty = [self.labels.names[each] for each in range(self.labels.classes) if not trained[each]]
        if len(classes) < 2:
            raise DatasetError(
                f"Expected at least two classes with training rows but got {len(classes)}; check the column of labels"
                " and the parts."
            )
        kept = list(classes)
        if self.tree is not None:
            self.tree = self.tree.restrict([self.labels.names[each] for each in classes])
            kept += [each for each in range(self.labels.classes, count) if self.labels.names[each] in self.tree.nodes]
        lost = np.ones(count + 1, bool)
        lost[kept], lost[-1] = False, False
        self.report.left_out = int(lost[of_row].sum())
        return kept

    def _scale(self, rows: Ints) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Return mean and deviation of each column over the training rows, or None; count the constant columns."""
        features = self.rows.features
        mean = np.zeros(features.shape[1])
        square = np.zeros(features.shape[1])
        blocks = np.array_split(rows, max(1, len(rows) * features.shape[1] * 8 // CHUNK_BYTES))
        for block in blocks:
            mean += features[block].astype(np.float64).sum(0) / len(rows)
        for block in blocks:
            square += np.square(features[block].astype(np.float64) - mean).sum(0) / len(rows)
        deviation = np.sqrt(square)
        constant = deviation <= 1e-9 * np.abs(mean)
        self.report.constant = int(constant.sum())
        self.report.scaled = self.rows.scaled
        return (mean, np.where(constant, 1.0, deviation)) if self.rows.scaled else (None, None)

    def _write_parts(
        self,
        folder: Path,
        part_rows: dict[str, Ints],
        of_row: Ints,
        classes: int,
        mean: NDArray[np.float64] | None,
        scale: NDArray[np.float64] | None,
        progress: Progress,
    ) -> NDArray[np.float64]:
        """Write features, labels and texts of both parts; return the mean training row of each class."""
        features, done = self.rows.features, 0
        kind = _stored_type(features)
        sums = np.zeros((classes, features.shape[1]))
        counts = np.zeros(classes)
        for part in store.PARTS:
            rows = part_rows[part]
            file = folder / store.inputs_file(part, "features")
            out = np.lib.format.open_memmap(file, "w+", kind, (len(rows), features.shape[1]))
            step = max(1, CHUNK_BYTES // (8 * features.shape[1]))
            for start in range(0, len(rows), step):
                chosen = rows[start : start + step]
                progress(done, len(of_row), "Writing")
                block = features[chosen]
                if mean is not None and scale is not None:
                    block = (block.astype(np.float64) - mean) / scale
                out[start : start + len(chosen)] = block
                done += len(chosen)
                if part == "train":
                    labels = of_row[chosen]
                    fine = labels < classes
                    np.add.at(sums, labels[fine], out[start : start + len(chosen)][fine].astype(np.float64))
                    counts += np.bincount(labels[fine], minlength=classes)
            out.flush()
            del out
            np.save(folder / store.labels_file(part), of_row[rows])
            if self.rows.texts is not None:
                texts = [self.rows.texts[row][:LONGEST_TEXT] for row in rows.tolist()]
                (folder / store.texts_file(part)).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
            store.hash_files(folder, part, "features")
        if mean is not None and scale is not None:
            said = {"columns": self.rows.columns, "mean": mean.tolist(), "deviation": scale.tolist()}
            (folder / store.COLUMNS).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        means: NDArray[np.float64] = sums / np.maximum(counts, 1)[:, None]
        return means

    def _fill_report(self, classes: list[str], coarse: list[str], part_rows: dict[str, Ints], of_row: Ints) -> None:
        report, rows = self.report, self.rows
        report.classes = classes
        counted = {
            part: np.bincount(of_row[part_rows[part]], minlength=len(classes) + len(coarse)).tolist()
            for part in store.PARTS
        }
        report.train, report.test = counted["train"][: len(classes)], counted["test"][: len(classes)]
        report.coarse = coarse
        report.coarse_train, report.coarse_test = counted["train"][len(classes) :], counted["test"][len(classes) :]
        report.features, report.dtype = rows.features.shape[1], str(_stored_type(rows.features))
        report.columns, report.texts = list(rows.columns[:NAMED]), rows.texts is not None
        report.channels = report.side = 0

    def _note_copies(self, contents: list[bytes], of_row: Ints, is_test: NDArray[np.bool_]) -> None:
        same: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(of_row >= 0).tolist():
            same.setdefault(contents[row], []).append(row)
        for rows in same.values():
            if len(rows) == 1:
                continue
            shown = [self._shown(row) for row in rows[:NAMED]]
            if len(set(is_test[rows].tolist())) > 1:
                self.report.between.add(shown)
            if len(set(of_row[rows].tolist())) > 1:
                self.report.two_classes.add(shown)
            if max(Counter(zip(is_test[rows].tolist(), of_row[rows].tolist(), strict=True)).values()) > 1:
                self.report.within.add(shown)

    def _shown(self, row: int) -> str:
        text = "" if self.rows.texts is None else f" {short(self.rows.texts[row][:40])}"
        return f"row {row + 1}{text}"

    def _propose(self, folder: Path, classes: list[str], means: NDArray[np.float64]) -> None:
        if self.tree is not None:
            tree, how = self.tree, f"The tree {self.options.tree}, over the classes that have training rows."
        else:
            groups = _name_groups(classes)
            proposal = suggest.propose(classes, groups, means, self.labels.ordinal, noun="row")
            by_names = not self.labels.ordinal and any(groups)
            tree = proposal.tree
            how = "From the dots or slashes in the class names." if by_names else proposal.how
        (folder / store.TREE).write_text(tree_formats.render(tree, "json"), encoding="utf-8")
        built = {"how": how, "ordinal": self.labels.ordinal}
        (folder / BUILD).write_text(json.dumps(built), encoding="utf-8")


def _name_groups(classes: list[str]) -> list[tuple[str, ...]]:
    """Return the groups in names such as `rec.sport.hockey` or `animal/cat`; empty ones if names do not share any."""
    for mark in ("/", "."):
        paths = [tuple(name.split(mark)) for name in classes]
        shared = Counter(path[0] for path in paths if len(path) > 1 and all(path))
        if shared and max(shared.values()) > 1 and 2 * sum(shared.values()) >= len(classes):
            return [path[:-1] for path in paths]
    return [()] * len(classes)
