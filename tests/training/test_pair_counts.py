"""Confusion matrices that are added up batch by batch, of few and of many classes."""

import numpy as np
import pytest
import torch

from hierapp.data.imports.options import MOST_MAP_CLASSES
from hierapp.metrics import counts
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.training.pair_counts import PairCounts

MANY = counts.DENSE_UP_TO + 1


@pytest.mark.parametrize("size", [2, counts.DENSE_UP_TO, MANY, 20_000])
def test_batches_add_up_to_the_matrix_of_all_rows(size):
    true, predicted = torch.tensor(np.random.default_rng(size).integers(0, size, (2, 500)))
    found = PairCounts(size, torch.device("cpu"))
    for batch in torch.arange(500).split(80):
        found.add(true[batch], predicted[batch])
    expected = sparse_confusion_matrix(true.numpy(), predicted.numpy(), size)
    matrix = found.matrix()
    assert matrix.shape == (size, size)
    assert matrix.dtype == np.int64
    assert [each.tolist() for each in counts.triplets(matrix)] == [each.tolist() for each in counts.triplets(expected)]


@pytest.mark.parametrize("size", [2, MANY])
def test_without_a_row_there_is_no_pair(size):
    assert PairCounts(size, torch.device("cpu")).matrix().nnz == 0


def test_pixels_of_label_maps_are_counted_and_not_kept():
    assert MOST_MAP_CLASSES <= counts.DENSE_UP_TO
    found = PairCounts(2, torch.device("cpu"))
    pixels = torch.ones(10_000, dtype=torch.int64)
    before = sum(each.numel() for each in vars(found).values() if isinstance(each, torch.Tensor))
    for _ in range(3):
        found.add(pixels, pixels)
    kept = [each for value in vars(found).values() for each in (value if isinstance(value, list) else [value])]
    assert sum(each.numel() for each in kept if isinstance(each, torch.Tensor)) == before == 4
    assert found.matrix().toarray().tolist() == [[0, 0], [0, 30_000]]
