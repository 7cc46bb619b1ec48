"""Several runs of one small network at once: in which way a device does most of them in the same time.

    python -m benchmarks.together [--runs 8] [--images 10000] [--rounds 3]

One after another; in processes, as hierapp's slots do it; in threads of one process, each with a stream of its own; and
with the parameters of all networks stacked, one batch of each at a time (torch.func). Each way trains every network for
one epoch with its own seed and order of images. Processes are timed from the moment when all of them are ready.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import threading
import time
from multiprocessing.synchronize import Barrier

import torch
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F

from benchmarks import loops, machine
from hierapp.data import registry as datasets
from hierapp.training import device as compute
from hierapp.training.batches import BatchLoader, DeviceDataset
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.trainer import train_epoch
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")


def images(count: int, device: torch.device) -> DeviceDataset:
    whole = DeviceDataset.of(datasets.load("cifar10", "train"), TREE, device)
    return DeviceDataset(whole.images[:count], whole.leaves[:count])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def one_run(part: DeviceDataset, seed: int, precision: compute.Precision) -> loops.Epoch:
    config = loops.configuration(seed=seed)
    made, loader = loops.train_state(part, config, TREE, precision), BatchLoader(part, config, len(TREE.leaves))

    def epoch() -> None:
        train_epoch(made, loader, config, TrainingProgress(), loops.Quiet())

    return epoch


def one_after_another(part: DeviceDataset, runs: int, precision: compute.Precision, rounds: int) -> list[float]:
    epochs = [one_run(part, seed, precision) for seed in range(runs)]
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        for epoch in epochs:
            epoch()
        wait(part.images.device)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def in_streams(part: DeviceDataset, runs: int, precision: compute.Precision, rounds: int) -> list[float]:
    device = part.images.device
    epochs = [one_run(part, seed, precision) for seed in range(runs)]

    def work(epoch: loops.Epoch) -> None:
        if device.type == "cuda":
            with torch.cuda.stream(torch.cuda.Stream()):
                epoch()
        else:
            epoch()

    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        threads = [threading.Thread(target=work, args=(epoch,)) for epoch in epochs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def stacked(part: DeviceDataset, runs: int, precision: compute.Precision, rounds: int) -> list[float]:
    """One network whose weights have one dimension more; Adam on it is Adam on each."""
    device = part.images.device
    config = loops.configuration()
    networks = [loops.train_state(part, config, TREE, precision).network for _ in range(runs)]
    parameters, buffers = stack_module_state(networks)
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3, fused=True)
    skeleton = networks[0]

    def logits(own: dict[str, torch.Tensor], fixed: dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = functional_call(skeleton, (own, fixed), (batch,))
        return found

    every = torch.func.vmap(logits)

    def epoch() -> None:
        orders = torch.stack([torch.randperm(len(part)) for _ in range(runs)]).to(device)
        for batch in orders.split(loops.BATCH, dim=1):
            with compute.half(precision, device):
                out = every(parameters, buffers, part.images[batch])
            values = F.cross_entropy(out.float().flatten(0, 1), part.leaves[batch].flatten(), reduction="none")
            optimizer.zero_grad()
            values.view(runs, -1).mean(1).sum().backward()
            optimizer.step()

    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        epoch()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def process(count: int, seed: int, threads: int, precision: compute.Precision, rounds: int, barrier: Barrier) -> None:
    device = compute.choose_device("auto")
    torch.set_num_threads(threads)
    epoch = one_run(images(count, device), seed, precision)
    epoch()
    wait(device)
    for _ in range(rounds):
        barrier.wait()
        epoch()
        wait(device)
        barrier.wait()


def in_processes(count: int, runs: int, at_once: int, precision: compute.Precision, rounds: int) -> list[float]:
    """`runs` epochs by `at_once` processes that share the cores."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(at_once + 1)
    threads = max(1, torch.get_num_threads() // at_once)
    turns = rounds * (runs // at_once)
    workers = [
        context.Process(target=process, args=(count, seed, threads, precision, turns, barrier))
        for seed in range(at_once)
    ]
    for worker in workers:
        worker.start()
    seconds = []
    for _ in range(rounds):
        total = 0.0
        for _ in range(runs // at_once):
            barrier.wait()
            started = time.perf_counter()
            barrier.wait()
            total += time.perf_counter() - started
        seconds.append(total)
    for worker in workers:
        worker.join()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    device, runs, rounds = compute.choose_device("auto"), options.runs, options.rounds
    precision = compute.choose_precision("auto", device, loops.BATCH * 32 * 32 * 3)
    part = images(options.images, device)
    # On a CPU no more processes than cores; a GPU is shared by all.
    at_once = [n for n in (2, 4, 8, 16) if runs % n == 0 and (device.type == "cuda" or n <= torch.get_num_threads())]
    ways = {
        "one after another": one_after_another(part, runs, precision, rounds),
        **{f"{n} processes": in_processes(options.images, runs, n, precision, rounds) for n in at_once},
        "threads, a stream each": in_streams(part, runs, precision, rounds),
        "stacked parameters": stacked(part, runs, precision, rounds),
    }
    print(f"{runs} LeNets, {options.images:,} CIFAR-10 images an epoch, {precision}, median of {rounds} rounds")
    print(machine.describe())
    print()
    print("| way | seconds for all (least to most) | times as fast as one after another |")
    print("| --- | ---: | ---: |")
    alone = statistics.median(ways["one after another"])
    for name, seconds in ways.items():
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | {alone / middle:.2f} |")


if __name__ == "__main__":
    main()
