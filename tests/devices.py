"""What tests need that run on the CPU everywhere and on CUDA where this machine has it: same bodies, two ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from benchmarks.random_trees import random_tree
from hierapp import LabelTree

no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
# The GPU benchmark picks tests by these ids.
on_devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=no_cuda)])
in_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])


def _deep() -> LabelTree:
    generator = np.random.default_rng(1)
    above = [-1, *(int(generator.integers(max(0, node - 4), node)) for node in range(1, 20))]
    return LabelTree([f"n{i}" for i in range(len(above))], above)


# 20 nodes, 6 leaves, paths of up to 9 nodes: too many for the masks of the smallest trees.
DEEP = _deep()
# 4,511 nodes, 3,000 leaves: every table of the losses is too large to be kept, and is computed for each batch.
LARGE = random_tree(200, 6, 1.5, 3_000, 5)


@contextmanager
def nothing_waits(device: str) -> Iterator[None]:
    """Meanwhile whatever makes the host wait for the GPU is an error. A CPU has nothing to wait for."""
    if device == "cpu":
        yield
        return
    torch.cuda.synchronize()
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
