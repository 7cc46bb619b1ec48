"""Every loss, forward and backward, beside `F.cross_entropy` over the leaves of the same tree.

The trees and settings are those of benchmarks/losses.py. Each loss reads its own logits in float32 and the same true
leaves. Eager, which the time to launch decides where tensors are small; as a CUDA graph, which is what the GPU takes;
and compiled, for a few. Times are taken by the GPU's clock over many repetitions, in turn with `F.cross_entropy`, round
by round; a ratio is the median of the rounds'.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.gpu.graphs import Capture
from benchmarks.gpu.session import Session
from benchmarks.losses import FLAT, PATH_FAMILY, SETTINGS, trees
from benchmarks.timing import Times, ratio
from hierapp import compute, make_loss
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.tree import LabelTree

Loss = Callable[[Tensor, Tensor], Tensor]

COMPILED = ("conditional", "hierarchical", "hxe, conditional")
# The path losses that read nothing but the true path, at 10,000 leaves, should take no more than this.
AIM = 1.3
# A loss whose tables take longer to build is left out; seconds.
LONGEST_TO_BUILD = 2.0
# Seconds that are left when the last compilation begins.
TO_COMPILE = 14.0


@dataclass(frozen=True)
class Sizes:
    """How often everything is repeated: `unroll` times in a graph, `repeats` times in a round of eager calls."""

    batches: tuple[int, ...]
    rounds: int
    repeats: int
    unroll: int


def run(session: Session) -> None:
    """The largest tree first: it is the one that the aim is about."""
    warnings.simplefilter("ignore", ImproperLossWarning)
    device = compute.choose_device("auto")
    sizes = session.choose(Sizes((64, 1024), 11, 8, 8), Sizes((64,), 1, 1, 1))
    chosen = list(trees().items())
    chosen = chosen[:2] if session.dry else chosen[::-1]
    for name, tree in chosen:
        if session.seconds_left() < session.choose(10.0, 1.0):
            session.note(f"Left out for lack of time: {len(tree.nodes):,} nodes.")
            continue
        losses = made(session, tree, device)
        for batch in sizes.batches:
            beside_each_other(session, f"{len(tree.nodes):,} nodes ({name}), batch {batch:,}", losses, batch, sizes)
    if device.type != "cuda":
        session.note("Not compiled and no kernels counted: there is no GPU.")
        return
    for name, tree in [each for each in chosen if len(each[1].nodes) > 1000]:
        compiled(session, name, tree, device, sizes)
    # Last: what counts kernels may slow down what follows it.
    if session.seconds_left() > 6.0:
        count_kernels(session, chosen[0][1], device)


class Cell:
    """One loss with its logits and target, as something to repeat."""

    def __init__(self, loss: Loss, columns: int, target: Tensor) -> None:
        self.loss, self.target = loss, target
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(len(target), columns, generator=generator)
        self.logits = logits.to(target.device).requires_grad_()
        self.value = torch.zeros((), device=target.device)

    def __call__(self) -> None:
        """Forward and backward."""
        self.logits.grad = None
        value = self.loss(self.logits, self.target)
        value.backward()
        self.value = value.detach()

    def found(self) -> tuple[Tensor, Tensor]:
        """Value and gradient of the last call."""
        assert self.logits.grad is not None
        return self.value.clone(), self.logits.grad.clone()


@dataclass(frozen=True)
class Made:
    """A loss on the device, and the columns of its logits."""

    loss: Loss
    columns: int


def made(session: Session, tree: LabelTree, device: torch.device) -> dict[str, Made]:
    """`F.cross_entropy`, and every loss but those that take too long to build."""
    found = {FLAT: Made(F.cross_entropy, len(tree.leaves))}
    for label, (name, options) in SETTINGS.items():
        started = time.perf_counter()
        loss = make_loss(name, tree, **options)
        if (seconds := time.perf_counter() - started) > LONGEST_TO_BUILD:
            session.note(f"Left out: {label} over {len(tree.nodes):,} nodes, which took {seconds:.1f} s to build.")
            continue
        loss = loss.to(device, torch.float32)
        found[label] = Made(loss, loss.num_outputs)
    return found


def beside_each_other(session: Session, title: str, losses: Mapping[str, Made], batch: int, sizes: Sizes) -> None:
    """The table of one tree and batch: eager and as graphs."""
    device = compute.choose_device("auto")
    target = torch.randint(losses[FLAT].columns, (batch,), generator=torch.Generator().manual_seed(0)).to(device)
    eager, graphs = {}, {}
    for label, each in losses.items():
        try:
            eager[label] = Cell(each.loss, each.columns, target)
            eager[label]()
            found = eager[label].found()
            graphs[label] = graph(Cell(each.loss, each.columns, target), device, sizes.unroll, found)
        except (RuntimeError, AssertionError) as error:
            session.fault(f"{title}, {label}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    if FLAT not in graphs:
        return
    eager = {label: eager[label] for label in graphs}
    walls: Times = {label: [] for label in eager}
    eager_times = in_turn(eager, device, sizes.rounds, sizes.repeats, sizes.repeats, walls)
    graph_times = in_turn(graphs, device, sizes.rounds, 2, 2 * sizes.unroll)
    for label in graphs:
        session.add(
            title,
            {
                "loss": label,
                **columns("eager", eager_times, label),
                "eager, ms by the CPU's clock": 1e3 * statistics.median(walls[label]),
                **columns("graph", graph_times, label),
            },
        )
    if losses[FLAT].columns >= 10_000:
        for way, times in (("eager", eager_times), ("graph", graph_times)):
            worst = max(statistics.median(times[label]) for label in PATH_FAMILY if label in times)
            session.note(
                f"{title}, {way}: the slowest loss of the true path alone takes"
                f" {worst / statistics.median(times[FLAT]):.2f} times as long as {FLAT} (the aim: {AIM})."
            )


def graph(cell: Cell, device: torch.device, unroll: int, wanted: Sequence[Tensor]) -> Capture:
    """So many forward and backward passes as one graph, which must give what the eager ones give."""

    def several() -> None:
        for _ in range(unroll):
            cell()

    captured = Capture(several, device, warm_up=1)
    captured()
    for mine, theirs, what in zip(cell.found(), wanted, ("value", "gradient"), strict=True):
        away = (mine - theirs).abs().max().item()
        if not away <= 1e-6 + 1e-4 * theirs.abs().max().item():
            raise AssertionError(f"the graph's {what} is {away:.2g} away from the eager one")
    return captured


def in_turn(
    ways: Mapping[str, Callable[[], None]],
    device: torch.device,
    rounds: int,
    repeats: int,
    passes: int,
    walls: Times | None = None,
) -> Times:
    """Seconds of one forward and backward pass, in each round, by the GPU's clock; a round to warm up is dropped.

    Args:
        ways: what is timed.
        device: where it runs.
        rounds: how many, each with every way.
        repeats: calls of a way in a round.
        passes: that these calls amount to.
        walls: gets the seconds by the CPU's clock.
    """
    times: Times = {label: [] for label in ways}
    for turn in range(rounds + 1):
        for label, way in ways.items():
            wait(device)
            begin, end = clock(device), clock(device)
            # Once more than counts, so that the GPU has something to do when its clock begins.
            way()
            started = time.perf_counter()
            if begin and end:
                begin.record()
            for _ in range(repeats):
                way()
            if begin and end:
                end.record()
            wait(device)
            seconds = time.perf_counter() - started
            if turn:
                times[label].append((begin.elapsed_time(end) / 1e3 if begin and end else seconds) / passes)
                if walls is not None:
                    walls[label].append(seconds / passes)
    return times


def clock(device: torch.device) -> torch.cuda.Event | None:
    return torch.cuda.Event(enable_timing=True) if device.type == "cuda" else None


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def columns(way: str, times: Times, label: str) -> dict[str, float | str]:
    """Milliseconds, and the ratio to `F.cross_entropy` with its quartiles."""
    mine, flat = times[label], times[FLAT]
    found = {f"{way}, ms": 1e3 * statistics.median(mine)}
    if len(mine) < 2:
        return {**found, f"{way}, ratio": mine[0] / flat[0], f"{way}, quartiles": ""}
    middle, low, high = ratio(mine, flat)
    return {**found, f"{way}, ratio": middle, f"{way}, quartiles": f"{low:.2f} to {high:.2f}"}


def count_kernels(session: Session, tree: LabelTree, device: torch.device) -> None:
    """How many kernels, fills and copies a GPU is given for one forward and backward pass."""
    target = torch.zeros(64, dtype=torch.int64, device=device)
    try:
        for label, each in made(session, tree, device).items():
            cell = Cell(each.loss, each.columns, target)
            cell()
            torch.cuda.synchronize()
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
                cell()
                torch.cuda.synchronize()
            kernels = [each for each in profile.events() if each.device_type == torch.autograd.DeviceType.CUDA]
            session.add(f"Kernels of a pass, {len(tree.nodes):,} nodes", {"loss": label, "kernels": len(kernels)})
    except (RuntimeError, AttributeError) as error:
        session.note(f"Kernels could not be counted: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def compiled(session: Session, name: str, tree: LabelTree, device: torch.device, sizes: Sizes) -> None:
    """A few losses by torch.compile, beside `F.cross_entropy` compiled and not."""
    batch = sizes.batches[0]
    title = f"Compiled: {len(tree.nodes):,} nodes ({name}), batch {batch:,}"
    target = torch.randint(len(tree.leaves), (batch,), generator=torch.Generator().manual_seed(0)).to(device)
    ways: dict[str, Capture] = {}
    flat = f"{FLAT}, compiled"
    for label in (flat, *COMPILED):
        if session.seconds_left() < TO_COMPILE:
            session.note(f"{title}: {label} was left out for lack of time.")
            continue
        started = time.perf_counter()
        try:
            loss: Loss = F.cross_entropy
            width = len(tree.leaves)
            if label != flat:
                setting, options = SETTINGS[label]
                module = make_loss(setting, tree, **options).to(device, torch.float32)
                loss, width = module, module.num_outputs
            plain = Cell(loss, width, target)
            plain()
            if label == flat:
                ways[FLAT] = graph(Cell(loss, width, target), device, sizes.unroll, plain.found())
            torch.compiler.reset()
            cell = Cell(torch.compile(loss), width, target)
            cell()
            ways[label] = graph(cell, device, sizes.unroll, plain.found())
            session.note(f"{title}: {label} took {time.perf_counter() - started:.1f} s to compile.")
        except Exception as error:
            session.note(f"{title}, {label}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    if FLAT not in ways:
        return
    times = in_turn(ways, device, sizes.rounds, 2, 2 * sizes.unroll)
    for label in ways:
        session.add(f"{title}, as a graph", {"loss": label, **columns("compiled", times, label)})
