"""Imported predictions with made-up values, as files and as runs."""

from __future__ import annotations

import io

import numpy as np

from hierapp.data import registry as datasets
from hierapp.runs import Store
from hierapp.runs.predictions import Request, Source, import_files
from hierapp.trees import LabelTree, library as tree_library

ANIMALS = LabelTree.from_edges([("root", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "cow")])


def npz(**arrays: object) -> bytes:
    """An .npz file."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def three(seed: int = 0, rows: int = 30) -> dict[str, np.ndarray]:
    """Probabilities and labels of cow, dog and cat."""
    p = np.random.default_rng(seed).dirichlet([1, 1, 1], rows)
    return {"probabilities": p, "labels": np.arange(rows) % 3, "classes": np.array(["cow", "dog", "cat"])}


def of_digits(seed: int = 0) -> dict[str, np.ndarray]:
    """Probabilities and labels of the test part of the digits."""
    labels = datasets.arrays("digits", "test")[1]
    logits = np.random.default_rng(seed).normal(size=(len(labels), 10))
    logits[np.arange(len(labels)), labels] += 2.5
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return {"probabilities": p, "labels": labels, "classes": np.arange(10)}


def add_imported(store: Store, of_known_data: bool = True, seed: int = 0, **more: object) -> str:
    """The id of a run of imported predictions, of the digits or of rows that no data set has."""
    arrays = of_digits(seed) if of_known_data else three(seed)
    tree, name = (tree_library.load("digits"), "digits") if of_known_data else (ANIMALS, "animals")
    source = Source("model.npz", io.BytesIO(npz(**arrays, **more)))
    (run,) = import_files(store, Request([source], tree, name))
    return run
