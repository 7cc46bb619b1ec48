"""How the time of an epoch grows: with the images, with the classes, with the shape of the tree, with the network.

    python -m benchmarks.growth [--rounds 5]

LeNet on random images of 32 x 32 pixels, one thing varied at a time. Within a table all settings are run in turn, round
by round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping

import torch

from benchmarks import loops, machine
from benchmarks.training import measure
from hierapp.losses import LOSSES
from hierapp.training import device as compute
from hierapp.training.batches import DeviceDataset
from hierapp.training.models import of_kind
from hierapp.trees import LabelTree

IMAGES = 5_120
SHAPES = {"flat": 0, "wide, 10 children": 10, "binary": 2}


def random_images(count: int, classes: int, device: torch.device) -> DeviceDataset:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 32, 32, 3), generator=draw, dtype=torch.uint8)
    return DeviceDataset(images.to(device), torch.randint(classes, (count,), generator=draw).to(device))


def tree_of(classes: int, children: int) -> LabelTree:
    """A balanced tree over so many classes; 0 children a node for a flat one."""
    edges, level, depth = [], [f"class {i}" for i in range(classes)], 0
    while children and len(level) > children:
        depth += 1
        groups = [f"group {depth}.{i // children}" for i in range(0, len(level), children)]
        edges += [(groups[i // children], name) for i, name in enumerate(level)]
        level = groups
    return LabelTree.from_edges([("root", name) for name in level] + edges)


def show(
    what: str, table: Mapping[str, loops.Epoch], counts: Mapping[str, int], device: torch.device, rounds: int
) -> None:
    seconds = measure(table, device, rounds)
    first = next(iter(seconds.values()))
    print(f"| {what} | microseconds per image | times the first row (minimum to maximum) |")
    print("| --- | ---: | ---: |")
    for name, each in seconds.items():
        ratios = sorted(mine / other for mine, other in zip(each, first, strict=True))
        print(
            f"| {name} | {1e6 * statistics.median(each) / counts[name]:.1f} | {statistics.median(ratios):.2f}"
            f" ({ratios[0]:.2f} to {ratios[-1]:.2f}) |"
        )
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    device = compute.choose_device("auto")
    precision = compute.choose_precision("auto", device, loops.BATCH * 32 * 32 * 3)
    print(f"LeNet, batch {loops.BATCH}, {precision}, {IMAGES:,} images an epoch, median of {rounds} rounds")
    print(machine.describe())
    print()

    part, ten = random_images(16 * IMAGES, 10, device), tree_of(10, 2)
    sizes = {f"{n:,}": n for n in (IMAGES, 4 * IMAGES, 16 * IMAGES)}
    table = {
        name: loops.ours(DeviceDataset(part.images[:n], part.leaves[:n]), precision, ten) for name, n in sizes.items()
    }
    show("images", table, sizes, device, rounds)

    for loss in ("cross-entropy", "hierarchical", "hxe", "simloss"):
        table = {}
        for classes in (10, 100, 1_000, 10_000):
            images = random_images(IMAGES, classes, device)
            table[f"{classes:,}"] = loops.ours(images, precision, tree_of(classes, 10), loss=loss)
        show(f"classes, {LOSSES[loss].title}, 10 children a node", table, dict.fromkeys(table, IMAGES), device, rounds)

    thousand = random_images(IMAGES, 1_000, device)
    table = {
        name: loops.ours(thousand, precision, tree_of(1_000, children), loss="hierarchical")
        for name, children in SHAPES.items()
    }
    show("tree over 1,000 classes, Hierarchical", table, dict.fromkeys(table, IMAGES), device, rounds)

    few = DeviceDataset(part.images[:640], part.leaves[:640])
    for kind in ("float32", precision):
        table = {name: loops.ours(few, kind, ten, model=name) for name in of_kind("images")}
        show(f"network, {kind}", table, dict.fromkeys(table, 640), device, rounds)


if __name__ == "__main__":
    main()
