"""Confusion matrices in a bundle, and what `reproduce.py` reads of them."""

import numpy as np
import pytest

from hierapp.export import reproduce_script, run_files
from hierapp.metrics import counts
from hierapp.metrics.confusion import sparse_confusion_matrix


@pytest.mark.parametrize("size", [2, 10, counts.DENSE_UP_TO + 1])
def test_a_confusion_matrix_is_read_back_as_a_run_lists_it(tmp_path, size):
    classes = [f"class {number}" for number in range(size)]
    matrix = sparse_confusion_matrix(*np.random.default_rng(size).integers(0, size, (2, 40)), size)
    file = tmp_path / "confusion_test.csv"
    file.write_text(run_files.confusion(matrix, classes), encoding="utf-8", newline="")
    assert reproduce_script._confusion(file, classes) == counts.listed(matrix)


def test_classes_named_like_the_columns_of_pairs_are_classes(tmp_path):
    classes = ["predicted", "count"]
    file = tmp_path / "confusion_test.csv"
    file.write_text(run_files.confusion(sparse_confusion_matrix([0, 1, 1], [0, 0, 1], 2), classes), encoding="utf-8")
    assert reproduce_script._confusion(file, classes) == [[1, 0], [1, 1]]
