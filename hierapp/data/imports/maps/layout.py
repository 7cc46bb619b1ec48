"""Find the pictures and label maps of a source, and which belong together, by the names of folders and files.

Both may be above the parts (images/train, labels/train) or below them (train/images, train/labels); the maps may also
lie in a folder named after that of the pictures (train and trainannot, train and train_labels), as for CamVid; ADE's
images/training and annotations/training and Cityscapes' leftImg8bit and gtFine are of the first kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from hierapp.data.dataset import Part
from hierapp.data.imports.layout import MASKS, PART_OF, PICTURES, VALIDATION
from hierapp.data.imports.signatures import SUFFIXES

Split = Literal["train", "val", "test", ""]
Names = tuple[str, ...]

MAPS = MASKS | {"label", "annotation", "annot", "annots", "segmentationclass", "labelmaps", "gtfine", "trainids"}
IMAGES = PICTURES | {"leftimg", "stillsraw", "rgb"}
# Words that say nothing about the role of a folder: leftImg8bit, 701_StillsRaw_full, LabeledApproved_full.
_FILLERS = frozenset(("bit", "full", "stills", "raw", "left", "img", "fine", "gt", "approved", "trainvaltest"))
_EXACT = {"leftimg8bit": "picture", "701_stillsraw_full": "picture", "labeledapproved_full": "map", "gtfine": "map"}
_PICTURE_END = re.compile(r"_(leftImg8bit|rgb|image|img|sat)$", re.IGNORECASE)
_MAP_END = re.compile(
    r"_(gtFine_labelIds|gtFine_labelTrainIds|L|labels?|masks?|seg|segmentation|gt|annotation|classes)$", re.IGNORECASE
)
# Cityscapes has further maps of each picture: colors, instances.
_CITYSCAPES_IDS, _CITYSCAPES_TRAIN_IDS = "_gtFine_labelIds", "_gtFine_labelTrainIds"


@dataclass(frozen=True)
class Pair:
    """A picture and its label map, as paths below the source; one of them is None if it is missing."""

    picture: Names | None
    map: Names | None
    part: Part | None

    @property
    def shown(self) -> str:
        """The picture's path, or the map's, for display."""
        return "/".join(self.picture or self.map or ())


@dataclass(frozen=True)
class Layout:
    """What was found: the pairs, how the parts were determined, in words, and whether it is Cityscapes by its names."""

    pairs: list[Pair]
    words: str
    cityscapes: Literal["", "ids", "train ids"] = ""


@dataclass(frozen=True)
class _File:
    path: Names
    role: Literal["picture", "map"]
    split: Split
    rest: Names

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path[-1]).stem


def has_maps(paths: Iterable[str]) -> bool:
    """Return whether files are pictures and label maps, by their paths alone.

    >>> has_maps(["data/train/images/1.jpg", "data/train/labels/1.png"]), has_maps(["train/cat/1.jpg"])
    (True, False)
    """
    files = _files([tuple(PurePosixPath(path).parts) for path in paths])
    return {each.role for each in files} == {"picture", "map"}


def find(paths: Sequence[Names]) -> Layout:
    """Find the pairs among the pictures of a source.

    Args:
        paths: the paths of all picture files below the source.
    """
    files = _files(paths)
    maps = [each for each in files if each.role == "map"]
    cityscapes = _cityscapes(maps)
    if cityscapes:
        end = _CITYSCAPES_IDS if cityscapes == "ids" else _CITYSCAPES_TRAIN_IDS
        maps = [each for each in maps if each.stem.endswith(end)]
    of_map = {(each.split, each.rest, each.stem): each for each in maps}
    # A name that equals the picture's comes first; an ending such as _L is read only if there is none.
    for each in maps:
        of_map.setdefault((each.split, each.rest, _MAP_END.sub("", each.stem)), each)
    pairs, used = [], set()
    for each in files:
        if each.role == "map":
            continue
        plain = _PICTURE_END.sub("", each.stem)
        found = of_map.get((each.split, each.rest, each.stem)) or of_map.get((each.split, each.rest, plain))
        used.add(found)
        pairs.append((each, found))
    lonely = [each for each in maps if each not in used]
    splits = {each.split for each, found in pairs if found}
    # The test part of a benchmark is often published without labels: its validation part is then the test part.
    to_test = "test" if "test" in splits and not cityscapes else "val"
    drawn = to_test not in splits or splits <= {to_test}
    made = [
        Pair(each.path, None if found is None else found.path, _part(each.split, to_test, drawn))
        for each, found in pairs
        if found or each.split in splits
    ]
    made += [Pair(None, each.path, _part(each.split, to_test, drawn)) for each in lonely]
    words = "one folder of pictures and one of label maps" if drawn else "train and test folders of pictures and maps"
    if not drawn and to_test == "val":
        words = "train and validation folders of pictures and maps; the validation part is the test part"
    return Layout(made, words, cityscapes)


def _part(split: Split, to_test: str, drawn: bool) -> Part | None:
    if drawn:
        return None
    return "test" if split == to_test else "train"


def _cityscapes(maps: Sequence[_File]) -> Literal["", "ids", "train ids"]:
    if any(each.stem.endswith(_CITYSCAPES_IDS) for each in maps):
        return "ids"
    return "train ids" if any(each.stem.endswith(_CITYSCAPES_TRAIN_IDS) for each in maps) else ""


def _files(paths: Sequence[Names]) -> list[_File]:
    """Return the pictures and maps among the paths of a source."""
    hidden = ("__MACOSX",)
    named = [
        path
        for path in paths
        if PurePosixPath(path[-1]).suffix.lower() in SUFFIXES
        and not any(name.startswith(".") or name in hidden for name in path)
    ]
    strip = _wrapped(named)
    return [file for path in named if (file := _file(path, path[strip:])) is not None]


def _wrapped(paths: Sequence[Names]) -> int:
    """Return how many folders are around everything."""
    depth = 0
    while paths and all(len(path) > depth + 1 and path[depth] == paths[0][depth] for path in paths):
        if _read(paths[0][depth]) is not None:
            break
        depth += 1
    return depth


def _file(path: Names, inner: Names) -> _File | None:
    role: Literal["picture", "map"] | None = None
    split: Split = ""
    rest: list[str] = []
    for name in inner[:-1]:
        said = _read(name)
        if said is None or (said[0] and role) or (said[1] and split):
            if role is None:
                return None  # below a folder with a name of its own, as of a class
            rest.append(name)
            continue
        role, split = said[0] or role, said[1] or split
    return _File(path, role or "picture", split, tuple(rest))


def _read(name: str) -> tuple[Literal["picture", "map"] | None, Split] | None:
    """Return what the name of a folder says, its role and its part; None if it is any other name."""
    plain = name.casefold()
    if plain in _EXACT:
        return ("map" if _EXACT[plain] == "map" else "picture"), ""
    words = [word.casefold() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    if len(words) == 1 and (glued := re.fullmatch(f"({'|'.join(PART_OF)})({'|'.join(MAPS)})", plain)):
        words = list(glued.groups())
    role: Literal["picture", "map"] | None = None
    split: Split = ""
    for word in words:
        if word in PART_OF:
            split = "val" if word in VALIDATION else PART_OF[word]
        elif word in MAPS:
            role = "map"
        elif word in IMAGES:
            role = role or "picture"
        elif word not in _FILLERS:
            return None
    return (role, split) if role or split else None
