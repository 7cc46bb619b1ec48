"""Images a second in training beside a bare loop and the usual DataLoader; what else an epoch spends its time on; how
often the loop waits for the GPU."""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import Dataset

from benchmarks import loops
from benchmarks.gpu.session import Session
from benchmarks.training import recorded, validation
from hierapp.training import cuda_graph, device as compute, models
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.trainer import REPORTS_PER_EPOCH, train_epoch
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")
# Images of an epoch: about as long for each network on a large GPU.
COUNTS = {"lenet": 20_000, "resnet18": 3_840, "resnet20": 3_840}
REFERENCE = "bare loop"
Ways = Mapping[str, Callable[[], loops.Epoch]]


class Pictures(Dataset[Any]):
    """Made-up images as torchvision's CIFAR10 gives them: a picture made of each array, then the transform."""

    def __init__(self, part: DeviceDataset) -> None:
        self.images, self.labels = part.images.cpu().numpy(), part.leaves.cpu().numpy()
        self.transform = loops.usual_transform(augmented=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def made_up(count: int, device: torch.device) -> DeviceDataset:
    """Random images of CIFAR's shape with random leaves."""
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 32, 32, 3), generator=draw, dtype=torch.uint8)
    return DeviceDataset(pixels.to(device), torch.randint(10, (count,), generator=draw).to(device))


def run(session: Session) -> None:
    device = compute.choose_device("auto")
    precision = compute.choose_precision("auto", device, loops.BATCH * 32 * 32 * 3)
    networks = ["lenet", "resnet18", "resnet20"]
    if importlib.util.find_spec("torchvision") is None:
        session.note("torchvision is not installed: ResNets and the DataLoader recipe were left out.")
        networks = ["lenet"]
    if session.dry:
        networks = networks[:1]
    with compute.determinism("off", device):
        for model in networks:
            if session.seconds_left() < session.choose(20, 0):
                session.note(f"No time was left for {model}.")
                continue
            part = made_up(session.choose(COUNTS[model], 150), device)
            rounds = 5 if model == "lenet" else 3
            measure(session, model, ways(part, precision, model, session), len(part), device, rounds)
            shares(session, part, precision, model)
            if device.type == "cuda":
                count_waits(session, made_up(loops.BATCH * 20, device), precision, model)
        if device.type == "cuda" and importlib.util.find_spec("triton") is not None:
            compiled(session, networks[0], precision, device)
        if device.type != "cuda":
            session.note("No GPU: CUDA graphs, torch.compile and the count of synchronizations were left out.")


def ways(part: DeviceDataset, precision: compute.Precision, model: str, session: Session) -> dict[str, loops.Epoch]:
    """The loops that are compared, the reference first."""
    device, steps = part.images.device, "eager"
    table = {
        f"{REFERENCE}, {precision}, eager": loops.bare(part, precision, model),
        f"hierapp, {precision}, eager": loops.ours(part, precision, model=model, cuda_graphs="off"),
        f"{REFERENCE}, float32, eager": loops.bare(part, "float32", model),
        f"{REFERENCE}, {precision}, eager, contiguous": loops.bare(part, precision, model, channels_last=False),
    }
    if device.type == "cuda":
        steps = "CUDA graph"
        table[f"hierapp, {precision}, CUDA graph"] = loops.ours(part, precision, model=model)
        table["hierapp, float32, CUDA graph"] = loops.ours(part, "float32", model=model)
    if device.type == "cuda":
        table[f"{REFERENCE}, {precision}, CUDA graph"] = bare_graph(part, precision, model)
    table[f"hierapp, {precision}, {steps}, flip and crop"] = loops.ours(part, precision, model=model, flip=True, crop=4)
    if importlib.util.find_spec("torchvision") is not None and model == "lenet":
        workers = session.choose(8, 0)
        table[f"DataLoader, float32, {workers} workers"] = loops.usual_epoch(Pictures(part), device, workers, model)
    return table


def bare_graph(part: DeviceDataset, precision: compute.Precision, model: str) -> loops.Epoch:
    """The bare loop with its step captured: the least that a graph can take."""
    device = part.images.device
    torch.manual_seed(0)
    network = models.find(model).build((32, 32, 3), 10).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True, capturable=True)
    images = Normalizer(part.images).to(device)(part.images).contiguous(memory_format=torch.channels_last)
    batch = torch.arange(loops.BATCH, device=device)

    def step() -> None:
        with compute.half(precision, device):
            logits = network(images[batch])
        value = F.cross_entropy(logits.float(), part.leaves[batch])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    network.train()
    stream = torch.cuda.Stream(device)
    with warnings.catch_warnings(), cuda_graph.on_stream(stream):
        warnings.simplefilter("ignore")  # of a capturable optimizer that is not captured
        for _ in range(cuda_graph.WARM_UP):
            step()
    optimizer.zero_grad()
    replay = cuda_graph.capture(step, stream)

    def epoch() -> None:
        for indices in torch.randperm(len(images)).to(device).split(loops.BATCH):
            if len(indices) == loops.BATCH:
                batch.copy_(indices)
                replay()

    # The graph holds the addresses of the weights and the optimizer's state, not the tensors.
    epoch.captured = (network, optimizer)  # type: ignore[attr-defined]
    return epoch


def measure(
    session: Session, model: str, table: Mapping[str, loops.Epoch], count: int, device: torch.device, rounds: int = 5
) -> None:
    """Epochs in turn, round by round; the ratios are of one round each."""
    usual = [name for name in table if name.startswith("DataLoader")]
    fast = {name: epoch for name, epoch in table.items() if name not in usual}
    seconds = in_turn(fast, device, session.choose(rounds, 1), session.choose(1, 0))
    for name in usual:  # so slow that two rounds are enough, each beside an epoch of the reference
        seconds |= in_turn({name: table[name]}, device, session.choose(2, 1), 0)
    reference = next(iter(fast))
    for name, times in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(seconds[reference], times, strict=False)]
        if len(ratios) < len(times):
            ratios = [statistics.median(seconds[reference]) / statistics.median(times)]
        low, middle, high = quartiles(ratios)
        session.add(
            f"{model}: {count:,} made-up images an epoch, batch {loops.BATCH}, Adam",
            {
                "loop": name,
                "images a second": statistics.median(count / each for each in times),
                f"times as fast as the {reference}": middle,
                "lower quartile": low,
                "upper quartile": high,
            },
        )


def in_turn(
    table: Mapping[str, loops.Epoch], device: torch.device, rounds: int, warm_up: int
) -> dict[str, list[float]]:
    """Seconds of each epoch, round by round; the first rounds warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in table}
    for turn in range(rounds + warm_up):
        for name, epoch in table.items():
            wait(device)
            started = time.perf_counter()
            epoch()
            wait(device)
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def shares(session: Session, part: DeviceDataset, precision: compute.Precision, model: str) -> None:
    """What the losses, validation and recording add to an epoch of cross-entropy's steps."""
    device = part.images.device
    held_out = DeviceDataset(part.images[: len(part) // 4], part.leaves[: len(part) // 4])
    with tempfile.TemporaryDirectory() as folder:
        table = {
            "steps with cross-entropy": loops.ours(part, precision, model=model),
            **{
                f"loss {name}": loops.ours(part, precision, model=model, loss=name)
                for name in ("hierarchical", "conditional", "hxe", "simloss")
            },
            "validation, a quarter as many images": validation(part, held_out, precision, model=model),
            "store, signs of life, checkpoints": recorded(part, precision, Path(folder), model=model),
        }
        seconds = in_turn(table, device, session.choose(3, 1), session.choose(1, 0))
    reference = seconds["steps with cross-entropy"]
    for name, times in seconds.items():
        less = 0.0 if name.startswith(("validation", "steps")) else 1.0
        low, middle, high = quartiles([mine / theirs - less for mine, theirs in zip(times, reference, strict=True)])
        session.add(
            f"{model}: beside the steps",
            {
                "what": name,
                "milliseconds an epoch": 1e3 * statistics.median(times),
                "share of the steps": middle,
                "lower quartile": low,
                "upper quartile": high,
            },
        )


def count_waits(session: Session, part: DeviceDataset, precision: compute.Precision, model: str) -> None:
    """How often an epoch makes Python wait for the GPU, by torch's own count."""
    for graphs in ("off", "on"):
        config = loops.configuration(model=model, cuda_graphs=graphs, flip=True, crop=4, mixup=0.2)
        train_state, loader = (
            loops.train_state(part, config, TREE, precision),
            BatchLoader(part, config, len(TREE.leaves)),
        )
        train_epoch(train_state, loader, config, TrainingProgress(), loops.Quiet())
        wait(part.images.device)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                train_epoch(train_state, loader, config, TrainingProgress(epoch=2), loops.Quiet())
            finally:
                torch.cuda.set_sync_debug_mode("default")
        waits = [str(each.filename) + f":{each.lineno}" for each in caught if "synchroniz" in str(each.message).lower()]
        problem = getattr(train_state, "problem", None)
        session.add(
            "Waits for the GPU in an epoch of 20 batches with flip, crop and mixup",
            {
                "network": model,
                "steps": "CUDA graph" if graphs == "on" else "eager",
                "waits": len(waits),
                "reports of the loss": REPORTS_PER_EPOCH,
                "no graph, because": problem or "",
            },
        )
        if len(waits) > REPORTS_PER_EPOCH:
            places = ", ".join(sorted({Path(place).name for place in waits}))
            session.fault(f"{model}: {len(waits)} waits in an epoch, {REPORTS_PER_EPOCH} expected; at {places}.")
        if problem:
            session.fault(f"{model} is trained without a CUDA graph: {problem}")


def compiled(session: Session, model: str, precision: compute.Precision, device: torch.device) -> None:
    """The network by torch.compile, its first steps timed apart."""
    if session.seconds_left() < session.choose(35, 5):
        session.note(f"No time was left for torch.compile of {model}.")
        return
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "8")
    part = made_up(loops.BATCH * session.choose(60, 2), device)
    config = loops.configuration(model=model, cuda_graphs="off")
    epochs = {"eager": loops.ours(part, precision, model=model, cuda_graphs="off")}
    try:
        for graphs in ("off", "on"):
            config = loops.configuration(model=model, cuda_graphs=graphs)
            train_state = loops.train_state(part, config, TREE, precision)
            train_state.network = torch.compile(train_state.network, dynamic=False)
            epochs["compiled" + (" and CUDA graph" if graphs == "on" else "")] = epoch_of(train_state, part, config)
        epochs["CUDA graph"] = loops.ours(part, precision, model=model, cuda_graphs="on")
        started = time.perf_counter()
        epochs["compiled"]()
        wait(device)
        first = time.perf_counter() - started
        seconds = in_turn(epochs, device, 3, 1)
    except Exception as error:  # Triton needs a compiler and headers that a machine may not have
        session.note(f"torch.compile of {model} failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
        return
    for name, times in seconds.items():
        session.add(
            "torch.compile",
            {
                "network": model,
                "steps": name,
                "images a second": len(part) / statistics.median(times),
                "times as fast as eager": statistics.median(seconds["eager"]) / statistics.median(times),
                "seconds to compile": first if name == "compiled" else None,
            },
        )


def epoch_of(train_state: Any, part: DeviceDataset, config: Any) -> loops.Epoch:
    loader = BatchLoader(part, config, len(TREE.leaves))

    def epoch() -> None:
        train_epoch(train_state, loader, config, TrainingProgress(), loops.Quiet())

    return epoch


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
