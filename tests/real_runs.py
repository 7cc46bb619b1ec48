"""Runs that were really trained, for tests of what is kept of them."""

from __future__ import annotations

import os

import torch

from hierapp.data import registry as datasets
from hierapp.execution import worker
from hierapp.runs import Run, Store
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes


def digits_run(store: Store, loss: str = "cross-entropy", epochs: int = 1, **values: object) -> Run:
    """Train the digits in this process, into a store; it makes enough mistakes to look for some."""
    config = RunConfig.make(
        data="digits", tree="digits", loss=loss, epochs=epochs, precision="float32", device="cpu", **values
    )
    contents = {"digits": datasets.content_hashes("digits")}
    (run,) = store.add([config], tree_library.load("digits"), contents=contents)
    claimed = store.claim()
    assert claimed is not None
    assert claimed.id == run
    writer = SQLiteRunWriter(store.database, number_of(run), claimed.attempt)
    writer.take(os.getpid(), processes.identity(os.getpid()) or "")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert worker.work(writer, claimed, claimed.folder)
    finally:
        torch.set_num_threads(threads)
    return store.run(run)
