"""What the catalogue says of a data set, and its published files: where they lie, and whether they are the published
ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import DatasetError

Part = Literal["train", "test"]
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class File:
    """A published file.

    Attributes:
        path: relative to the data folder, with forward slashes.
        size: in bytes.
        md5: of the content, 32 hexadecimal digits.
        part: the part that it holds; None if it belongs to both.
    """

    path: str
    size: int
    md5: str
    part: Part | None = None


@dataclass(frozen=True)
class Dataset:
    """An entry of the catalogue.

    Attributes:
        class_names: in the order of the labels, spelled as torchvision spells them.
        image_shape: (H, W, C) in pixels and channels.
        train_size, test_size: images in each part.
        default_tree: name of the label tree that fits; for a user's own set it may be the tree's file.
        source: who made it, one sentence.
        read: `read(dataset, part, folder)` gives images uint8 [n, H, W, C] and labels int64 [n].
        files: what `read` and torchvision need, relative to the data folder; none for a set that comes with a package.
        archives: what is downloaded for them, relative to the data folder.
        torchvision_class: the class in torchvision.datasets that downloads the archives.
        debian_package: the Debian package that holds the files as .gz, another way to get them.
        debian_folder: where that package puts them.
        own: whether a user brought it; then its files lie in own/NAME of the data folder.
        owner: the e-mail of who brought it, if they had logged in.
        ordinal: whether the classes stand in an order that means something, as ages do.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_size: int
    test_size: int
    default_tree: str
    source: str
    read: Callable[[Dataset, Part, Path], Arrays]
    files: tuple[File, ...] = ()
    archives: tuple[File, ...] = ()
    torchvision_class: str | None = None
    debian_package: str | None = None
    debian_folder: str | None = None
    own: bool = False
    owner: str | None = None
    ordinal: bool = False

    @property
    def download_bytes(self) -> int:
        """Bytes to download, 0 if there is nothing to get."""
        return sum(archive.size for archive in self.archives)

    def places(self, folder: Path) -> dict[File, Path]:
        """Where each file is read from: the data folder, or Debian's package if that is whole and the folder has none
        of the files."""
        own = {file: folder / file.path for file in self.files}
        if self.debian_folder is None or any(size_on_disk(file, path) is not None for file, path in own.items()):
            return own
        installed = {file: Path(self.debian_folder) / f"{Path(file.path).name}.gz" for file in self.files}
        return installed if all(size_on_disk(file, path) == file.size for file, path in installed.items()) else own


def how_to_get(name: str) -> str:
    """What a user does to get a data set, the end of a sentence.

    >>> how_to_get("cifar10")
    'click Get on the Start page or run `python -m hierapp data get cifar10`'
    """
    return f"click Get on the Start page or run `python -m hierapp data get {name}`"


def how_to_mend(dataset: Dataset) -> str:
    """What a user does about a broken data set, the end of a sentence."""
    return "delete it on the Data page and import it again" if dataset.own else how_to_get(dataset.name)


def size_on_disk(file: File, path: Path) -> int | None:
    """Bytes of the file's content at `path`, unpacked where it lies there as .gz; None where none can be read.

    Reads at most 4 bytes, for a page asks on every load.
    """
    try:
        if not _is_packed(file, path):
            return path.stat().st_size if path.is_file() else None
        with path.open("rb") as stream:
            # gzip ends with the length of what it holds, modulo 2^32.
            stream.seek(-4, io.SEEK_END)
            return int.from_bytes(stream.read(4), "little")
    except OSError:
        return None


def is_intact(file: File, path: Path) -> bool:
    """Whether size and MD5 of the content at `path` are the published ones; hashes some 700 MB a second."""
    if size_on_disk(file, path) != file.size:
        return False
    try:
        with open_content(file, path) as stream:
            return hashlib.file_digest(cast(io.BufferedReader, stream), _md5).hexdigest() == file.md5
    except (OSError, EOFError, zlib.error):
        return False


def read(file: File, path: Path, name: str) -> bytes:
    """The content of a file of the data set `name`, checked before anyone parses or unpickles it.

    Raises:
        DatasetError: if the file cannot be read, or is not the published one to the last byte.
    """
    try:
        with open_content(file, path) as stream:
            content = stream.read()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        content = b""
    except OSError as error:
        raise DatasetError(
            f"The file {path} of the data set {name!r} cannot be read ({error.strerror}); get it again:"
            f" {how_to_get(name)}."
        ) from error
    if _md5(content).hexdigest() != file.md5:
        raise DatasetError(
            f"The file {path} of the data set {name!r} is broken (its MD5 is not the published one); getting it again"
            f" mends it: {how_to_get(name)}."
        )
    return content


def open_content(file: File, path: Path) -> IO[bytes]:
    """Open the file's content for reading, unpacking it where it lies at `path` as .gz."""
    return cast(IO[bytes], gzip.open(path, "rb")) if _is_packed(file, path) else path.open("rb")


def _is_packed(file: File, path: Path) -> bool:
    return path.name == Path(file.path).name + ".gz"


def _md5(content: bytes = b"") -> hashlib._Hash:
    # The publishers give MD5s; they tell broken from whole here, and systems that bar MD5 for secrets allow that.
    return hashlib.md5(content, usedforsecurity=False)
