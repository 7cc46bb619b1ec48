"""Tensors on disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from hierapp.training import checkpoints


def test_tensors_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "new" / "model.safetensors"
    given = {"a": torch.arange(6.0).view(2, 3).t(), "b": torch.tensor(True)}
    checkpoints.write(given, file, {"about": "them"})
    before = file.read_bytes()
    read = load_file(file)
    assert read.keys() == given.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in given.items())

    def cut(tensors: object, side: Path, about: object) -> None:
        side.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", cut)
    with pytest.raises(OSError, match="No space") as caught:
        checkpoints.write(given, file, {})
    assert caught.value.errno == errno.ENOSPC
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
