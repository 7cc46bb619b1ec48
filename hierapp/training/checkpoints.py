"""Tensor files and checkpoints of a running training.

A checkpoint is one safetensors file, without pickle, of weights, optimizer, random states and position in the data. It
is written to a temporary file and renamed, and the previous one is kept: whenever a process ends, a complete checkpoint
remains. Each tensor and the metadata have a checksum, so that later damage to a file is detected.
"""

from __future__ import annotations

import errno
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hierapp.training.config import RunConfig
from hierapp.training.evaluation import Best
from hierapp.utils import files, parts

FILE, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
VERSION = 2


@dataclass
class TrainingProgress:
    """Position of a training: `batch` batches of `epoch` (from 1) are done.

    total and images are the sum of the losses and the number of images since the last report; seconds is the time spent
    on the batches of the epoch so far. threads and precision are the number of CPU threads and the precision of the
    computation: different ones would change the last bits of the result.
    """

    epoch: int = 1
    batch: int = 0
    total: float = 0.0
    images: int = 0
    seconds: float = 0.0
    threads: int = 0
    precision: str = ""

    def next(self) -> TrainingProgress:
        """Return the start of the next epoch."""
        return TrainingProgress(self.epoch + 1, threads=self.threads, precision=self.precision)

    def epochs(self, batches: int) -> float:
        """Return the position in epochs, as in reports."""
        return self.epoch - 1 + self.batch / batches


class BrokenCheckpoint(Exception):  # noqa: N818 - raised and handled only in this module
    """The file is not a checkpoint of this run, or is damaged."""


def save(
    folder: Path,
    config: RunConfig,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: TrainingProgress,
    best: Best | None = None,
) -> Path:
    """Write a checkpoint atomically into a run's folder and return its file.

    Raises:
        OSError: if it cannot be written; the existing checkpoints remain.
    """
    state = optimizer.state_dict()
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    best = best or Best()
    tensors |= {f"best.{name}": tensor for name, tensor in best.weights.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    tensors = storable(tensors)
    about = {
        "version": VERSION,
        "config": config.model_dump_json(),
        "position": asdict(progress),
        "best": {"epoch": best.epoch, "value": best.value},
        "groups": [_plain_group(group) for group in state["param_groups"]],
        "plain": plain,
        "checksums": {name: _checksum(tensor) for name, tensor in tensors.items()},
    }
    file = folder / FILE
    if file.exists():
        _link(file, folder / PREVIOUS)
    text = json.dumps(about)
    write(tensors, file, {"checkpoint": text, "checksum": str(zlib.crc32(text.encode()))})
    return file


def restore(
    folder: Path, config: RunConfig, network: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[TrainingProgress, Best, list[str]]:
    """Restore network, optimizer and random states from the last complete checkpoint of a run's folder.

    Returns:
        The position where training continues (the start if there is no checkpoint), the best epoch before it, and the
        names of broken files.
    """
    broken: list[str] = []
    parts.remove_left(folder, own=True)  # by a worker that was killed while it wrote
    for name in (FILE, PREVIOUS):
        if not (folder / name).is_file():
            continue
        try:
            about, tensors = _read(folder / name, config)
            return _apply(about, tensors, network, optimizer), _best(about, tensors, network), broken
        except BrokenCheckpoint:
            broken.append(name)
            # Renamed, so that it cannot replace a complete one at the next save.
            (folder / name).replace(folder / f"{name}.broken")
    return TrainingProgress(), Best(), broken


def _link(file: Path, to: Path) -> None:
    """Give a file a second name, replacing any file of that name."""
    with files.staged(to) as side:
        try:
            side.hardlink_to(file)
        except OSError:  # the file system does not support hard links
            file.replace(to)
        else:
            side.replace(to)


def _read(file: Path, config: RunConfig) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as opened:
            words = opened.metadata() or {}
            about: dict[str, Any] = json.loads(words["checkpoint"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a dict
        sound = words["checksum"] == str(zlib.crc32(words["checkpoint"].encode())) and about["version"] == VERSION
        # Fields added by a later version have their defaults.
        sound = sound and RunConfig(**json.loads(about["config"])) == config
        sound = sound and about["checksums"] == {name: _checksum(tensor) for name, tensor in tensors.items()}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BrokenCheckpoint from error
    if not sound:
        raise BrokenCheckpoint
    return about, tensors


def _apply(
    about: dict[str, Any], tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.Optimizer
) -> TrainingProgress:
    network.load_state_dict(_below("network.", tensors))
    values: dict[int, dict[str, Any]] = {int(index): dict(kept) for index, kept in about["plain"].items()}
    for name, tensor in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        values.setdefault(int(index), {})[key] = tensor
    # JSON has no tuples, but Adam's betas are one.
    groups = [
        {name: tuple(value) if isinstance(value, list) and name != "params" else value for name, value in group.items()}
        for group in about["groups"]
    ]
    optimizer.load_state_dict({"state": values, "param_groups": groups})
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # In the memory format of the weights (such as channels_last), as the optimizer would create it.
                kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return TrainingProgress(**about["position"])


def _best(about: dict[str, Any], tensors: dict[str, Tensor], network: nn.Module) -> Best:
    """Return the best epoch; its weights have the same devices as those of the network."""
    kept, now = _below("best.", tensors), network.state_dict()
    weights = {name: torch.empty_like(now[name]).copy_(tensor) for name, tensor in kept.items()}
    return Best(about["best"]["epoch"], about["best"]["value"], weights)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _plain_group(group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an optimizer for JSON; with CUDA graphs the learning rate is a tensor."""
    return {name: value.item() if isinstance(value, Tensor) else value for name, value in group.items()}


def _checksum(tensor: Tensor) -> int:
    shape = zlib.crc32(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, shape)


def storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in a form that can be stored."""
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def write(tensors: Mapping[str, Tensor], file: Path, about: Mapping[str, str]) -> None:
    """Write tensors and metadata.

    Raises:
        OSError: if they cannot be written; an existing file is unchanged.
    """
    # Not its parents: the folder of the store may have been moved away.
    file.parent.mkdir(exist_ok=True)
    try:
        with files.replacing(file) as side:
            save_file(storable(tensors), side, dict(about))
    except SafetensorError as error:
        # The library is written in Rust and reports a system error only in its text.
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
