"""What was predicted: texts, or names and small copies of images, stored beside the outputs of imported predictions.

One file of tensors, without pickle. The copies are made at the import, so that nothing outside the run's folder is read
later.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.images import Pixels
from hierapp.errors import ArchiveError, StoreError
from hierapp.runs.predictions.raw import Warn, warn_caller

FILE = "items.safetensors"
SIDE = 64  # of the copies, in pixels
QUALITY = 85


@dataclass(frozen=True, eq=False)
class Items:
    """The examples that were predicted, in the order of the outputs.

    Attributes:
        kind: "texts" or "paths".
        texts: the text of each example, or the path of its image.
        ends: [n], where the copy of each image ends in `blob`; empty if there are no copies.
        blob: the copies, JPEG files one after the other.
    """

    kind: str
    texts: tuple[str, ...]
    ends: NDArray[np.int64]
    blob: NDArray[np.uint8]

    @property
    def has_pictures(self) -> bool:
        return len(self.ends) > 0

    def picture(self, row: int) -> Pixels:
        """Return the copy of an image, uint8 [SIDE, SIDE, 3]; gray if it could not be read at the import."""
        from PIL import Image

        start = int(self.ends[row - 1]) if row else 0
        content = self.blob[start : int(self.ends[row])].tobytes()
        if not content:
            return np.full((SIDE, SIDE, 3), 128, np.uint8)
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return np.asarray(image.convert("RGB"), np.uint8)


def items_of(folder: Path) -> Items | None:
    """Return the items in a run's folder; None if it has none.

    Raises:
        StoreError: if the file is broken.
    """
    from safetensors import SafetensorError, safe_open

    file = folder / FILE
    if not file.exists():
        return None
    try:
        with safe_open(file, framework="numpy") as opened:
            texts = json.loads(opened.get_tensor("texts").tobytes())
            return Items(
                opened.metadata()["kind"], tuple(texts), opened.get_tensor("ends"), opened.get_tensor("pictures")
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The file {file} is broken; import the predictions again.") from error


def write(folder: Path, items: Items) -> None:
    """Write the items into a run's folder."""
    from safetensors.numpy import save_file

    texts = np.frombuffer(json.dumps(items.texts).encode(), np.uint8)
    tensors: dict[str, NDArray[Any]] = {"texts": texts, "ends": items.ends, "pictures": items.blob}
    save_file(tensors, folder / FILE, metadata={"kind": items.kind})


def collect(
    texts: Sequence[str] | None,
    paths: Sequence[str] | None,
    folder: Path | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Warn = warn_caller,
) -> Items | None:
    """Return the items of some predictions; images are copied if `folder`, to which their paths are relative, is given.

    Warns about images that cannot be read.
    """
    if texts is not None:
        return _without_pictures("texts", texts)
    if paths is None:
        return None
    if folder is None:
        return _without_pictures("paths", paths)
    contents, problems = [], []
    for number, path in enumerate(paths):
        progress(number, len(paths))
        try:
            contents.append(_small(folder / path))
        except (ArchiveError, OSError, ValueError) as error:
            contents.append(b"")
            problems.append(str(error))
    if problems:
        warn(
            f"{len(problems):,} of {len(paths):,} images cannot be read and are shown gray; the first problem:"
            f" {problems[0]}"
        )
    if len(problems) == len(paths):
        return _without_pictures("paths", paths)
    ends = np.cumsum([len(content) for content in contents], dtype=np.int64)
    return Items("paths", tuple(paths), ends, np.frombuffer(b"".join(contents), np.uint8))


def _without_pictures(kind: str, texts: Sequence[str]) -> Items:
    return Items(kind, tuple(texts), np.zeros(0, np.int64), np.zeros(0, np.uint8))


def _small(file: Path) -> bytes:
    """Return a small copy of an image as JPEG."""
    from PIL import Image

    from hierapp.data.imports.pictures import read

    if not file.is_file():
        raise ArchiveError(f"There is no image {file.name!r} in {file.parent}.")
    out = io.BytesIO()
    Image.fromarray(read(file, SIDE).pixels).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
