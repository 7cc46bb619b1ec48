"""Training steps as a CUDA graph: after one capture, each step is a single launch instead of about a hundred.

A step of a small network takes the GPU less time than Python needs to launch its kernels; a graph launches them all at
once (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hierapp.training.batches import BatchLoader
from hierapp.training.evaluation import TrainState

# Steps before the capture, in which cuDNN chooses its algorithms and the optimizer creates its state.
WARM_UP = 3

Replay = Callable[[], None]

_capturing = threading.Lock()


@dataclass
class GraphTrainState(TrainState):
    """Training state that replays its steps on full batches; the first steps and those on the last, smaller batch run
    without the graph.

    A step reads from the same memory as at the capture. The images, the order and random numbers of the epoch
    (`BatchLoader` reuses their tensors), the weights and the optimizer state are already there; the indices of the
    batch, the share of mixup and the learning rate are copied there before each replay. If a network or loss cannot be
    captured, it is trained without a graph, and the log says so.
    """

    problem: str | None = field(default=None, init=False)
    _stream: torch.cuda.Stream | None = field(default=None, init=False)
    _warm: int = field(default=0, init=False)
    _replay: Replay | None = field(default=None, init=False)
    _batch: Tensor = field(init=False)
    _share: Tensor | None = field(default=None, init=False)
    _rate: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.total.is_cuda:
            # One stream per training: graphs that run at the same time must not share cuBLAS's workspace, which belongs
            # to the stream of the capture.
            self._stream = torch.cuda.Stream(self.total.device)  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self.total.device)

    def set_rate(self, rate: float) -> None:
        if rate != self._rate:
            for group in self.optimizer.param_groups:
                group["lr"].fill_(rate * group.get("rate_factor", 1.0))
            self._rate = rate

    def train_batch(self, loader: BatchLoader, index: int, rate: float) -> int:
        batch = loader.indices(index)
        if self.problem is not None or len(batch) < loader.config.batch_size:
            return super().train_batch(loader, index, rate)
        if self._replay is None and self._warm < WARM_UP:
            self._warm += 1
            with on_stream(self._stream):
                return super().train_batch(loader, index, rate)
        share = loader.share(index)
        if self._replay is None:
            self._capture(loader, batch, share)
        if self._replay is None:
            return super().train_batch(loader, index, rate)
        self.set_rate(rate)
        self._batch.copy_(batch)
        if self._share is not None and share is not None:
            self._share.fill_(share)
        self._replay()
        return len(batch)

    def _capture(self, loader: BatchLoader, batch: Tensor, share: float | None) -> None:
        self._batch = batch.clone()
        self._share = None if share is None else torch.tensor(share, device=batch.device)
        # Without this, the step would add to the old gradients; those created in the capture belong to the graph.
        self.optimizer.zero_grad()
        try:
            with capturable(self.optimizer):
                self._replay = capture(lambda: self.step(*loader.take(self._batch, self._share)), self._stream)
        except RuntimeError as error:
            self.problem = str(error).splitlines()[0]
            self.optimizer.zero_grad()
            logging.getLogger(__name__).warning("trained without a CUDA graph: %s", self.problem)


def capture(step: Callable[[], None], stream: torch.cuda.Stream | None = None) -> Replay:
    """Capture what a function launches on the GPU, on a stream, without computing it.

    Raises:
        RuntimeError: by torch, if something cannot be captured, such as waiting for the device.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads may use the GPU meanwhile, but not capture: torch first collects garbage and frees memory.
    with _capturing, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        step()
    replay: Replay = graph.replay
    return replay


@contextmanager
def capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Allow Adam to be captured within this context; outside it, torch warns about capturable optimizers."""
    groups = [group for group in optimizer.param_groups if "capturable" in group]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in groups:
            group["capturable"] = False


@contextmanager
def on_stream(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """Compute on another stream, as needed before a capture on it; the current stream waits for it."""
    if stream is None:
        yield
        return
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        yield
    current.wait_stream(stream)
