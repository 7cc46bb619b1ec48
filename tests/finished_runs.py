"""Finished runs with made-up predictions, stored as a worker stores them: curves, confusion matrices, outputs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from hierapp.data import registry as datasets
from hierapp.metrics import confusion_matrix, evaluate
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.training.predictions import FILE, VALIDATION, Outputs
from hierapp.trees import library as tree_library
from hierapp.utils import processes


def outputs_of(data: str, classes: tuple[str, ...], seed: int, skill: float) -> Outputs:
    """Made-up probabilities of the real test images of a data set; the true class has `skill` more of logit."""
    _, labels = datasets.arrays(data, "test")
    names = datasets.find(data).class_names
    target = np.array([classes.index(name) for name in names])[labels]
    logits = np.random.default_rng(seed).normal(size=(len(target), len(classes)))
    logits[np.arange(len(target)), target] += skill
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Outputs.of(p.astype(np.float32), target, classes, data, 3)


def add_finished(
    store: Store,
    loss: str = "cross-entropy",
    seed: int = 0,
    *,
    data: str = "digits",
    tree: str = "digits",
    skill: float = 2.5,
    with_outputs: bool = True,
    **values: Any,
) -> str:
    """A finished run of three epochs; its id."""
    label_tree = tree_library.load(tree)
    config = RunConfig.make(data=data, tree=tree, loss=loss, seed=seed, epochs=3, **values)
    (run,) = store.add([config], label_tree, contents={data: datasets.content_hashes(data)})
    assert store.claim().id == run
    writer = store.writer(run)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    writer.begin("cpu", "0")
    said = outputs_of(data, label_tree.leaves, int(run), skill)
    counts = confusion_matrix(said.target, said.probabilities.argmax(1), len(said.classes))
    for epoch in (1, 2, 3):
        writer.report(epoch, {"train_loss": (2 + seed / 10) / epoch}, epoch / 3)
        figures = {"val_accuracy": 0.2 * epoch + seed / 100, "val_loss": 1.0 / epoch, "val_distance": 1.0}
        writer.end_epoch(epoch, figures, counts // (4 - epoch))
    test = {"loss": 0.5, "epoch": 3, "epochs": 3}
    test |= evaluate(said.log_probs(), said.target, label_tree, counts=counts)
    writer.finish(3, test, counts)
    if with_outputs:
        folder = store.run(run).folder
        folder.mkdir(parents=True, exist_ok=True)
        save_file(said.tensors(), folder / FILE, metadata=said.about())
        held_out = outputs_of(data, label_tree.leaves, 1_000 + int(run), skill)
        save_file(held_out.tensors(), folder / VALIDATION, metadata=held_out.about())
    return run
