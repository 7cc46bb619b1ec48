"""Array operations that torch and numpy spell differently."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hierapp.decoding import arrays


@pytest.mark.parametrize("made", [np.asarray, torch.tensor])
def test_columns_are_read_and_written_as_by_indexing(made) -> None:
    values = np.random.default_rng(0).normal(size=(3, 5))
    chosen = np.array([4, 0, 4])
    np.testing.assert_array_equal(arrays.columns(made(values), made(chosen)), values[:, chosen])
    assert arrays.columns(made(values[:0]), made(chosen)).shape == (0, 3)
    written = arrays.put_columns(made(values.copy()), made(chosen[:2]), made(np.ones((3, 2))))
    expected = values.copy()
    expected[:, chosen[:2]] = 1
    np.testing.assert_array_equal(written, expected)
