"""Checks that names and parents form a tree, and the errors if they do not."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import TreeError, some
from hierapp.trees.names import duplicates_error


def check_vectors(names: Sequence[str], parents: NDArray[Any]) -> None:
    """Check lengths, indices and names before the tree is traversed; raise a TreeError for invalid ones.

    The names are as `name_of` returns them.
    """
    if parents.shape != (len(names),) or (len(names) and not np.issubdtype(parents.dtype, np.integer)):
        raise TreeError(f"Expected one integer per node as parents but got shape {list(parents.shape)}.")
    if len(names) < 2:
        raise TreeError("The tree has no leaf; it needs a root and at least one node below it.")
    if parents.min() < -1 or parents.max() >= len(names):
        raise TreeError(f"A parent's position is out of range; give 0 to {len(names) - 1}, or -1 for the root.")
    if not all(names):
        raise TreeError("A node has an empty name; give every node a name.")
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise TreeError("A node's name contains an unpaired surrogate character; enter the name again.") from None
    if len(set(names)) < len(names):
        raise duplicates_error(names, parents.tolist())


def preorder(names: Sequence[str], parents: NDArray[Any]) -> list[int]:
    """Return the positions in preorder; raise a TreeError for several roots or a cycle."""
    roots = np.flatnonzero(parents < 0).tolist()
    if len(roots) > 1:
        raise TreeError(
            f"The nodes {some([names[i] for i in roots])} are all roots, but a tree has one root; put them under one"
            " parent."
        )
    children: list[list[int]] = [[] for _ in names]
    for node, parent in enumerate(parents.tolist()):
        if parent >= 0:
            children[parent].append(node)
    order: list[int] = []
    ahead = deque(roots)
    while ahead:
        node = ahead.pop()
        order.append(node)
        ahead.extend(reversed(children[node]))
    if len(order) < len(names):
        lost = set(range(len(names))) - set(order)
        raise TreeError(f"The nodes {some(_cycle(names, parents, lost))} form a cycle; remove one of its edges.")
    return order


def _cycle(names: Sequence[str], parents: NDArray[Any], lost: set[int]) -> list[str]:
    """Return the names along a cycle, from parent to child: the ancestors of any unreachable node end in one."""
    node = min(lost)
    for _ in names:
        node = int(parents[node])
    cycle = [node]
    while (above := int(parents[cycle[-1]])) != node:
        cycle.append(above)
    return [names[i] for i in reversed(cycle)]
