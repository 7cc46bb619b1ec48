"""Small data sets of features that are drawn for the tests."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from hierapp.data.dataset import Dataset
from hierapp.data.imports import finalize, job
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.data.imports.report import Report

CLASSES = ("animal.cat", "animal.dog", "thing.car", "thing.cup")


def arrays(count: int = 80, width: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows around a different point for each class; a quarter of them are of the test part."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    centers = draw.normal(0, 3, (len(CLASSES), width))
    return {
        "features": (centers[labels] + draw.normal(0, 1, (count, width))).astype(np.float16),
        "labels": labels.astype(np.int16),
        "classes": np.array(CLASSES),
        "test": np.arange(count) // len(CLASSES) % 4 == 0,
        "texts": np.array([f"text {row}" for row in range(count)]),
    }


def npz(file: Path, **changes: Any) -> Path:
    """Write an npz file; a change to None leaves an array out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{name: array for name, array in {**arrays(), **changes}.items() if array is not None})
    return file


def table(file: Path, header: list[str], rows: list[list[object]], delimiter: str = ",") -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=delimiter).writerows([header, *rows])
    return file


def checked(source: Path, **options: Any) -> tuple[str, Report]:
    """Read a source; the token of the import and its report."""
    token = job.begin(Request(source.name, Options(**options), str(source)))
    return token, job.work(token)


def own(source: Path, name: str, **options: Any) -> Dataset:
    """Import a source as a data set."""
    return finalize.finalize(checked(source, **options)[0], name)
