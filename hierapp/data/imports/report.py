"""The results of an import's checks as data: numbers, names and warnings of one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hierapp.data.imports.options import TINY
from hierapp.errors import some
from hierapp.utils.text import pluralize

NAMED = 200  # maximum number of files, or groups of files, in a report


@dataclass
class Copies:
    """Groups of files with the same pixels: the number of groups, and the files of the first groups."""

    count: int = 0
    groups: list[list[str]] = field(default_factory=list)

    def add(self, files: Sequence[str]) -> None:
        self.count += 1
        if len(self.groups) < NAMED:
            self.groups.append(list(files[:NAMED]))


# Fields that reports of version 0.1.0 do not have.
_SINCE = (
    *("merged", "narrow", "kind", "features", "dtype", "columns", "texts", "constant", "scaled", "unlabeled"),
    *("coarse", "coarse_train", "coarse_test", "height", "width", "num_train", "num_test"),
    *("train_pixels", "test_pixels", "void_pixels", "unknown", "classes_from"),
)


@dataclass
class Report:
    """The results of checking one source.

    Attributes:
        source: name of the file or folder.
        layout: how classes and parts were determined, in words.
        side, channels: of the stored pictures.
        classes: names of the included classes.
        train, test: number of images of each class in each part.
        drawn: whether the test part was drawn from the pictures; otherwise the source has one.
        empty: classes without training pictures; they are excluded.
        left_out: number of readable pictures excluded with them.
        broken: the first unreadable files, with the reason; `broken_count` is the number of all.
        passed_over, passed_over_count: the first files without a picture's suffix, and the number of all.
        merged: folder names that differ in case only and are one class each.
        narrow: number of pictures of more than 8 bits that use only a part of their range, by the end of that part.
        sizes: number of pictures of each size in pixels, as "640 x 480"; the most frequent sizes.
        smallest, largest: (width, height) of the pictures with the fewest and the most pixels.
        modes: number of pictures in each of Pillow's modes, such as "RGB" or "L".
        resized, cropped: number of pictures that did not have the stored size, or were not square.
        within: copies in the same part and class.
        between: copies in both the training and the test part; empty if the test part was drawn.
        two_classes: copies in different classes.
        kind: "images", "features" or "segmentation"; the fields from here on are those of features.
        features, dtype: number of features of a row, and the type in which they are stored.
        columns: names of the features of a table, the first `NAMED`.
        texts: whether the rows have texts or names to show.
        constant: number of features that have one value in all training rows.
        scaled: whether the features are standardized by the training rows.
        unlabeled: number of rows without a label, which are left out.
        coarse: labels that are inner nodes of the tree; `coarse_train` and `coarse_test` count their rows.
        height, width: of pictures with label maps, as stored; the fields from here on are those of label maps, for
            which `train` and `test` count the pictures with a pixel of each class.
        num_train, num_test: number of pictures of each part.
        train_pixels, test_pixels: number of pixels of each class in each part.
        void_pixels: number of pixels that are not counted.
        unknown: values or colors in the maps that no class has, with their number of pixels; they count as void.
        classes_from: where the classes are from, in words.
    """

    source: str
    layout: str
    side: int = 32
    channels: int = 3
    classes: list[str] = field(default_factory=list)
    train: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)
    drawn: bool = True
    empty: list[str] = field(default_factory=list)
    left_out: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)
    broken_count: int = 0
    passed_over: list[str] = field(default_factory=list)
    passed_over_count: int = 0
    merged: list[str] = field(default_factory=list)
    narrow: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    smallest: tuple[int, int] = (0, 0)
    largest: tuple[int, int] = (0, 0)
    modes: dict[str, int] = field(default_factory=dict)
    resized: int = 0
    cropped: int = 0
    within: Copies = field(default_factory=Copies)
    between: Copies = field(default_factory=Copies)
    two_classes: Copies = field(default_factory=Copies)
    kind: str = "images"
    features: int = 0
    dtype: str = ""
    columns: list[str] = field(default_factory=list)
    texts: bool = False
    constant: int = 0
    scaled: bool = False
    unlabeled: int = 0
    coarse: list[str] = field(default_factory=list)
    coarse_train: list[int] = field(default_factory=list)
    coarse_test: list[int] = field(default_factory=list)
    height: int = 0
    width: int = 0
    num_train: int = 0
    num_test: int = 0
    train_pixels: list[int] = field(default_factory=list)
    test_pixels: list[int] = field(default_factory=list)
    void_pixels: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    classes_from: str = ""

    def break_off(self, file: str, why: str) -> None:
        """Record a file that cannot be used."""
        self.broken_count += 1
        if len(self.broken) < NAMED:
            self.broken.append((file, why))

    @property
    def images(self) -> int:
        return self.train_size + self.test_size

    @property
    def train_size(self) -> int:
        """Number of training images or rows, with those of coarse labels."""
        return self.num_train if self.kind == "segmentation" else sum(self.train) + sum(self.coarse_train)

    @property
    def test_size(self) -> int:
        """Number of test images or rows, with those of coarse labels."""
        return self.num_test if self.kind == "segmentation" else sum(self.test) + sum(self.coarse_test)

    @property
    def all_pixels(self) -> int:
        """Number of pixels of all label maps."""
        return (self.num_train + self.num_test) * self.height * self.width

    @property
    def noun(self) -> str:
        """What the data set consists of, in the singular."""
        return "row" if self.kind == "features" else "image"

    @property
    def tiny(self) -> list[str]:
        """Classes with few training pictures."""
        return [name for name, count in zip(self.classes, self.train, strict=True) if count < TINY]

    @property
    def untested(self) -> list[str]:
        """Classes without test pictures."""
        return [name for name, count in zip(self.classes, self.test, strict=True) if not count]

    @property
    def warnings(self) -> list[str]:
        """Possible problems with the data, one sentence each, the most serious first."""
        found = []
        noun, nouns = self.noun, f"{self.noun}s"
        if self.between.count:
            found.append(
                f"{pluralize(self.between.count, f'{noun} is', f'{nouns} are')} in both the training and the test set,"
                " so the test accuracy is too optimistic; remove the copies."
            )
        if self.two_classes.count:
            found.append(
                f"{pluralize(self.two_classes.count, f'{noun} is', f'{nouns} are')} in two or more classes; choose one"
                " class for each."
            )
        if self.broken_count:
            found.append(
                f"{pluralize(self.broken_count, 'row' if self.kind == 'features' else 'file')} cannot be used and"
                f" {'is' if self.broken_count == 1 else 'are'} left out, {self.broken[0][0]!r} for example."
            )
        if self.unknown:
            values = [f"{value} ({pluralize(count, 'pixel')})" for value, count in self.unknown.items()]
            found.append(f"The label maps have values that no class has: {some(values)}; these pixels count as void.")
        if self.empty:
            extra = f", with {pluralize(self.left_out, f'test {noun}')}" if self.left_out else ""
            found.append(f"Classes without a training {noun}: {some(self.empty)}; left out{extra}.")
        if self.merged:
            found.append(f"Folders whose names differ in case only are one class: {some(self.merged)}.")
        for end, count in self.narrow.items():
            use = "uses" if count == 1 else "use"
            found.append(
                f"{pluralize(count, 'image')} of more than 8 bits {use} only the range from 0 to {end}, which is"
                " scaled to that of 8 bits."
            )
        if self.tiny:
            found.append(
                f"Classes with fewer than {TINY} training {nouns}: {some(self.tiny)}; their accuracy is not reliable."
            )
        if self.untested:
            found.append(f"Classes without a test {noun}: {some(self.untested)}; they have no test accuracy.")
        if self.within.count:
            copies = pluralize(self.within.count, f"{noun} has", f"{nouns} have")
            found.append(f"{copies} copies in the same part and class, which count more than once.")
        if self.unlabeled:
            found.append(f"{pluralize(self.unlabeled, 'row has', 'rows have')} no label and cannot be used.")
        if self.constant:
            found.append(
                f"{pluralize(self.constant, 'feature has', 'features have')} one value in all training rows and"
                f" {'says' if self.constant == 1 else 'say'} nothing about the classes."
            )
        if self.passed_over_count and self.kind == "features":
            found.append(f"Columns or arrays that are not used: {some(self.passed_over)}.")
        elif self.passed_over_count:
            found.append(
                f"{pluralize(self.passed_over_count, 'file is', 'files are')} skipped, because the names are not those"
                f" of images: {some(self.passed_over)}."
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary for JSON, with the warnings."""
        return {**asdict(self), "images": self.images, "tiny": self.tiny, "warnings": self.warnings}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Create a report from the result of `as_dict`, also after JSON.

        Raises:
            KeyError, TypeError: if the values are not a report.
        """
        kept = {key: values[key] for key in cls.__dataclass_fields__ if key in values or key not in _SINCE}
        copies = {key: Copies(**kept[key]) for key in ("within", "between", "two_classes")}
        broken = [(file, why) for file, why in kept["broken"]]
        sizes = {key: tuple(kept[key]) for key in ("smallest", "largest")}
        return cls(**{**kept, **copies, **sizes, "broken": broken})
