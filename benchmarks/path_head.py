"""The head of the path family beside a linear layer with cross-entropy and torch's adaptive softmax.

    python -m benchmarks.path_head [--leaves 1000 10000 100000] [--features 512] [--rounds 15]
    python -m benchmarks.path_head --growth --leaves 10000 1000000 --features 128  # the head alone, over sizes in turn

Forward and backward of one batch of random features and labels, in turn, round by round; a ratio is the median of the
rounds' ratios to Linear + F.cross_entropy over the leaves. The adaptive softmax expects its classes sorted by
frequency, and is fastest where few are frequent; here all are alike, and its clusters are the first 1 %, the next 9 %
and the rest. One thread and all. Features get a gradient, as in a network.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import machine
from benchmarks.losses import children_on_paths
from benchmarks.random_trees import random_tree
from benchmarks.timing import in_turn, ratio
from hierapp import LabelTree, make_loss
from hierapp.losses import PathHead

BATCH = 64
FLAT = "Linear + F.cross_entropy"
# Children of the root, levels, growth, nodes of 200 leaves: as in benchmarks.losses, and deeper for more leaves.
SHAPES = {
    1_000: (28, 7, 1.85, 1),
    10_000: (112, 8, 1.97, 10),
    100_000: (112, 11, 1.97, 100),
    1_000_000: (112, 14, 1.97, 1_000),
}


def tree_of(leaves: int) -> LabelTree:
    """A random tree of about this many leaves."""
    children, levels, growth, wide = SHAPES[leaves]
    return random_tree(children, levels, growth, leaves, wide)


def step(
    module: nn.Module, value: Callable[[Tensor, Tensor], Tensor], features: Tensor, target: Tensor
) -> Callable[[], None]:
    """Forward and backward."""

    def run() -> None:
        module.zero_grad(set_to_none=True)
        features.grad = None
        value(features, target).backward()

    return run


def ways(tree: LabelTree, size: int, only_head: bool = False) -> dict[str, Callable[[], None]]:
    """What is timed over one tree."""
    torch.manual_seed(0)
    count = len(tree.leaves)
    features, target = torch.randn(BATCH, size, requires_grad=True), torch.randint(count, (BATCH,))
    head = PathHead(make_loss("conditional", tree).float(), size)
    optimizer = torch.optim.SGD(head.parameters(), lr=1e-3)
    forward_backward = step(head, head, features, target)

    def whole() -> None:
        forward_backward()
        optimizer.step()

    heads = {"PathHead": forward_backward, "PathHead and a step of SGD": whole}
    if only_head:
        return heads
    linear = nn.Linear(size, count)
    adaptive = nn.AdaptiveLogSoftmaxWithLoss(size, count, cutoffs=[count // 100, count // 10])
    return {
        FLAT: step(linear, lambda x, y: F.cross_entropy(linear(x), y), features, target),
        "AdaptiveLogSoftmaxWithLoss": step(adaptive, lambda x, y: adaptive(x, y).loss, features, target),
        **heads,
    }


def growth(sizes: list[int], size: int, rounds: int) -> None:
    """A training step of the head with SGD over trees of several sizes, as ratios to the first."""
    torch.set_num_threads(1)
    timed = {}
    for leaves in sizes:
        tree = tree_of(leaves)
        print(f"{len(tree.leaves):,} leaves, {len(tree.nodes):,} nodes, K {children_on_paths(tree).mean():.0f}")
        timed[f"{leaves:,}"] = ways(tree, size, only_head=True)["PathHead and a step of SGD"]
    times = in_turn(timed, rounds)
    print(f"B = {BATCH}, {size} features, one thread, {rounds} rounds in turn; ratios to {sizes[0]:,} leaves")
    for name, seconds in times.items():
        spread = "{:.2f}; {:.2f} to {:.2f}".format(*ratio(seconds, times[f"{sizes[0]:,}"]))
        print(f"{name} leaves: {1e3 * statistics.median(seconds):.3g} ms ({spread})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaves", type=int, nargs="+", choices=SHAPES, default=[1_000, 10_000, 100_000])
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    print(machine.describe())
    if options.growth:
        growth(options.leaves, options.features, options.rounds)
        return
    print(f"B = {BATCH}, {options.features} features, float32, forward + backward, {options.rounds} rounds in turn:")
    print(f"median, (ratio to {FLAT}; its quartiles)")
    threads = sorted({1, torch.get_num_threads()})
    print()
    print("| leaves | nodes | K, mean | threads | way | ms | ratio |")
    print("| ---: | ---: | ---: | ---: | --- | ---: | --- |")
    for leaves in options.leaves:
        tree = tree_of(leaves)
        timed = ways(tree, options.features)
        for number in threads:
            torch.set_num_threads(number)
            times = in_turn(timed, options.rounds)
            for name, seconds in times.items():
                print(
                    f"| {len(tree.leaves):,} | {len(tree.nodes):,} | {children_on_paths(tree).mean():.0f} | {number} |"
                    f" {name} | {1e3 * statistics.median(seconds):.3g} |"
                    " {:.3f}; {:.3f} to {:.3f} |".format(*ratio(seconds, times[FLAT])),
                    flush=True,
                )
        del timed
        gc.collect()


if __name__ == "__main__":
    main()
