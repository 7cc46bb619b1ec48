"""What decoders accept: log-probabilities and targets of any shape, read as rows in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding import arrays
from hierapp.decoding.checks import check_log_probs
from hierapp.decoding.tables import Rows
from hierapp.errors import ConfigError
from hierapp.trees import LabelTree
from hierapp.utils.indices import indices

# Rows times nodes that are processed at once: 32 MB for each intermediate array.
PART = 2**22


def flat_rows(leaf_log_probs: Any, tree: LabelTree) -> tuple[Any, tuple[int, ...]]:
    """Return log-probabilities [B, L, ...] as rows [n, L], and the shape [B, ...] of the rows.

    Raises:
        ConfigError: if it is no array or tensor, or has not one column per leaf.
    """
    if not hasattr(leaf_log_probs, "ndim"):
        raise ConfigError(
            f"Expected an array or a tensor of log-probabilities but got {type(leaf_log_probs).__name__}; convert it."
        )
    size = len(tree.leaves)
    if leaf_log_probs.ndim < 2 or leaf_log_probs.shape[1] != size:
        raise ConfigError(
            f"Expected log-probabilities of the leaves, [B, {size}], but got {list(leaf_log_probs.shape)}."
        )
    last = arrays.namespace(leaf_log_probs).moveaxis(leaf_log_probs, 1, -1)
    return last.reshape(-1, size), tuple(last.shape[:-1])


def chunks(log_p: Any, tree: LabelTree) -> Iterator[tuple[slice, Rows]]:
    """Yield rows of log-probabilities [n, L] as probabilities, in chunks; at least one, which may be empty.

    Raises:
        ConfigError: if the exponentials of a row do not sum to about 1.
    """
    for part, exact in row_chunks(log_p, tree):
        yield part, Rows(arrays.namespace(exact).exp(exact), tree)


def row_chunks(log_p: Any, tree: LabelTree) -> Iterator[tuple[slice, Any]]:
    """Yield log-probabilities [n, L] in double precision, in chunks; at least one, which may be empty.

    Raises:
        ConfigError: if the exponentials of a row do not sum to about 1.
    """
    step = max(1, PART // len(tree.nodes))
    for start in range(0, max(len(log_p), 1), step):
        part = slice(start, start + step)
        check_log_probs(log_p[part])
        yield part, arrays.double(log_p[part])


def target_leaves(target: ArrayLike, count: int, tree: LabelTree) -> NDArray[np.int64]:
    """Return targets as positions in `tree.leaves`, [n].

    Raises:
        ConfigError: if there are not as many as samples, or one is not the position of a leaf.
    """
    true = indices(target, "targets")
    if len(true) != count:
        raise ConfigError(f"Expected a target for each of {count} samples but got {len(true)}.")
    if len(true) and not 0 <= true.min() <= true.max() < len(tree.leaves):
        raise ConfigError(
            f"Expected targets as positions of leaves, from 0 to {len(tree.leaves) - 1}, but got {true.min()} to"
            f" {true.max()}."
        )
    return true
