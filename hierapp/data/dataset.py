"""The catalogue entry of a data set and its published files: their location and integrity."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

from numpy.typing import NDArray

from hierapp.data import content
from hierapp.data.content import ContentHashes
from hierapp.errors import DatasetError

Part = Literal["train", "test"]
Kind = Literal["images", "features", "segmentation"]
# Images uint8 [n, H, W, C] or features float16 or float32 [n, F], and labels int64 [n], or label maps [n, H, W].
Arrays = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class File:
    """A published file.

    Attributes:
        path: relative to the data folder, with forward slashes.
        size: in bytes.
        md5: MD5 of the content, 32 hexadecimal digits.
        part: the part that the file belongs to; None if it belongs to both.
    """

    path: str
    size: int
    md5: str
    part: Part | None = None


@dataclass(frozen=True)
class Dataset:
    """An entry of the catalogue.

    Attributes:
        name, title: its name in commands and addresses, and in forms.
        class_names: in the order of the labels, spelled as in torchvision.
        image_shape: (H, W, C) in pixels and channels; (0, 0, 0) for features.
        train_size, test_size: number of images or rows in each part.
        default_tree: name of the label tree to use by default; for a user's own data set it may be the tree's file.
        source: the authors, in one sentence.
        read: `read(dataset, part, folder)` returns images uint8 [n, H, W, C], or features float16 or float32
            [n, F], and labels int64 [n]: positions in `label_names`; or label maps, see `hierapp.data.label_maps`.
        hash_part: `hash_part(dataset, part, folder)` returns the content hash of what `read` returns.
        files: what `read` and torchvision need, relative to the data folder; empty if a package includes the data.
        archives: the archives to download for these files, relative to the data folder.
        torchvision_class: the class in torchvision.datasets that downloads the archives.
        debian_package: the Debian package that holds the files as .gz, as an alternative source.
        debian_folder: the folder where that package installs them.
        url: the address of the only archive, for data sets that torchvision does not have.
        by_hand: how to get a data set that cannot be downloaded, as the end of a sentence.
        own: whether a user imported it; its files are then in own/NAME of the data folder.
        owner: e-mail address of the user who imported it, if logged in.
        ordinal: whether the order of the classes has a meaning, as for ages.
        features: number of features of a row; 0 for images.
        coarse_names: names of the labels that are inner nodes of the tree.
        pictures: the data set of images from which the features were extracted row by row, and the hashes of its
            parts; None if there is none.
        maps: whether the images have label maps, a class for each pixel.
        texts: `texts(dataset, part, folder)` returns what is shown for each row; None if there are only numbers.
        summary: what it consists of, for the table of the documentation.
        order: shipped data sets are listed by this number, then by name.
        start_order: at start the app selects the data set of the lowest number that is ready.
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
    hash_part: Callable[[Dataset, Part, Path], str] = content.of_part
    files: tuple[File, ...] = ()
    archives: tuple[File, ...] = ()
    torchvision_class: str | None = None
    debian_package: str | None = None
    debian_folder: str | None = None
    url: str | None = None
    by_hand: str | None = None
    own: bool = False
    owner: str | None = None
    ordinal: bool = False
    features: int = 0
    coarse_names: tuple[str, ...] = ()
    texts: Callable[[Dataset, Part, Path], Sequence[str]] | None = None
    pictures: tuple[str, ContentHashes] | None = None
    maps: bool = False
    summary: str = ""
    order: int = 100
    start_order: int = 100

    @property
    def kind(self) -> Kind:
        """Whether the data set consists of images, of rows of features, or of images with label maps."""
        return "features" if self.features else "segmentation" if self.maps else "images"

    @property
    def noun(self) -> str:
        """What the data set consists of, in the plural."""
        return "rows" if self.features else "images"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input: (H, W, C), or (F,)."""
        return (self.features,) if self.features else self.image_shape

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of all labels: the classes, then the coarse labels."""
        return (*self.class_names, *self.coarse_names)

    @property
    def download_bytes(self) -> int:
        """Bytes to download; 0 if there is nothing to download."""
        return sum(archive.size for archive in self.archives)

    def places(self, folder: Path) -> dict[File, Path]:
        """Return the path of each file: in the Debian package if it is complete and the data folder has none of the
        files, otherwise in the data folder."""
        own = {file: folder / file.path for file in self.files}
        if self.debian_folder is None or any(size_on_disk(file, path) is not None for file, path in own.items()):
            return own
        installed = {file: Path(self.debian_folder) / f"{Path(file.path).name}.gz" for file in self.files}
        return installed if all(size_on_disk(file, path) == file.size for file, path in installed.items()) else own


def how_to_get(name: str) -> str:
    """Describe how to get a data set, as the end of a sentence.

    >>> how_to_get("cifar10")
    'click Download on the Start page or run `python -m hierapp data get cifar10`'
    """
    return f"click Download on the Start page or run `python -m hierapp data get {name}`"


def how_to_fix(dataset: Dataset) -> str:
    """Describe how to repair a damaged data set, as the end of a sentence."""
    return "delete it on the Data page and import it again" if dataset.own else how_to_get(dataset.name)


def size_on_disk(file: File, path: Path) -> int | None:
    """Return the size in bytes of the file's content, uncompressed if the file is a .gz; None if it cannot be read.

    Reads up to 4 bytes, because pages call it on every load.
    """
    try:
        if not _is_packed(file, path):
            return path.stat().st_size if path.is_file() else None
        with path.open("rb") as stream:
            # A gzip file ends with the size of its content modulo 2^32.
            stream.seek(-4, io.SEEK_END)
            return int.from_bytes(stream.read(4), "little")
    except OSError:
        return None


def is_intact(file: File, path: Path) -> bool:
    """Check the size and MD5 of the content at `path`; hashes about 700 MB per second."""
    if size_on_disk(file, path) != file.size:
        return False
    try:
        with open_content(file, path) as stream:
            return hashlib.file_digest(cast(io.BufferedReader, stream), _md5).hexdigest() == file.md5
    except (OSError, EOFError, zlib.error):
        return False


def read(file: File, path: Path, name: str) -> bytes:
    """Read a file of the data set `name`; the content is verified before it is parsed or unpickled.

    Raises:
        DatasetError: if the file cannot be read or differs from the published one.
    """
    try:
        with open_content(file, path) as stream:
            content = stream.read()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        content = b""
    except OSError as error:
        raise DatasetError(
            f"The file {path} of the data set {name!r} cannot be read ({error.strerror}); download it again:"
            f" {how_to_get(name)}."
        ) from error
    if _md5(content).hexdigest() != file.md5:
        raise DatasetError(
            f"The file {path} of the data set {name!r} is broken (its MD5 is not the published one); download it again:"
            f" {how_to_get(name)}."
        )
    return content


def open_content(file: File, path: Path) -> IO[bytes]:
    """Open the file's content for reading; a .gz is decompressed."""
    return cast(IO[bytes], gzip.open(path, "rb")) if _is_packed(file, path) else path.open("rb")


def _is_packed(file: File, path: Path) -> bool:
    return path.name == Path(file.path).name + ".gz"


def _md5(content: bytes = b"") -> hashlib._Hash:
    # The publishers provide MD5s. MD5 only detects damage here, so systems that forbid it for security allow this use.
    return hashlib.md5(content, usedforsecurity=False)
