"""Read features from arrays: an npz file, a folder or zip of npy files, or an npy file with its labels beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports.options import Options
from hierapp.data.imports.rows.rows import CLASSES, FEATURES, LABELS, PARTS, TEXTS, Rows, known_name
from hierapp.errors import DatasetError, one_line, short, some

SUFFIX = ".npy"
# Arrays for each part, as Keras and scikit-learn's users name them.
_SPLIT = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def read_file(file: Path, options: Options) -> Rows:
    """Read an npy file of features; the labels are in NAME-labels.npy, NAME_labels.npy or labels.npy beside it.

    Raises:
        DatasetError: if there are no labels, or the arrays do not fit together.
    """
    stem = file.stem.removesuffix("-features").removesuffix("_features")
    names = [f"{stem}-labels", f"{stem}_labels", "labels", "y"]
    labels = next((path for name in names if (path := file.with_name(name + SUFFIX)).is_file()), None)
    if labels is None:
        raise DatasetError(
            f"The array {one_line(file.name)} has no labels; put them beside it as {one_line(stem)}-labels.npy, or save"
            " features and labels together in an npz file."
        )
    beside = {"features": _load(file), "labels": _load(labels)}
    for each in (*CLASSES, *PARTS, *TEXTS):
        if (path := file.with_name(f"{stem}-{each}.npy")).is_file():
            beside[each] = _load(path)
    return of_arrays(beside, options)


def read_folder(folder: Path, options: Options) -> Rows:
    """Read the npy files in a folder as the arrays of an npz file; `classes.txt` or `classes.json` may have the names.

    Raises:
        DatasetError: if there are no features or labels, or the arrays do not fit together.
    """
    arrays = {file.stem: _load(file) for file in sorted(folder.rglob(f"*{SUFFIX}"))}
    for name in CLASSES:
        for file in (*folder.rglob(f"{name}.txt"), *folder.rglob(f"{name}.json")):
            arrays.setdefault(name, np.array(_names(file), np.str_))
    return of_arrays(arrays, options)


def _names(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
        found = json.loads(text) if file.suffix == ".json" else [line for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"The class names in {one_line(file.name)} cannot be read; write one name a line."
        ) from error
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise DatasetError(f"Expected a list of class names in {one_line(file.name)}; write one name a line.")
    return found


def of_arrays(arrays: Mapping[str, NDArray[Any]], options: Options) -> Rows:
    """Find features, labels, class names, parts and texts by the names of the arrays.

    Raises:
        DatasetError: if features or labels are missing, or the shapes do not fit together.
    """
    names = list(arrays)
    split = {part: [known_name(names, "", (each,), "array") for each in pair] for part, pair in _SPLIT.items()}
    if all(name is not None for pair in split.values() for name in pair):
        return _of_parts(arrays, split, options)
    label = known_name(names, options.label, LABELS, "array")
    feature = known_name(names, "", FEATURES, "array") or _only_matrix(arrays, label)
    if feature is None or label is None:
        missing = "features" if feature is None else "labels"
        raise DatasetError(
            f"There is no array of {missing} among {some(names) if names else 'the files'}; name the arrays features"
            " and labels, and optionally classes, test and texts."
        )
    part = known_name(names, options.part, PARTS, "array")
    text = known_name(names, options.text, TEXTS, "array")
    classes = known_name(names, "", CLASSES, "array")
    features = _matrix(arrays[feature], feature)
    for name in (label, part, text):
        if name is not None and arrays[name].shape[:1] != features.shape[:1]:
            raise DatasetError(
                f"Expected {len(features):,} values in the array {short(name)}, one for each row of {short(feature)},"
                f" but got shape {list(arrays[name].shape)}."
            )
    used = {feature, label, part, text, classes}
    said = [f"features in {feature} {list(arrays[feature].shape)}", f"labels in {label}"]
    said += [f"parts in {part}"] if part else []
    return Rows(
        ", ".join(said),
        features,
        arrays[label],
        None if classes is None else [_text(name) for name in arrays[classes].reshape(-1).tolist()],
        None if part is None else arrays[part],
        None if text is None else [_text(each) for each in arrays[text].reshape(-1).tolist()],
        ignored=[name for name in names if name not in used],
    )


def _of_parts(arrays: Mapping[str, NDArray[Any]], split: Mapping[str, Sequence[str | None]], options: Options) -> Rows:
    """Join x_train, y_train, x_test and y_test."""
    names = list(arrays)
    (x_train, y_train), (x_test, y_test) = ([str(name) for name in split[part]] for part in ("train", "test"))
    matrices = [_matrix(arrays[name], name) for name in (x_train, x_test)]
    if matrices[0].shape[1] != matrices[1].shape[1]:
        raise DatasetError(
            f"Expected as many columns in {short(x_test)} as in {short(x_train)} but got {matrices[1].shape[1]:,} and"
            f" {matrices[0].shape[1]:,}."
        )
    for matrix, name in zip(matrices, (y_train, y_test), strict=True):
        if arrays[name].shape[:1] != matrix.shape[:1]:
            raise DatasetError(
                f"Expected {len(matrix):,} labels in {short(name)}, one for each row, but got shape"
                f" {list(arrays[name].shape)}."
            )
    classes = known_name(names, "", CLASSES, "array")
    used = {x_train, y_train, x_test, y_test, classes}
    return Rows(
        f"features in {x_train} and {x_test}, labels in {y_train} and {y_test}",
        np.concatenate(matrices),
        np.concatenate([arrays[y_train], arrays[y_test]]),
        None if classes is None else [_text(name) for name in arrays[classes].reshape(-1).tolist()],
        np.repeat([False, True], [len(matrix) for matrix in matrices]),
        ignored=[name for name in names if name not in used],
    )


def _only_matrix(arrays: Mapping[str, NDArray[Any]], label: str | None) -> str | None:
    """Return the only array of numbers with more than one dimension."""
    found = [name for name, array in arrays.items() if name != label and array.ndim > 1 and array.dtype.kind in "fiu"]
    return found[0] if len(found) == 1 else None


def _matrix(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return features as [n, F]; further dimensions are flattened."""
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise DatasetError(
            f"Expected numbers [rows, features] in the array {short(name)} but got {array.dtype} {list(array.shape)}."
        )
    return array.reshape(len(array), -1)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _load(file: Path) -> NDArray[Any]:
    try:
        # As a memory map, so that features need not fit into memory.
        found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        objects = "allow_pickle" in str(error) or "Python objects" in str(error)
        reason = "holds Python objects" if objects else "is damaged or not an npy file"
        fix = "save names as np.array(names, dtype=str)" if objects else "save it again with np.save or np.savez"
        raise DatasetError(f"The array {one_line(file.stem)} {reason}; {fix}.") from error
    if not isinstance(found, np.ndarray) or found.dtype.names:
        raise DatasetError(f"The array {one_line(file.stem)} has named fields; save a plain array of numbers.")
    return found
