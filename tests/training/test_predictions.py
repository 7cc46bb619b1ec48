"""Stored test outputs: read as they were written, and refused where they are broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hierapp.errors import StoreError
from hierapp.training import checkpoints, predictions
from hierapp.training.predictions import FILE, Outputs


def some(count: int = 50, classes: int = 4) -> Outputs:
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.full(classes, 0.1), count).astype(np.float16)
    return Outputs(p, draw.integers(0, classes, count).astype(np.int32), tuple("abcd"[:classes]), "digits", 7)


def write(said: Outputs, folder: Path) -> None:
    tensors = {name: torch.from_numpy(values) for name, values in said.tensors().items()}
    checkpoints.write(tensors, folder / FILE, said.about())


def test_they_are_read_as_they_were_written(tmp_path):
    said = some()
    write(said, tmp_path)
    found = predictions.read(tmp_path)
    assert found is not None
    assert np.array_equal(found.probabilities, said.probabilities)
    assert np.array_equal(found.target, said.target)
    assert (found.classes, found.data, found.epoch) == (said.classes, "digits", 7)


def test_probabilities_are_mapped_and_not_read(tmp_path):
    write(some(), tmp_path)
    found = predictions.read(tmp_path)
    assert isinstance(found.probabilities, np.memmap)
    assert np.array_equal(found.predicted, some().probabilities.argmax(1))
    (tmp_path / FILE).unlink()  # as when the run is deleted while a page shows it
    assert np.array_equal(found.probabilities, some().probabilities)


@pytest.mark.parametrize("count", [0, 1, predictions.ROWS, predictions.ROWS + 1, 2_500])
def test_blocks_of_rows_are_rounded_as_the_whole(count):
    p = np.random.default_rng(count).dirichlet(np.full(5, 0.3), count).astype(np.float32)
    target, names = np.zeros(count), ("a", "b", "c", "d", "e")
    blocks = [p[start : start + predictions.ROWS] for start in range(0, count, predictions.ROWS)]
    found, whole = Outputs.of_blocks(blocks, target, names, "digits", 1), Outputs.of(p, target, names, "digits", 1)
    assert np.array_equal(found.probabilities, whole.probabilities)
    assert np.array_equal(found.predicted, whole.probabilities.argmax(1))


def test_rounding_keeps_the_likeliest_leaf():
    draw = np.random.default_rng(1)
    near = 0.5 + draw.uniform(-1e-5, 1e-5, (400, 1)).astype(np.float32)
    p = np.concatenate([near, 1 - near], 1)
    said = Outputs.of(p, np.zeros(400), ("a", "b"), "digits", 1)
    assert (p.astype(np.float16).argmax(1) != p.argmax(1)).any(), "or this test could not tell"
    assert np.array_equal(said.probabilities.argmax(1), p.argmax(1))
    assert np.abs(said.probabilities - p).max() < 1e-3


def test_logarithms_are_finite_and_of_rows_that_sum_to_1():
    said = some(500)
    assert (said.probabilities == 0).any(), "or this test could not tell"
    values = said.log_probs()
    assert np.isfinite(values).all()
    assert np.allclose(np.exp(values.astype(np.float64)).sum(1), 1, atol=1e-5)
    assert np.array_equal(values.argmax(1), said.probabilities.argmax(1))
    assert np.array_equal(said.log_probs(slice(3, 5)), values[3:5])


def test_a_run_without_them_has_none(tmp_path):
    assert predictions.read(tmp_path) is None


@pytest.mark.parametrize("damage", ["cut", "letter", "wrong"])
def test_a_broken_file_is_told_in_a_sentence(tmp_path, damage):
    write(some(), tmp_path)
    file = tmp_path / FILE
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-10])
    elif damage == "letter":
        file.write_text("This is a letter.")
    else:
        checkpoints.write({"probabilities": torch.zeros(2, 2)}, file, some().about())
    with pytest.raises(StoreError, match="train the run again"):
        predictions.read(tmp_path)


def test_they_are_read_without_torch(tmp_path):
    write(some(), tmp_path)
    code = (
        "import sys, pathlib; from hierapp.training import predictions; predictions.read(pathlib.Path(sys.argv[1]));"
        "print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code, str(tmp_path)], text=True).strip() == "False"
