"""What a function does to tensors that stay where they are, as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable

import torch


class Capture:
    """A function that is captured once and replayed by each call; without a GPU each call calls it.

    It runs a few times before the capture, for libraries to choose their kernels and optimizers to make their state;
    what that changes is the caller's to put back.

    Args:
        function: reads and writes the same tensors each time, and waits for nothing.
        device: where these are.
        stream: what it is captured on. Graphs that will run at the same time need one each: cuBLAS keeps its scratch
            memory by the stream, and a graph goes on using that of its capture.
        warm_up: how often it runs before.
    """

    def __init__(
        self,
        function: Callable[[], object],
        device: torch.device,
        stream: torch.cuda.Stream | None = None,
        warm_up: int = 3,
    ) -> None:
        self._graph: torch.cuda.CUDAGraph | None = None
        self._function = function
        if device.type != "cuda":
            function()
            return
        side = torch.cuda.Stream() if stream is None else stream
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(warm_up):
                function()
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=side):
            function()
        torch.cuda.synchronize()

    def __call__(self) -> None:
        """Launch it on the current stream."""
        if self._graph is None:
            self._function()
        else:
            self._graph.replay()
