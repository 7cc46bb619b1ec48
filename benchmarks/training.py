"""An epoch of LeNet on CIFAR-10: hierapp's loop beside a bare loop and beside the usual DataLoader.

    python -m benchmarks.training [--images 20000] [--rounds 7] [--only bare]

All loops train the same network with the same optimizer and batch, in turn, round by round, so that the ratios hold on
a machine whose speed drifts. The second table says what else a run spends its time on: the losses, validation, and
writing down what happens.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import loops, machine
from hierapp.data import registry as datasets
from hierapp.losses import LOSSES
from hierapp.runs import Store
from hierapp.training import checkpoints, device as compute
from hierapp.training.batches import BatchLoader, DeviceDataset
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.evaluation import evaluate
from hierapp.training.recorder import Recorder
from hierapp.training.trainer import train_epoch
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")


def recorded(part: DeviceDataset, precision: compute.Precision, folder: Path, **values: Any) -> loops.Epoch:
    """hierapp's epoch with all that a worker does beside it: metrics and signs of life into the store, checkpoints."""
    config = loops.configuration(**values)
    store = Store(folder)
    (run,) = store.add([config], TREE)
    store.claim()
    made, loader = loops.train_state(part, config, TREE, precision), BatchLoader(part, config, len(TREE.leaves))

    def epoch() -> None:
        position = TrainingProgress()
        writer = store.writer(run)
        with Recorder(writer, config.epochs) as recorder:

            def save() -> None:
                recorder.saved(checkpoints.save(folder, config, made.network, made.optimizer, position))

            train_epoch(made, loader, config, position, recorder, save)

    return epoch


def validation(
    part: DeviceDataset, held_out: DeviceDataset, precision: compute.Precision, **values: Any
) -> loops.Epoch:
    """The evaluation that follows an epoch: a quarter as many images as it trains on."""
    made = loops.train_state(part, loops.configuration(**values), TREE, precision)

    def epoch() -> None:
        evaluate(made, held_out)

    return epoch


def measure(loops_by_name: Mapping[str, loops.Epoch], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of each loop, round by round; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in loops_by_name}
    for turn in range(rounds + 1):
        for name, epoch in loops_by_name.items():
            started = time.perf_counter()
            epoch()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def print_tables(seconds: Mapping[str, Sequence[float]], reference: str, count: int) -> None:
    """The loops by the images a second that they manage, and what else costs, both against a loop of reference."""

    def ratio(name: str, less: float = 0) -> tuple[float, float, float]:
        pairs = [theirs / mine - less for theirs, mine in zip(seconds[name], seconds[reference], strict=True)]
        low, middle, high = statistics.quantiles(pairs, n=4, method="inclusive")
        return middle, low, high

    print(f"| loop | images per second | time relative to {reference} (quartiles) |")
    print("| --- | ---: | ---: |")
    for name in seconds:
        if name.startswith(("hierapp", "bare", "DataLoader")):
            middle, low, high = ratio(name)
            speed = statistics.median(count / each for each in seconds[name])
            print(f"| {name} | {speed:,.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")
    print()
    beside = {"validation": "validation, a quarter as many images", "recorded": "store, heartbeats, checkpoints"}
    print("| in addition to the steps of cross-entropy | share of an epoch (quartiles) |")
    print("| --- | ---: |")
    for name in seconds:
        if name in beside or name.startswith("loss "):
            middle, low, high = ratio(name, less=name != "validation")
            print(f"| {beside.get(name, name)} | {middle:+.1%} ({low:+.1%} to {high:+.1%}) |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", metavar="WORD", default="", help="only loops with this in their names, and hierapp's")
    options = parser.parse_args()
    device = compute.choose_device("auto")
    status = datasets.status("cifar10")
    if status.state != "ready":
        parser.exit(2, f"{status.detail}\n")
    whole = DeviceDataset.of(datasets.load("cifar10", "train"), TREE, device)
    count = options.images
    part = DeviceDataset(whole.images[:count], whole.leaves[:count])
    held_out = DeviceDataset(whole.images[-count // 4 :], whole.leaves[-count // 4 :])
    precision = compute.choose_precision("auto", device, loops.BATCH * 32 * 32 * 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder, compute.determinism("auto", device):
        table = {
            f"hierapp, {precision}": loops.ours(part, precision),
            "hierapp, float32": loops.ours(part, "float32"),
            f"hierapp, {precision}, flip and crop": loops.ours(part, precision, flip=True, crop=4),
            f"bare loop, {precision}": loops.bare(part, precision),
            "bare loop, float32": loops.bare(part, "float32"),
            "bare loop, float32, contiguous": loops.bare(part, "float32", channels_last=False),
            "DataLoader, no workers": loops.usual(count, device, 0),
            "DataLoader, 2 workers": loops.usual(count, device, 2),
            "DataLoader, 2 workers, flip and crop": loops.usual(count, device, 2, augmented=True),
            "recorded": recorded(part, precision, Path(folder)),
            "validation": validation(part, held_out, precision),
            **{f"loss {name}": loops.ours(part, precision, loss=name) for name in LOSSES if name != "cross-entropy"},
        }
        table = {name: loop for name, loop in table.items() if options.only in name or name == f"hierapp, {precision}"}
        seconds = measure(table, device, options.rounds)
    print(f"LeNet, batch {loops.BATCH}, Adam, {count:,} CIFAR-10 images an epoch, median of {options.rounds} rounds")
    print(machine.describe())
    print()
    print_tables(seconds, f"hierapp, {precision}", count)
    if device.type == "cuda":
        memory, what = torch.cuda.max_memory_allocated(), "at most on the device, with the whole training part"
    else:
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory, what = (after - before) * 1024, "more than before, all loops and their copies of the images together"
    print(
        f"Memory: {memory / 1e6:,.0f} MB {what}; the {len(whole):,} images have {whole.images.numel() / 1e6:,.0f} MB."
    )


if __name__ == "__main__":
    main()
