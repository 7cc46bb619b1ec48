"""What `data check` and `data import` print of a source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.data.imports.report import Report

SHOWN = 10  # broken files and groups of copies that are printed; --json has more
ALL_OF = 20  # up to this many classes, all are printed
EACH_END = 5  # of more, those with the fewest and with the most training images


def show(report: Report, how: str, as_json: bool, every_class: bool) -> None:
    """Print the report and the origin of the proposed tree; of many classes the notable ones, or every class."""
    if as_json:
        print(json.dumps({**report.as_dict(), "tree": how}, ensure_ascii=False))
        return
    if report.kind == "features":
        _print_features(report)
    elif report.kind == "segmentation":
        _print_maps(report)
    else:
        _print_images(report)
    total = max(1, sum(report.train_pixels))
    shares = [f", {pixels / total:7.2%} of the training pixels" for pixels in report.train_pixels]
    _print_classes(report.classes, report.train, report.test, shares or [""] * len(report.classes), every_class)
    coarse = [", coarse label"] * len(report.coarse)
    _print_classes(report.coarse, report.coarse_train, report.coarse_test, coarse, every_class)
    for warning in report.warnings:
        print(f"Warning: {warning}")
    for file, why in report.broken[:SHOWN]:
        print(f"  {file}: {why}")
    for title, copies in (("in both parts", report.between), ("in two classes", report.two_classes)):
        for files in copies.groups[:SHOWN]:
            print(f"  {title}: {', '.join(files[:SHOWN])}")
    print(f"Proposed tree: {how}")


def _print_features(report: Report) -> None:
    scaled = ", columns standardized by the training part" if report.scaled else ""
    print(f"{report.source}: {report.images:,} rows of {report.layout}, {len(report.classes):,} classes.")
    print(f"Stored as {report.dtype}, {report.features:,} features a row{scaled}.")


def _print_maps(report: Report) -> None:
    colors = "color" if report.channels == 3 else "gray"
    print(
        f"{report.source}: {report.num_train:,} training and {report.num_test:,} test images with label maps, by"
        f" {report.layout}; {len(report.classes):,} classes from {report.classes_from}, {colors}."
    )
    print(f"Stored as {report.width} x {report.height}; {report.resized:,} resized, {report.cropped:,} cropped.")
    print(f"Sizes {_counts(report.sizes)}; {report.void_pixels / report.all_pixels:.1%} of the pixels are void.")


def _print_classes(
    names: Sequence[str], train: Sequence[int], test: Sequence[int], more: Sequence[str], every_class: bool
) -> None:
    """Print a line for each class: its number of training and test examples, and what else is known."""
    chosen = list(range(len(names)))
    if len(names) > ALL_OF and not every_class:
        by_size = sorted(chosen, key=train.__getitem__)
        chosen = sorted({*by_size[:EACH_END], *by_size[-EACH_END:]})
    width = max((len(names[i]) for i in chosen), default=0)
    for i in chosen:
        print(f"  {names[i]:{width}} {train[i]:7,} train {test[i]:7,} test{more[i]}")
    if len(chosen) < len(names):
        print(
            f"  These have the fewest and the most training examples; {len(names) - len(chosen):,} between them are"
            f" left out, and {sum(count == 0 for count in test):,} of all have no test example. --all prints every one."
        )


def _print_images(report: Report) -> None:
    colors = "color" if report.channels == 3 else "gray"
    print(f"{report.source}: {report.images:,} images by {report.layout}, {len(report.classes):,} classes, {colors}.")
    print(
        f"Stored as {report.side} x {report.side}; {report.resized:,} resized, {report.cropped:,} cropped to a square."
    )
    print(f"Sizes {_counts(report.sizes)}; modes {_counts(report.modes)}.")


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counted.items())
