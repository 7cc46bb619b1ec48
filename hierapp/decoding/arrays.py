"""The few array operations of the decoders that torch and numpy spell differently.

Decoders run on tensors of any device, and on numpy arrays without importing torch, which pages need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hierapp.decoding.tables import Tables


def is_tensor(values: Any) -> bool:
    """Return whether values are a torch tensor, without importing torch."""
    return hasattr(values, "detach") and hasattr(values, "device")


def namespace(values: Any) -> Any:
    """Return the module whose functions take these values, torch or numpy."""
    if not is_tensor(values):
        return np
    import torch

    return torch


def double(values: Any) -> Any:
    """Return values in double precision; in single precision on devices that have no other."""
    if not is_tensor(values):
        return np.asarray(values, np.float64)
    return values.detach().float() if values.device.type == "mps" else values.detach().double()


def as_array(values: Any, like: Any) -> Any:
    """Return a numpy array, tensor or list as the kind of `like`, on its device."""
    if not is_tensor(like):
        # numpy has no bfloat16.
        return np.asarray(values.detach().cpu().double() if is_tensor(values) else values)
    import torch

    return torch.as_tensor(values, device=like.device)


def joined(parts: list[Any]) -> Any:
    """Return the rows of all parts, at least one, as one array."""
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concatenate(parts)


def to_numpy(values: Any) -> Any:
    """Return a numpy array of a tensor on any device, or of an array."""
    return values.cpu().numpy() if is_tensor(values) else values


def zeros(rows: Any, *size: int) -> Any:
    """Return zeros of a size and the type and device of `rows`."""
    return rows.new_zeros(size) if is_tensor(rows) else np.zeros(size, rows.dtype)


def cumulative(rows: Any) -> Any:
    """Return the cumulative sums of each row [n, L], after a 0: [n, L + 1]."""
    sums = zeros(rows, rows.shape[0], rows.shape[1] + 1)
    sums[:, 1:] = rows.cumsum(1)
    return sums


def columns(rows: Any, chosen: Any) -> Any:
    """Return rows[:, chosen] for columns [k], [n, k]; indexing a tensor this way takes several times as long."""
    return rows.gather(1, chosen.expand(len(rows), -1)) if is_tensor(rows) else np.take(rows, chosen, axis=1)


def along(rows: Any, columns: Any) -> Any:
    """Return rows[i, columns[i, j]], [n, k]."""
    return rows.gather(1, columns) if is_tensor(rows) else np.take_along_axis(rows, columns, 1)


def put_columns(rows: Any, chosen: Any, values: Any) -> Any:
    """Write values [n, k] to rows[:, chosen] for columns [k], and return the rows."""
    if is_tensor(rows):
        return rows.scatter_(1, chosen.expand(len(rows), -1), values)
    rows[:, chosen] = values
    return rows


def put(rows: Any, columns: Any, values: Any) -> Any:
    """Write values to rows[i, columns[i, j]], [n, k], and return the rows."""
    if is_tensor(rows):
        return rows.scatter_(1, columns, values)
    np.put_along_axis(rows, columns, values, 1)
    return rows


def first(mask: Any) -> Any:
    """Return the first column that holds in each row [n, m]; 0 if none does."""
    return mask.int().argmax(1) if is_tensor(mask) else mask.argmax(1)


def largest(rows: Any, k: int) -> tuple[Any, Any]:
    """Return the k largest values of each row, in descending order, and their columns, [n, k] each."""
    if is_tensor(rows):
        values, columns = rows.topk(k, dim=1)
        return values, columns
    some = np.argpartition(-rows, k - 1, axis=1)[:, :k] if k < rows.shape[1] else np.argsort(-rows, axis=1)
    values = np.take_along_axis(rows, some, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(values, order, 1), np.take_along_axis(some, order, 1)


def descending(rows: Any) -> Any:
    """Return the columns of each row from the largest value to the smallest, the first of equal ones first.

    Values that single precision cannot tell apart are equal: the last digits of a sum depend on the device.
    """
    if is_tensor(rows):
        return rows.float().argsort(dim=1, descending=True, stable=True)
    return np.argsort(-rows.astype(np.float32), axis=1, kind="stable")


def ascending(columns: Any) -> Any:
    """Return each row [n, k] in ascending order."""
    return columns.sort(dim=1).values if is_tensor(columns) else np.sort(columns, axis=1)


def largest_child(values: Any, tables: Tables) -> Any:
    """Return the largest value among the children of each internal node.

    Args:
        values: [n, N - 1], a value for each node but the root.
        tables: the tables of the tree.

    Returns:
        [n, I], for the internal nodes in the order of `tree.internal_nodes`.
    """
    if is_tensor(values):
        group = tables.group.expand_as(values)
        start = values.new_zeros(len(values), len(tables.tree.internal_nodes))
        return start.scatter_reduce(1, group, values, "amax", include_self=False)
    order = np.argsort(tables.group, kind="stable")
    starts = np.searchsorted(tables.group[order], np.arange(len(tables.tree.internal_nodes)))
    return np.maximum.reduceat(values[:, order], starts, axis=1)
