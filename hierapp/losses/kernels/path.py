"""The path kernel: -log p of each decision on the true path, from the softmaxes of that path alone.

K(y), the children of all internal nodes on path(y), is small beside N: about a hundred of 16,000 logits on a tree of
10,000 leaves. So the kernel gathers these logits, packed one sibling group after the other, and reduces each group:
loss and gradient cost O(B * K) and one buffer of zeros for the gradient. The packed width is that of the path with
most, so that shapes never depend on the targets: nothing waits for the device, and torch.compile and torch.func work.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.trees import LabelTree

# Tables of more numbers than this are not kept but computed for each batch: 2 ** 20 int64 are 8 MiB.
MOST_KEPT = 2**20
# Up to so many numbers a sample, one masked sum over everything is faster than the calls that gather what is needed.
MOST_MASKED = 128


class PathTables(nn.Module):
    """For each leaf the sibling groups on its path. D is the greatest number of steps from the root to a leaf.

    A "step" goes from a node of the path to the next. The steps of a leaf stand in the first columns of [L, D] tables;
    `missing` marks the rest.

    Attributes:
        steps: D.
        width: K of the leaf with most.
        step_columns: [L, D], the logit that each step chooses; 0 where missing.
        step_groups: [L, D], the internal node that each step leaves, among the internal nodes; 0 where missing.
        missing: bool [L, D].
    """

    step_columns: Tensor
    step_groups: Tensor
    missing: Tensor
    step_ends: Tensor
    step_offsets: Tensor
    sibling_columns: Tensor
    empty: Tensor
    masks: Tensor | None
    kept_columns: Tensor | None
    kept_steps: Tensor | None

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        size = np.array([len(tree.children[node]) for node in tree.internal_nodes], np.int64)
        first = np.concatenate([[0], size.cumsum()[:-1]])
        paths = tree.leaf_paths
        missing = np.arange(1, paths.shape[1]) >= tree.depth[tree.leaf_nodes, None]
        groups = np.where(missing, 0, np.searchsorted(tree.internal_nodes, np.where(missing, 0, paths[:, :-1])))
        sizes = np.where(missing, 0, size[groups])
        ends = sizes.cumsum(1)
        self.steps: int = paths.shape[1] - 1
        self.width = int(ends[:, -1].max())
        self._add("step_columns", np.where(missing, 0, paths[:, 1:] - 1))
        self._add("step_groups", groups)
        self._add("missing", missing)
        self._add("step_ends", ends)
        # For each step from a place in the packed row to one in `sibling_columns`; padding reads the first.
        self._add("step_offsets", first[groups] - (ends - sizes))
        self._add("sibling_columns", [child - 1 for node in tree.internal_nodes for child in tree.children[node]])
        # 1 for the steps without a logit: nothing is summed there, and its log is to be 0. The last place takes the
        # padding, which the path with most has not.
        self._add("empty", np.column_stack([missing, ends[:, -1] == self.width]).astype(np.float64))
        small = self.steps * (len(tree.nodes) - 1) <= MOST_MASKED
        self.register_buffer("masks", self._masks(tree) if small else None, persistent=False)
        keep = not small and len(tree.leaves) * self.width <= MOST_KEPT
        columns, steps = self._pack(torch.arange(len(tree.leaves))) if keep else (None, None)
        self.register_buffer("kept_columns", columns, persistent=False)
        self.register_buffer("kept_steps", steps, persistent=False)

    def _add(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    def _masks(self, tree: LabelTree) -> Tensor:
        """[L, D, N - 1]: 0 at the siblings that each step chooses from, at all where it is missing; else -inf."""
        siblings = torch.tensor(tree.parents[1:] == tree.leaf_paths[:, :-1, None])
        return torch.zeros(siblings.shape, dtype=torch.float64).masked_fill(
            ~(siblings | self.missing[..., None]), -torch.inf
        )

    def packed(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """The logits that the true paths read, and the steps they belong to, both [B, width + D + 1].

        First the siblings of all steps, then padding of step D, then the logit that each step chooses.
        """
        if self.kept_columns is None or self.kept_steps is None:
            return self._pack(target)
        return self.kept_columns.index_select(0, target), self.kept_steps.index_select(0, target)

    def _pack(self, target: Tensor) -> tuple[Tensor, Tensor]:
        ends = self.step_ends.index_select(0, target)
        place = torch.arange(self.width, device=target.device).expand(len(target), -1)
        steps = torch.searchsorted(ends, place.contiguous(), right=True)
        offsets = nn.functional.pad(self.step_offsets.index_select(0, target), (0, 1))
        at = (offsets.gather(1, steps) + place).masked_fill(steps == self.steps, 0)
        siblings = self.sibling_columns.index_select(0, at.flatten()).view_as(at)
        own = nn.functional.pad(self.step_columns.index_select(0, target), (0, 1))
        own_steps = torch.arange(self.steps + 1, device=target.device).expand(len(target), -1)
        return torch.cat([siblings, own], dim=1), torch.cat([steps, own_steps], dim=1)

    def step_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """-log p(v) of each step of the true path, [B, D] or [B, D + 1] from logits [B, N - 1].

        What stands at missing steps, and in place D, is finite and means nothing.

        >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
        >>> PathTables(tree).step_losses(torch.zeros(1, 4), torch.tensor([0]))[:, :2].exp().tolist()
        [[2.0, 2.0]]
        """
        if self.masks is not None:
            masks = self.masks.index_select(0, target).to(logits.dtype)
            own = logits.gather(1, self.step_columns.index_select(0, target))
            return torch.logsumexp(logits[:, None, :] + masks, dim=2) - own
        columns, steps = self.packed(target)
        read = logits.gather(1, columns)
        total = self.empty.index_select(0, target).to(logits.dtype)
        # Every place has at least the logit that its step chooses.
        top = total.scatter_reduce(1, steps, read.detach(), "amax", include_self=False)
        siblings, own = torch.split(read - top.gather(1, steps), [self.width, self.steps + 1], dim=1)
        return total.scatter_add(1, steps[:, : self.width], siblings.exp()).log() - own
