"""Forward and backward of each loss beside flat cross-entropy, over four trees; the matrix form; the literal loop.

    python -m benchmarks.losses [--rounds 40] [--plot losses.png]   # the table of all losses over the trees
    python -m benchmarks.losses --loop                             # 4 epochs of batches: the literal loop and ours
    python -m benchmarks.losses --step                             # the losses beside a LeNet training step

Each loss reads its own random logits in float32 and the same random true leaves, in turn with F.cross_entropy over the
leaves, round by round; a figure is the median of the rounds' ratios. Twice: on one thread and on all; on a GPU once.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import machine
from benchmarks.random_trees import random_tree
from benchmarks.timing import Times, in_turn, ratio
from hierapp import LabelTree, make_loss
from hierapp.losses import LOSSES, reference
from hierapp.training.batches import Normalizer
from hierapp.training.device import choose_device
from hierapp.training.models.shipped.lenet import lenet
from hierapp.trees import library as tree_library

BATCH = 64
CIFAR_BATCH = 128
FLAT = "F.cross_entropy"
MATRIX = "hierarchical, matrix form"
LOOP = "hierarchical, literal loop"
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in LOSSES},
    "hierarchical, leaf targets": ("hierarchical", {"targets": "leaf", "mass": 0.0}),
    "hierarchical, soft labels": ("hierarchical", {"soft": 0.1}),
    "hxe, conditional": ("hxe", {"parametrization": "conditional"}),
}
PATH_FAMILY = ("hierarchical, leaf targets", "hierarchical-convex", "conditional", "hxe, conditional")


def trees() -> dict[str, LabelTree]:
    """CIFAR's own trees, and random ones of the shape of large label sets."""
    return {
        "CIFAR-10, binary": tree_library.load("cifar10-binary"),
        "CIFAR-100, 5 levels": tree_library.load("cifar100-5level"),
        "random, depth 7": random_tree(28, 7, 1.85, 860, 1),
        "random, depth 8": random_tree(112, 8, 1.97, 10_000, 10),
    }


def children_on_paths(tree: LabelTree) -> np.ndarray:
    """K of each leaf: the children of all internal nodes on its path."""
    children = np.array([len(below) for below in tree.children])
    counts: np.ndarray = children[tree.leaf_paths].sum(1)  # a leaf, which fills its row, has none
    return counts


def step(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, target: Tensor) -> Callable[[], None]:
    """Forward and backward."""

    def run() -> None:
        logits.grad = None
        loss(logits, target).backward()

    return run


def ways(tree: LabelTree, batch: int, device: torch.device, slow: bool) -> dict[str, Callable[[], None]]:
    """Everything that is timed over one tree."""
    torch.manual_seed(0)
    target = torch.randint(len(tree.leaves), (batch,), device=device)

    def logits(columns: int) -> Tensor:
        return torch.randn(batch, columns, device=device, requires_grad=True)

    made = {FLAT: step(F.cross_entropy, logits(len(tree.leaves)), target)}
    for label, (name, options) in SETTINGS.items():
        loss = make_loss(name, tree, **options).to(device, torch.float32)
        made[label] = step(loss, logits(loss.num_outputs), target)
    if slow:
        matrix = make_loss("hierarchical", tree, matrix_form=True).to(device, torch.float32)
        made[MATRIX] = step(matrix, logits(matrix.num_outputs), target)

        def loop(u: Tensor, y: Tensor) -> Tensor:
            return reference.literal_loop(tree, u, y).mean()

        made[LOOP] = step(loop, logits(matrix.num_outputs), target)
    return made


def time_tree(tree: LabelTree, device: torch.device, rounds: int) -> Times:
    """Seconds of everything over one tree; what is slow gets few rounds, beside cross-entropy all the same."""
    times = in_turn(ways(tree, BATCH, device, slow=False), rounds)
    slow = {name: way for name, way in ways(tree, BATCH, device, slow=True).items() if name in (MATRIX, LOOP)}
    many = len(tree.nodes) <= 1000
    times |= in_turn({MATRIX: slow[MATRIX]}, 20 if many else 5, warm_up=1)
    times |= in_turn({LOOP: slow[LOOP]}, 5 if many else 1, warm_up=int(many))
    return times


def table_bytes(name: str, tree: LabelTree) -> int:
    """What a loss keeps beside the network."""
    label, options = SETTINGS[name]
    return sum(buffer.nbytes for buffer in make_loss(label, tree, **options).float().buffers())


def print_table(all_times: dict[str, Times], chosen: dict[str, LabelTree]) -> None:
    """Milliseconds, and the ratio to flat cross-entropy with its quartiles."""
    print("| loss | " + " | ".join(f"{len(tree.nodes):,} nodes" for tree in chosen.values()) + " |")
    print("| --- |" + " --- |" * len(chosen))
    for name in next(iter(all_times.values())):
        cells = []
        for times in all_times.values():
            cell = f"{1e3 * statistics.median(times[name]):.3g} ms"
            if name in SETTINGS:
                cell += " ({:.2f}; {:.2f} to {:.2f})".format(*ratio(times[name], times[FLAT]))
            elif name != FLAT:
                cell += f" ({statistics.median(times[name]) / statistics.median(times[FLAT]):,.0f})"
            cells.append(cell)
        print(f"| {name} | " + " | ".join(cells) + " |")


def compare(rounds: int, plot: Path | None) -> None:
    """All losses over all trees."""
    device, chosen = choose_device("auto"), trees()
    print(machine.describe())
    print(
        f"B = {BATCH}, float32, forward + backward, {rounds} rounds in turn: median, (ratio to {FLAT}; its quartiles)"
    )
    print()
    print("| tree | nodes | leaves | levels | K, mean | K, most | tables of hierarchical | largest tables |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, tree in chosen.items():
        k = children_on_paths(tree)
        kept = {each: table_bytes(each, tree) for each in SETTINGS}
        most = max(kept, key=lambda each: kept[each])
        print(
            f"| {name} | {len(tree.nodes):,} | {len(tree.leaves):,} | {tree.depth.max()} | {k.mean():.0f} | {k.max()} |"
            f" {kept['hierarchical'] / 1e6:.1f} MB | {kept[most] / 1e6:.1f} MB ({most}) |"
        )
    for threads in [None] if device.type == "cuda" else sorted({1, torch.get_num_threads()}):
        if threads:
            torch.set_num_threads(threads)
        all_times = {name: time_tree(tree, device, rounds) for name, tree in chosen.items()}
        print()
        print(f"On {threads} thread{'s' if threads and threads > 1 else ''}:" if threads else "On the GPU:")
        print()
        print_table(all_times, chosen)
        last = list(all_times.values())[-1]
        worst = max(PATH_FAMILY, key=lambda name: statistics.median(last[name]))
        factor = statistics.median(last[MATRIX]) / statistics.median(last[worst])
        print()
        print(f"The matrix form takes {factor:,.0f} times as long as the slowest of the path family, {worst}.")
        if plot and threads in (1, None):
            draw(all_times, chosen, plot)


def draw(all_times: dict[str, Times], chosen: dict[str, LabelTree], file: Path) -> None:
    """The log-log plot, as the picture that a browser makes of it."""
    import plotly.graph_objects as go

    from benchmarks.browser import chromium

    shown = [FLAT, "conditional", "hierarchical", "hierarchical, soft labels", "hxe", "soft-labels", MATRIX, LOOP]
    sizes = [len(tree.nodes) for tree in chosen.values()]
    lines = [
        go.Scatter(
            x=sizes,
            y=[1e3 * statistics.median(times[name]) for times in all_times.values()],
            name=name,
            mode="lines+markers",
            line={"dash": "dash" if name == FLAT else "solid"},
        )
        for name in shown
    ]
    figure = go.Figure(lines).update_layout(
        template="plotly_white",
        title=f"Forward + backward, batch {BATCH}, one thread",
        xaxis={"title": "nodes of the tree", "type": "log"},
        yaxis={"title": "milliseconds", "type": "log"},
        margin={"t": 50, "r": 20},
    )
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 900, "height": 520}, device_scale_factor=2)
        page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
        page.wait_for_selector(".main-svg")
        page.screenshot(path=str(file))


def loop() -> None:
    """The paper's appendix A: the loop over samples and nodes against tensors, over the batches of 4 epochs."""
    tree = tree_library.load("cifar10")
    batches = 4 * math.ceil(40_000 / CIFAR_BATCH)
    made = ways(tree, CIFAR_BATCH, torch.device("cpu"), slow=True)
    print(machine.describe())
    print(f"CIFAR-10's tree, {batches:,} batches of {CIFAR_BATCH}, forward + backward of the hierarchical loss")
    seconds = {}
    for name in (LOOP, MATRIX, "hierarchical"):
        started = time.perf_counter()
        for _ in range(batches):
            made[name]()
        seconds[name] = time.perf_counter() - started
        print(f"{name}: {seconds[name]:.2f} s")
    print(f"ours is {seconds[LOOP] / seconds['hierarchical']:.0f} times as fast as the loop", end=", ")
    print(f"{seconds[MATRIX] / seconds['hierarchical']:.2f} times as the matrix form")


def training_step(loss: Callable[[Tensor, Tensor], Tensor], outputs: int, device: torch.device) -> Callable[[], None]:
    """A step of LeNet with this loss, over images that stay where they are."""
    torch.manual_seed(0)
    images = torch.randint(256, (CIFAR_BATCH, 32, 32, 3), dtype=torch.uint8, device=device)
    target = torch.randint(10, (CIFAR_BATCH,), device=device)
    network = torch.nn.Sequential(Normalizer(images), lenet((32, 32, 3), outputs)).to(device)
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def run() -> None:
        optimizer.zero_grad()
        loss(network(images), target).backward()
        optimizer.step()

    return run


def beside_a_step(rounds: int) -> None:
    """What each loss costs at CIFAR size: alone, and in a LeNet training step, beside F.cross_entropy."""
    device, tree = choose_device("auto"), tree_library.load("cifar10")
    steps = {FLAT: training_step(F.cross_entropy, len(tree.leaves), device)}
    for label, (name, options) in SETTINGS.items():
        loss = make_loss(name, tree, **options).to(device, torch.float32)
        steps[label] = training_step(loss, loss.num_outputs, device)
    alone = in_turn(ways(tree, CIFAR_BATCH, device, slow=False), 5 * rounds)
    whole = in_turn(steps, rounds)
    print(machine.describe())
    print(f"LeNet, batch {CIFAR_BATCH}, CIFAR-10's tree; a step with {FLAT} takes", end=" ")
    print(f"{1e3 * statistics.median(whole[FLAT]):.2f} ms; {rounds} rounds in turn (alone: {5 * rounds})")
    print()
    print("| loss | alone | of F.cross_entropy | a training step with it, of one with F.cross_entropy |")
    print("| --- | ---: | --- | --- |")
    for name in steps:
        print(f"| {name} | {1e6 * statistics.median(alone[name]):.0f} µs |", end=" ")
        print("{:.2f} (quartiles {:.2f} to {:.2f}) |".format(*ratio(alone[name], alone[FLAT])), end=" ")
        print("{:.3f} ({:.3f} to {:.3f}) |".format(*ratio(whole[name], whole[FLAT])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--plot", type=Path, help="where to draw the log-log plot of one thread, or of the GPU")
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--step", action="store_true")
    options = parser.parse_args()
    if options.loop:
        loop()
    elif options.step:
        beside_a_step(4 * options.rounds)
    else:
        compare(options.rounds, options.plot)


if __name__ == "__main__":
    main()
