"""Tensors on disk: safetensors, written beside their place and renamed, so that a file of that name is always whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as they can be stored."""
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def write(tensors: Mapping[str, Tensor], file: Path, about: Mapping[str, str]) -> None:
    """Write tensors, and words about them.

    Raises:
        OSError: if they cannot be written; a file that was there before is as it was.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    side = file.with_name(f"{file.name}.part")
    try:
        save_file(plain(tensors), side, dict(about))
        with side.open("rb") as written:
            os.fsync(written.fileno())
        side.replace(file)
    except SafetensorError as error:
        side.unlink(missing_ok=True)
        # The library is not Python's, and tells the system's error in its text only.
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    except BaseException:
        side.unlink(missing_ok=True)
        raise
