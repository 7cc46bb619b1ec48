"""Confusion matrices as lists and bytes, of few and of many classes."""

import zlib

import numpy as np
import pytest

from hierapp.metrics import counts
from hierapp.metrics.confusion import sparse_confusion_matrix

MANY = counts.DENSE_UP_TO + 1


def made_up(size: int):
    pairs = np.random.default_rng(size).integers(0, size, (2, 300))
    return sparse_confusion_matrix(*pairs, size)


@pytest.mark.parametrize("size", [2, 100, MANY, 10_000])
def test_lists_and_bytes_give_the_matrix_back(size):
    matrix = made_up(size)
    for again in (counts.of_listed(counts.listed(matrix), size), counts.of_bytes(counts.to_bytes(matrix))):
        assert again.shape == (size, size)
        assert again.dtype == np.int64
        assert (again != matrix).nnz == 0


def test_few_classes_are_written_as_earlier_versions_did():
    matrix = made_up(10)
    assert counts.listed(matrix) == matrix.toarray().tolist()
    assert counts.to_bytes(matrix) == zlib.compress(matrix.toarray().astype("<i4").tobytes())


def test_many_classes_take_the_space_of_the_pairs_that_occur():
    matrix = made_up(10_000)
    assert len(counts.listed(matrix)) == matrix.nnz
    assert len(counts.to_bytes(matrix)) < 12 * matrix.nnz + 100


@pytest.mark.parametrize("size", [3, MANY])
def test_an_empty_matrix_comes_back(size):
    empty = sparse_confusion_matrix([], [], size)
    assert counts.of_listed(counts.listed(empty), size).sum() == 0
    assert counts.of_bytes(counts.to_bytes(empty)).shape == (size, size)


def test_zeros_of_a_dense_matrix_are_no_pairs():
    assert [each.tolist() for each in counts.triplets(np.array([[0, 2], [1, 0]]))] == [[0, 1], [1, 0], [2, 1]]


def test_a_dense_matrix_of_many_classes_is_read_as_earlier_versions_wrote_it():
    matrix = made_up(MANY)
    written = zlib.compress(matrix.toarray().astype("<i4").tobytes())
    assert (counts.of_bytes(written) != matrix).nnz == 0
