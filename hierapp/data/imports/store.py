"""Storage of the user's own data sets: own/NAME in the data folder, with four arrays, their hashes and a description.

Data sets of features also have the texts of their rows, if there are any, and the scaling of their columns.

`dataset.json` is written before the folder gets its final name, so that a named folder is always a complete data set.
"""

from __future__ import annotations

import functools
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from hierapp.data import content
from hierapp.data.content import ContentHashes
from hierapp.data.dataset import Arrays, Dataset, File, Kind, Part, how_to_fix
from hierapp.data.imports.report import Report
from hierapp.data.label_maps import map_dtype
from hierapp.errors import DatasetError, short
from hierapp.trees import library as tree_library
from hierapp.utils import files as whole_files
from hierapp.utils.reading import read_text

FOLDER = "own"
DESCRIPTION = "dataset.json"
REPORT = "report.json"
TREE = "tree.json"
HASHES = "hashes.json"
COLUMNS = "columns.json"
LONGEST_NAME = 40
PARTS: tuple[Part, Part] = ("train", "test")


@dataclass(frozen=True)
class Description:
    """The content of `dataset.json`; `shape` is (H, W, C), `tree` the name of the saved tree, `files` the size in bytes
    of each array's file. `features` is the number of features of a row, 0 for images; `coarse` the names of labels that
    are inner nodes; `texts` whether rows have texts; `pictures` the data set of images of which the rows are features,
    and its content hashes; `maps` whether images have label maps."""

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train: int
    test: int
    source: str
    tree: str
    files: dict[str, int]
    ordinal: bool = False
    owner: str | None = None
    features: int = 0
    coarse: tuple[str, ...] = ()
    texts: bool = False
    pictures: tuple[str, tuple[str | None, str | None]] | None = None
    maps: bool = False

    def write(self, folder: Path) -> None:
        """Write the description to a data set's folder."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def write_report(folder: Path, report: Report) -> None:
    """Write the report of a data set's import, or of how it was made, to its folder."""
    text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
    (folder / REPORT).write_text(text, encoding="utf-8")


def describe(
    folder: Path,
    title: str,
    report: Report,
    source: str,
    tree: str = "",
    ordinal: bool = False,
    owner: str | None = None,
    pictures: tuple[str, tuple[str | None, str | None]] | None = None,
) -> None:
    """Write the description of a data set whose other files are all in the folder; see `Description`."""
    kind = kind_named(report.kind)
    size = (report.height, report.width) if kind == "segmentation" else (report.side, report.side)
    files = [file for part in PARTS for file in files_of(part, kind, report.texts)]
    Description(
        title=title,
        classes=tuple(report.classes),
        shape=(*size, report.channels),
        train=report.train_size,
        test=report.test_size,
        source=source,
        tree=tree,
        files={file: (folder / file).stat().st_size for file in files},
        ordinal=ordinal,
        owner=owner,
        features=report.features,
        coarse=tuple(report.coarse),
        texts=report.texts,
        pictures=pictures,
        maps=kind == "segmentation",
    ).write(folder)


def own_folder(root: Path) -> Path:
    """Return the folder of own data sets in a data folder."""
    return root / FOLDER


def inputs_file(part: Part, kind: Kind) -> str:
    """Return the file name of a part's inputs: .npy, images uint8 [n, H, W, C] or features as floats [n, F]."""
    return f"{part}-features.npy" if kind == "features" else f"{part}-images.npy"


def labels_file(part: Part) -> str:
    """Return the file name of a part's labels: .npy, int64 [n], or label maps, uint8 or int16 [n, H, W]."""
    return f"{part}-labels.npy"


def texts_file(part: Part) -> str:
    """Return the file name of the texts of a part's rows: a JSON list of n strings."""
    return f"{part}-texts.json"


def files_of(part: Part, kind: Kind, texts: bool = False) -> list[str]:
    """Return the file names of a part."""
    return [inputs_file(part, kind), labels_file(part), *([texts_file(part)] if texts else [])]


def kind_named(name: str) -> Kind:
    """Return the kind of a data set as a literal."""
    return next((kind for kind in get_args(Kind) if kind == name), "images")


def check_name(name: str) -> str:
    """Return the name if it is valid for a data set.

    Raises:
        DatasetError: if it is not valid.

    >>> check_name("my-flowers")
    'my-flowers'
    """
    if not name or tree_library.stem_of(name) != name or len(name) > LONGEST_NAME:
        raise DatasetError(
            f"{short(name)} is not a valid data set name; use letters, digits, - and _, at most {LONGEST_NAME}"
            " characters."
        )
    return name


def found(root: Path) -> dict[str, Dataset]:
    """Return the own data sets of a data folder by name; invalid folders are skipped."""
    try:
        names = sorted(entry.name for entry in own_folder(root).iterdir() if not entry.name.startswith("."))
    except OSError:
        return {}
    return {name: entry for name in names if (entry := _entry(root, name)) is not None}


def read_arrays(dataset: Dataset, part: Part, root: Path) -> Arrays:
    """Return the images or features as a copy-on-write memory map, and the labels."""
    folder = own_folder(root) / dataset.name
    try:
        inputs, labels = _read_files(folder, part, dataset.kind)
        kinds = (np.float16, np.float32) if dataset.kind == "features" else (np.uint8,)
        sound = inputs.dtype in kinds and inputs.shape[1:] == dataset.input_shape
        if dataset.kind == "segmentation":
            expected, inner = map_dtype(len(dataset.label_names)), dataset.image_shape[:2]
            sound = sound and labels.dtype == expected and labels.shape[1:] == inner
        else:
            sound = sound and labels.dtype == np.int64
    except (OSError, ValueError, EOFError):
        sound = False
    if not sound:
        raise DatasetError(
            f"The {part} part of your data set {dataset.name!r} in {folder} cannot be read; {how_to_fix(dataset)}."
        )
    return inputs, labels


def read_texts(dataset: Dataset, part: Part, root: Path) -> list[str]:
    """Return the texts of a part's rows; empty if they cannot be read."""
    try:
        found = json.loads((own_folder(root) / dataset.name / texts_file(part)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(text) for text in found] if isinstance(found, list) else []


def hash_part(dataset: Dataset, part: Part, root: Path) -> str:
    """Return the content hash of a part of an own data set."""
    return hash_files(own_folder(root) / dataset.name, part, dataset.kind)


def hash_files(folder: Path, part: Part, kind: Kind = "images") -> str:
    """Return the content hash of a part in a data set's folder.

    It is stored beside the files when the data set is imported, and computed again if their sizes or times change.

    Raises:
        DatasetError: if the files cannot be read.
    """
    try:
        files = [(folder / name).stat() for name in files_of(part, kind)]
        state = [[stat.st_size, stat.st_mtime_ns] for stat in files]
        kept = _kept_hashes(folder)
        known = kept.get(part)
        if isinstance(known, dict) and known.get("files") == state and isinstance(known.get("hash"), str):
            return str(known["hash"])
        found = content.of_arrays(*_read_files(folder, part, kind))
    except (OSError, ValueError, EOFError):
        raise DatasetError(f"The {part} part of the data set in {folder} cannot be read; import it again.") from None
    with suppress(OSError):  # a read-only folder
        said = json.dumps({**kept, part: {"hash": found, "files": state}})
        whole_files.replace(said.encode(), folder / HASHES, whole_files.PUBLIC_FILE)
    return found


def report_of(name: str, root: Path) -> Report | None:
    """Return the report of a data set's import; None if it cannot be read."""
    try:
        return Report.from_dict(json.loads(read_text(own_folder(root) / name / REPORT)))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def stamp(name: str, root: Path) -> int:
    """Return a number that changes when another data set takes the name; 0 if there is none."""
    try:
        return (own_folder(root) / name / DESCRIPTION).stat().st_mtime_ns
    except OSError:
        return 0


def _read_files(folder: Path, part: Part, kind: Kind) -> Arrays:
    inputs = np.load(folder / inputs_file(part, kind), mmap_mode="c", allow_pickle=False)
    mapped: Literal["c"] | None = "c" if kind == "segmentation" else None
    return np.asarray(inputs), np.asarray(np.load(folder / labels_file(part), mmap_mode=mapped, allow_pickle=False))


def _kept_hashes(folder: Path) -> dict[str, Any]:
    try:
        kept = json.loads(read_text(folder / HASHES))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _entry(root: Path, name: str) -> Dataset | None:
    file = own_folder(root) / name / DESCRIPTION
    try:
        stat = file.stat()
    except OSError:
        return None
    entry = _read(file, stat.st_mtime_ns, stat.st_size)
    if entry is None:
        return None
    # The user may have deleted the tree; the data set has a copy.
    if tree_library.has(entry.default_tree):
        return entry
    return replace(entry, default_tree=str(file.with_name(TREE)))


@functools.lru_cache(maxsize=1_000)
def _read(file: Path, time: int, size: int) -> Dataset | None:
    """Create the entry from a description; it is read again when its time or size changes."""
    name = file.parent.name
    try:
        said = Description(**json.loads(read_text(file)))
        height, width, channels = said.shape
        return Dataset(
            name=name,
            title=said.title,
            class_names=tuple(said.classes),
            image_shape=(height, width, channels),
            train_size=said.train,
            test_size=said.test,
            default_tree=said.tree,
            source=said.source,
            read=read_arrays,
            hash_part=hash_part,
            files=tuple(
                File(f"{FOLDER}/{name}/{each}", said.files[each], "", part)
                for part in PARTS
                for each in files_of(part, "features" if said.features else "images", said.texts)
            ),
            own=True,
            owner=said.owner,
            ordinal=said.ordinal,
            features=said.features,
            coarse_names=tuple(said.coarse),
            texts=read_texts if said.texts else None,
            maps=said.maps,
            pictures=None if said.pictures is None else (said.pictures[0], ContentHashes(*said.pictures[1])),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
