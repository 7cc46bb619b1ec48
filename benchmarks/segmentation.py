"""Label maps: an epoch of the U-Net beside a bare loop, and every loss on dense logits beside F.cross_entropy.

    python -m benchmarks.segmentation [--height 180] [--width 240] [--images 64] [--rounds 5]

Images and maps are drawn with the classes of CamVid and void; the figures do not depend on what is in them. All are
measured in turn, round by round, so that the ratios hold on a machine whose speed drifts. Memory of a loss is what it
keeps for its gradient, each tensor counted once; memory of an evaluation is by how much the process grew for twice as
many images.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import machine, timing
from hierapp.losses import LOSSES, make_loss
from hierapp.losses.base import TreeLoss
from hierapp.training.batches import IGNORED, BatchLoader, DeviceDataset, Normalizer
from hierapp.training.config import RunConfig
from hierapp.training.evaluation import TrainState, evaluate
from hierapp.training.models.label_maps import UNet
from hierapp.trees import library as tree_library

TREE = tree_library.load("camvid")
BATCH, VOID_SHARE = 8, 0.04


def drawn(count: int, height: int, width: int) -> DeviceDataset:
    """Images of noise, and maps of random classes with void."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    maps = draw.integers(0, len(TREE.leaves), (count, height, width), dtype=np.uint8)
    maps[draw.random(maps.shape) < VOID_SHARE] = 255
    return DeviceDataset(torch.from_numpy(images), torch.from_numpy(maps))


def network(part: DeviceDataset, outputs: int) -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(Normalizer(part.images), UNet(3, outputs, 16))
    return made.to(memory_format=torch.channels_last)


def ours(part: DeviceDataset, loss: str = "cross-entropy") -> Callable[[], object]:
    """An epoch of the app's own loop."""
    # A configuration without a data set in the catalogue: only its batch size, seed and augmentation are used.
    config = RunConfig.model_construct(**{**_defaults(), "batch_size": BATCH})
    made = make_loss(loss, TREE).to(torch.float32)
    net = network(part, made.num_outputs)
    state = TrainState(net, made, torch.optim.Adam(net.parameters(), 1e-3))
    loader = BatchLoader(part, config, len(TREE.leaves))

    def epoch() -> None:
        net.train()
        loader.begin(1)
        for index in range(len(loader)):
            state.train_batch(loader, index, 1e-3)

    return epoch


def bare(part: DeviceDataset) -> Callable[[], object]:
    """The shortest loop that does the same: indexing, conversion, cross-entropy with an ignored index, Adam."""
    net = network(part, len(TREE.leaves))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)

    def epoch() -> None:
        net.train()
        for batch in torch.randperm(len(part)).split(BATCH):
            targets = part.leaves[batch].long()
            targets[targets == 255] = IGNORED
            value = F.cross_entropy(net(part.images[batch]), targets, ignore_index=IGNORED)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def dense(loss: TreeLoss | None, targets: Tensor) -> Callable[[], Tensor]:
    """Value and gradient of a loss on dense logits; None for F.cross_entropy."""
    outputs = len(TREE.leaves) if loss is None else loss.num_outputs
    torch.manual_seed(0)
    logits = torch.randn(len(targets), outputs, *targets.shape[1:], requires_grad=True)

    def step() -> Tensor:
        logits.grad = None
        value = F.cross_entropy(logits, targets, ignore_index=IGNORED) if loss is None else loss(logits, targets)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    return step


def kept_bytes(loss: TreeLoss | None, targets: Tensor) -> int:
    """Bytes that a loss keeps between its value and its gradient, each memory counted once."""
    outputs = len(TREE.leaves) if loss is None else loss.num_outputs
    logits = torch.randn(len(targets), outputs, *targets.shape[1:], requires_grad=True)
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = F.cross_entropy(logits, targets, ignore_index=IGNORED) if loss is None else loss(logits, targets)
    del value
    return sum(seen.values())


def evaluation_growth(height: int, width: int, count: int) -> float:
    """MB by which the process grew when twice as many images were evaluated, without the images themselves."""
    made = make_loss("conditional", TREE).to(torch.float32)
    small, large = drawn(count, height, width), drawn(2 * count, height, width)
    net = network(small, made.num_outputs)
    state = TrainState(net, made, torch.optim.SGD(net.parameters(), 0.1))
    evaluate(state, small, batch=BATCH)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    evaluate(state, large, batch=BATCH)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _defaults() -> dict[str, object]:
    return {name: field.default for name, field in RunConfig.model_fields.items() if not field.is_required()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--width", type=int, default=240)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    part = drawn(options.images, options.height, options.width)
    print(f"{options.images} images of {options.width} x {options.height}, batch {BATCH}, U-Net of width 16, float32")
    print(machine.describe())
    loops = {"bare": bare(part), "hierapp": ours(part), "hierapp, conditional": ours(part, "conditional")}
    # Time of the processor, which other processes on the machine do not add to as much.
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    times = timing.in_turn(loops, options.rounds, warm_up=1, clock=clock)
    print("\n| loop | images per second | time relative to the bare loop (quartiles) |\n| --- | ---: | ---: |")
    for name, seconds in times.items():
        middle, low, high = timing.ratio(seconds, times["bare"])
        speed = options.images / statistics.median(seconds)
        print(f"| {name} | {speed:,.1f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")
    growth = evaluation_growth(options.height, options.width, options.images)
    print(f"\nEvaluating {2 * options.images} images in place of {options.images} takes {growth:,.0f} MB more at most.")
    targets = part.targets(slice(0, BATCH))
    losses: dict[str, TreeLoss | None] = {"F.cross_entropy": None}
    losses |= {name: make_loss(name, TREE).to(torch.float32) for name in LOSSES}
    steps = {name: dense(loss, targets) for name, loss in losses.items()}
    times = timing.in_turn(steps, options.rounds, warm_up=1, clock=clock)
    plain = kept_bytes(None, targets)
    print(f"\nValue and gradient at [{BATCH}, C, {options.height}, {options.width}], relative to F.cross_entropy\n")
    print("| loss | C | ms | time (quartiles) | kept for the gradient |\n| --- | ---: | ---: | ---: | ---: |")
    for name, loss in losses.items():
        middle, low, high = timing.ratio(times[name], times["F.cross_entropy"])
        outputs = len(TREE.leaves) if loss is None else loss.num_outputs
        kept = kept_bytes(loss, targets) / plain
        milliseconds = 1000 * statistics.median(times[name])
        print(f"| {name} | {outputs} | {milliseconds:,.0f} | {middle:.1f} ({low:.1f} to {high:.1f}) | {kept:.1f} |")


if __name__ == "__main__":
    main()
