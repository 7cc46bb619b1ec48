"""The path kernel: -log p of each choice on the true path, computed from only the softmaxes of that path.

A choice is among a group of logits: the children of an internal node of the path or, for marginals, the leaves below a
node of it. These groups are small compared to all logits: a few hundred of 16,000 on a tree of 10,000 leaves. The
kernel gathers them, padded to a few widths, and one call of `F.cross_entropy` per width reduces all groups of a batch.
Loss and gradient cost O(B * K), where K is the number of logits read per sample, and one buffer of zeros for the
gradient. Shapes never depend on the targets: nothing waits for the device, and torch.compile and torch.func work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.losses.kernels.labels import Labels
from hierapp.losses.kernels.masking import finite

# Tables with more numbers than this are computed for each batch and not stored: 2 ** 20 int64 are 8 MiB.
MOST_KEPT = 2**20
# Cost of an additional part, as the number of logits per sample that take the same time. A GPU reads thousands of
# logits in the time it takes to launch the ten kernels of a part, so padding is cheaper there.
PRICE_ON_CPU = 200
PRICE_ELSEWHERE = 3000
# On a CPU, the softmax of fewer numbers than one vector holds slows down as their number grows; 2 are fast enough.
VECTOR = 16 if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else 8


@dataclass(frozen=True)
class Part:
    """Choices that are padded to the same width: those at positions `start` to `stop`."""

    start: int
    stop: int
    width: int


def parts_of(widths: list[int], price: float) -> list[Part]:
    """Return the parts with the fewest logits, where each part costs as much as `price` logits.

    Args:
        widths: the maximum size of a group at each position, in descending order.
        price: cost of a part, in logits.

    >>> parts_of([100, 90, 2, 2], 10)
    [Part(start=0, stop=2, width=100), Part(start=2, stop=4, width=2)]
    >>> parts_of([100, 90, 2, 2], 1000)
    [Part(start=0, stop=4, width=100)]
    """
    best: list[tuple[float, list[Part]]] = [(0.0, [])]
    for stop in range(1, len(widths) + 1):
        ways = [
            (cost + price + (stop - start) * widths[start], [*parts, Part(start, stop, widths[start])])
            for start, (cost, parts) in enumerate(best)
        ]
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


class Layout(nn.Module):
    """The logits that a label's choices read, in parts: from tables [E, K] if small, else computed for each batch.

    Args:
        columns: [C], see `Choices`.
        first, size, chosen: [E, P], see `Choices`.
        parts: the parts of the choices.
    """

    columns: Tensor
    ends: Tensor
    begins: Tensor
    chosen: Tensor
    kept_columns: Tensor | None
    kept_padding: Tensor | None

    def __init__(
        self,
        columns: NDArray[np.int64],
        first: NDArray[np.int64],
        size: NDArray[np.int64],
        chosen: NDArray[np.int64],
        parts: list[Part],
    ) -> None:
        super().__init__()
        self.parts = parts
        most = parts[0].width
        self._add("columns", np.resize(columns, len(columns) + most))
        self.most = most
        self._add("ends", np.repeat([0.0, -np.inf], most))
        # For each choice: the start of its group in `columns`, and in `ends`, so that -inf aligns with the padding.
        self._add("begins", np.stack([first, most - size]))
        self._add("chosen", chosen)
        keep = len(first) * self.width <= MOST_KEPT
        made = self._made(torch.arange(len(first)), torch.float64) if keep else (None, None)
        self.register_buffer("kept_columns", made[0], persistent=False)
        self.register_buffer("kept_padding", made[1], persistent=False)

    def _add(self, name: str, values: NDArray[np.generic]) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    @property
    def width(self) -> int:
        """K, the number of logits read per sample."""
        return sum((part.stop - part.start) * part.width for part in self.parts)

    def groups(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the start in `columns` and the size of each group, [B, P]; padding has groups of one."""
        first, before = self.begins.index_select(1, target).unbind()
        return first, self.most - before

    def forward(self, logits: Tensor, target: Tensor, anchor: Tensor | None = None) -> Tensor:
        """Return -log p of each choice, [B, P], from logits [B, C]; see `Choices.forward`."""
        if anchor is None:
            chosen = self.chosen.index_select(0, target)
        else:
            first, size = self.groups(target)
            chosen = torch.minimum(anchor[:, None] - first, size - 1)
        if self.kept_columns is None or self.kept_padding is None:
            columns, padding = self._made(target, logits.dtype)
        else:
            columns = self.kept_columns.index_select(0, target)
            padding = self.kept_padding.index_select(0, target).to(logits.dtype)
        # A masked logit may be alone in its group, where there is no choice.
        return self.losses(finite(logits.gather(1, columns)) + padding, chosen)

    def losses(self, read: Tensor, chosen: Tensor) -> Tensor:
        """Return -log p of each choice, [B, P], from the logits of its groups, [B, K], where padding is -inf."""
        if len(self.parts) == 1:
            return self._losses(read, chosen, self.parts[0])
        pieces = torch.split(read, [(part.stop - part.start) * part.width for part in self.parts], dim=1)
        shares = torch.split(chosen, [part.stop - part.start for part in self.parts], dim=1)
        return torch.cat(list(map(self._losses, pieces, shares, self.parts)), dim=1)

    @staticmethod
    def _losses(read: Tensor, chosen: Tensor, part: Part) -> Tensor:
        each = F.cross_entropy(read.reshape(-1, part.width), chosen.reshape(-1), reduction="none")
        return each.view(chosen.shape)

    def _made(self, target: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the columns of the logits to read, and 0 for those of a group or -inf for padding, both [B, K]."""
        first, ends = self.begins.index_select(1, target).unbind()
        return self._windows(self.columns, first), self._windows(self.ends.to(dtype), ends)

    def _windows(self, table: Tensor, starts: Tensor) -> Tensor:
        # By indices, as index_select is slow on such views. A table of all windows would be a hundred times as large.
        pieces = [table.unfold(0, part.width, 1)[starts[:, part.start : part.stop]].flatten(1) for part in self.parts]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)


class Choices(nn.Module):
    """For each label, the groups of logits among which its path chooses, and -log p of each choice.

    A label's choices are sorted by group size, largest first, so that groups of similar size share a position and
    little is padded; the rest of its row has groups of one, which cost exactly 0. Padding reads the entries after the
    group in `columns` and adds -inf. These are different logits each time, so gradients do not contend for one address.

    Args:
        columns: [C], the logits without repetition; those of each group are contiguous.
        first: [E, S], the start of each group in `columns`, for E labels.
        size: [E, S], the size of each group; 1 for no choice.
        chosen: [E, S], the position of the chosen entry in its group.

    Attributes:
        order: [E, P], the index along S of the choice at each position. P is the maximum number of choices between two
            or more.
        on_cpu, elsewhere: the layouts; the same object if they do not differ.
    """

    def __init__(
        self, columns: NDArray[np.int64], first: NDArray[np.int64], size: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> None:
        super().__init__()
        order = np.argsort(-size, axis=1, kind="stable")
        self.order: NDArray[np.int64] = order[:, : max(1, int((size > 1).sum(1).max()))]
        first, size, chosen = (np.take_along_axis(each, self.order, 1) for each in (first, size, chosen))
        widths: list[int] = size.max(0).tolist()
        padded = [max(width, VECTOR) if width > 2 else width for width in widths]
        here, there = parts_of(padded, PRICE_ON_CPU), parts_of(widths, PRICE_ELSEWHERE)
        self.on_cpu = Layout(columns, first, size, chosen, here)
        self.elsewhere = self.on_cpu if here == there else Layout(columns, first, size, chosen, there)

    def forward(self, logits: Tensor, target: Tensor, anchor: Tensor | None = None) -> Tensor:
        """Return -log p of each choice, [B, P], from logits [B, C]; 0 where there is no choice.

        With `anchor` [B], positions in `columns`, the chosen entry of each group is that one.
        """
        found: Tensor = self.layout(logits.device)(logits, target, anchor)
        return found

    def layout(self, device: torch.device) -> Layout:
        """Return the layout for a device."""
        return self.on_cpu if device.type == "cpu" else self.elsewhere


class PathTables(nn.Module):
    """For each label the steps of its path, each a choice among siblings. D is the maximum number of steps to a leaf.

    A "step" goes from a node of the path to the next.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> PathTables(Labels(tree, "leaf")).choices(torch.zeros(1, 4), torch.tensor([0])).exp().tolist()
    [[2.0, 2.0]]

    Attributes:
        steps: D.
        missing: bool [E, D], the steps from the root down beyond the end of a label's path.
        choices: the kernel of the choices.
    """

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        tree = labels.tree
        size = np.array([len(tree.children[node]) for node in tree.internal_nodes], np.int64)
        first = np.concatenate([[0], size.cumsum()[:-1]])
        columns = np.array([child - 1 for node in tree.internal_nodes for child in tree.children[node]], np.int64)
        places = np.empty(len(tree.nodes), np.int64)
        places[columns + 1] = np.arange(len(columns)) - first.repeat(size)
        paths = labels.paths
        self.steps: int = labels.levels - 1
        self.missing: NDArray[np.bool_] = labels.missing[:, 1:]
        groups = np.searchsorted(tree.internal_nodes, np.where(self.missing, 0, paths[:, :-1]))
        chosen = np.where(self.missing, 0, places[np.where(self.missing, 1, paths[:, 1:])])
        self.choices = Choices(columns, first[groups], np.where(self.missing, 1, size[groups]), chosen)
