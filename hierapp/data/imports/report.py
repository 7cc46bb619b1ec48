"""What an import found, as data: numbers, names and warnings, each one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hierapp.data.imports.options import TINY
from hierapp.errors import some
from hierapp.utils.text import pluralize

NAMED = 200  # files, or groups of files, that a report names


@dataclass
class Copies:
    """Groups of files with the same pixels: how many groups, and the files of the first ones."""

    count: int = 0
    groups: list[list[str]] = field(default_factory=list)

    def add(self, files: Sequence[str]) -> None:
        self.count += 1
        if len(self.groups) < NAMED:
            self.groups.append(list(files[:NAMED]))


@dataclass
class Report:
    """The check of one source.

    Attributes:
        source: the file's or folder's name.
        layout: how classes and parts were told, in words.
        side, channels: of the pictures as they are kept.
        classes: names of the classes that are kept.
        train, test: images of each class in each part.
        drawn: whether the test part was drawn from the pictures; otherwise the source had one.
        empty: classes without a picture to train on; they are left out.
        left_out: readable pictures that are left out with them.
        broken: files that cannot be read, and why: the first ones; `broken_count` is all.
        passed_over, passed_over_count: files that are no pictures by their names.
        sizes: how often each size in pixels is seen, the most frequent ones, as "640 x 480".
        smallest, largest: by pixels; (width, height).
        modes: how often each of Pillow's modes is seen, as "RGB" or "L".
        resized, cropped: pictures that were not of the kept size, or not square.
        within: copies in one part and class.
        between: copies that stand in the training and the test part; none where that was drawn.
        two_classes: copies that stand in different classes.
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
    sizes: dict[str, int] = field(default_factory=dict)
    smallest: tuple[int, int] = (0, 0)
    largest: tuple[int, int] = (0, 0)
    modes: dict[str, int] = field(default_factory=dict)
    resized: int = 0
    cropped: int = 0
    within: Copies = field(default_factory=Copies)
    between: Copies = field(default_factory=Copies)
    two_classes: Copies = field(default_factory=Copies)

    def break_off(self, file: str, why: str) -> None:
        """Note a file that cannot be used."""
        self.broken_count += 1
        if len(self.broken) < NAMED:
            self.broken.append((file, why))

    @property
    def images(self) -> int:
        return sum(self.train) + sum(self.test)

    @property
    def tiny(self) -> list[str]:
        """Classes with few pictures to train on."""
        return [name for name, count in zip(self.classes, self.train, strict=True) if count < TINY]

    @property
    def untested(self) -> list[str]:
        """Classes without a test picture."""
        return [name for name, count in zip(self.classes, self.test, strict=True) if not count]

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with the data, a sentence each, the gravest first."""
        found = []
        if self.between.count:
            found.append(
                f"{pluralize(self.between.count, 'picture stands', 'pictures stand')} in the training and in the test"
                " part, so that the test accuracy promises too much; remove the copies."
            )
        if self.two_classes.count:
            found.append(
                f"{pluralize(self.two_classes.count, 'picture stands', 'pictures stand')} in two classes or more;"
                " decide for one."
            )
        if self.broken_count:
            found.append(
                f"{pluralize(self.broken_count, 'file', 'files')} cannot be used and"
                f" {'is' if self.broken_count == 1 else 'are'} left out."
            )
        if self.empty:
            extra = f", with {pluralize(self.left_out, 'test picture', 'test pictures')}" if self.left_out else ""
            found.append(f"Without a picture to train on: {some(self.empty)}; left out{extra}.")
        if self.tiny:
            found.append(f"Fewer than {TINY} pictures to train on: {some(self.tiny)}; their accuracy will say little.")
        if self.untested:
            found.append(f"Without a test picture: {some(self.untested)}; their test accuracy cannot be told.")
        if self.within.count:
            copies = pluralize(self.within.count, "picture has", "pictures have")
            found.append(f"{copies} copies in the same part and class, which then count more.")
        if self.passed_over_count:
            found.append(
                f"{pluralize(self.passed_over_count, 'file is', 'files are')} no pictures by name and passed over:"
                f" {some(self.passed_over)}."
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the warnings."""
        return {**asdict(self), "images": self.images, "tiny": self.tiny, "warnings": self.warnings}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What `as_dict` gave, after JSON.

        Raises:
            KeyError, TypeError: if it is none.
        """
        kept = {key: values[key] for key in cls.__dataclass_fields__}
        copies = {key: Copies(**kept[key]) for key in ("within", "between", "two_classes")}
        broken = [(file, why) for file, why in kept["broken"]]
        sizes = {key: tuple(kept[key]) for key in ("smallest", "largest")}
        return cls(**{**kept, **copies, **sizes, "broken": broken})
