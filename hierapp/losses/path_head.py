"""The last linear layer and a loss of the path family in one module, whose cost does not grow with the nodes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.losses.arguments import Reduction
from hierapp.losses.base import TreeLoss, _float
from hierapp.losses.conditional import PathLoss
from hierapp.losses.kernels.path import Layout


class PathHead(nn.Module):
    """Linear layer with N - 1 outputs and a loss that reads only the softmaxes on the true path.

    The value equals `loss(head.logits(features), target)`, and so do the gradients. In training only the logits of the
    siblings on the true paths of the batch are computed, and only their rows of `weight` and `bias` get a gradient.
    These gradients are sparse by default: use `torch.optim.SparseAdam`, `SGD` without momentum, or `Adagrad` for the
    parameters of the head, and another optimizer for the rest of the network. Sparse gradients cannot be clipped by
    `clip_grad_norm_`, and `torch.compile` breaks the graph at the head.

    Probability targets read all nodes: they are computed by the linear layer and the loss, with dense gradients.

    Args:
        loss: `conditional`, `hierarchical-convex`, `hxe` with parametrization "conditional", or `hierarchical` where
            its second term is constant or has mass 0; without soft labels. With `index="node"` coarse labels work, too.
        in_features: F, the number of features.
        bias: whether the layer has a bias (default).
        sparse: whether the gradients are sparse (default). Dense ones cost O(N * F) in each step, as the optimizer
            does, and work with any optimizer.

    Attributes:
        weight: [N - 1, F], initialized as in `nn.Linear`.
        bias: [N - 1], or None.

    Raises:
        ConfigError: if the loss reads more than the true path; or as the loss.

    >>> from hierapp import LabelTree, make_loss
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> head = PathHead(make_loss("conditional", tree), in_features=8)
    >>> value = head(torch.randn(2, 8), torch.tensor([2, 2]))
    >>> value.backward()
    >>> head.weight.grad.coalesce().indices().tolist()  # animal and truck, of animal, cat, dog, truck
    [[0, 3]]
    """

    bias: nn.Parameter | None

    def __init__(self, loss: TreeLoss, in_features: int, bias: bool = True, sparse: bool = True) -> None:
        super().__init__()
        if not isinstance(loss, PathLoss) or not loss.reads_path_only:
            raise ConfigError(
                "PathHead needs a loss that reads only the true path: conditional, hierarchical-convex, hxe with"
                " parametrization conditional, or hierarchical with mass 0 or over a tree of uniform depth, all without"
                " soft labels."
            )
        self.loss: PathLoss = loss
        self.in_features, self.sparse = in_features, sparse
        self.weight = nn.Parameter(torch.empty(loss.num_outputs, in_features))
        self.bias = nn.Parameter(torch.empty(loss.num_outputs)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialize weight and bias as `nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Return the sizes for `repr`."""
        outputs, has_bias = self.loss.num_outputs, self.bias is not None
        return f"in_features={self.in_features}, out_features={outputs}, bias={has_bias}, sparse={self.sparse}"

    def logits(self, features: Tensor) -> Tensor:
        """Return the logits of all nodes, [B, N - 1], from features [B, F]; for evaluation."""
        return F.linear(features, self.weight, self.bias)

    def forward(self, features: Tensor, target: Tensor, reduction: Reduction | None = None) -> Tensor:
        """Compute the loss.

        Args:
            features: [B, F], or [F] for one sample; any floating type.
            target: [B] labels, see `TreeLoss`; or [B, L] probabilities over the leaves.
            reduction: "mean", "sum" or "none"; None (default) for the reduction of the loss.

        Returns:
            A scalar, or [B] for reduction "none".
        """
        if self.sparse:
            value: Tensor = self._outside_the_graph(features, target, reduction)
            return value
        return self._loss(features, target, reduction)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _outside_the_graph(self, features: Tensor, target: Tensor, reduction: Reduction | None) -> Tensor:
        """Return `_loss`; a compiled graph cannot have sparse gradients."""
        return self._loss(features, target, reduction)

    def _loss(self, features: Tensor, target: Tensor, reduction: Reduction | None) -> Tensor:
        if features.ndim not in (1, 2) or features.shape[-1] != self.in_features:
            raise ConfigError(
                f"Expected features of shape [B, {self.in_features}] but got {list(features.shape)}; move further"
                " dimensions into the batch."
            )
        if target.is_floating_point() or target.dtype == torch.bool or target.shape != features.shape[:-1]:
            return self.loss(self.logits(features), target, reduction)  # type: ignore[no-any-return]
        rows, labels = features.reshape(-1, self.in_features), target.reshape(-1).long()
        value = self.loss.reduced_values(labels, lambda known: self._values(rows, known), reduction)
        return value.view(target.shape) if value.ndim else value

    def _values(self, features: Tensor, target: Tensor) -> Tensor:
        layout = self.loss.path.choices.layout(features.device)
        # Only on a CPU the number of rows may depend on the labels: a GPU would wait for it, a graph break at it.
        together = features.device.type == "cpu" and not torch.compiler.is_compiling()
        read = self._of_union(layout, features, target) if together else self._of_samples(layout, features, target)
        costs = layout.losses(read, layout.chosen.index_select(0, target))
        return self.loss.of_choices(costs, target) + self.loss.constant

    def _of_union(self, layout: Layout, features: Tensor, target: Tensor) -> Tensor:
        """Return the logits of the groups of the labels, [B, K], by one product with the rows of all their groups."""
        first, size = layout.groups(target)
        starts, which = torch.unique(first, return_inverse=True)
        sizes = torch.zeros_like(starts).scatter_reduce(0, which.reshape(-1), size.reshape(-1), "amax")
        offsets = sizes.cumsum(0) - sizes
        places = torch.repeat_interleave(starts - offsets, sizes) + torch.arange(int(sizes.sum()), device=first.device)
        weight, bias = self._rows(layout.columns.index_select(0, places))
        # Outputs are rows here, so that the gradient of the weight is contiguous.
        by_output = weight @ features.t() if bias is None else torch.addmm(bias[:, None], weight, features.t())
        logits = _float(by_output.t())
        columns, beyond = self._windows(layout, offsets[which], size)
        return logits.gather(1, columns).masked_fill(beyond, -torch.inf)

    def _of_samples(self, layout: Layout, features: Tensor, target: Tensor) -> Tensor:
        """Return the logits of the groups of the labels, [B, K], each sample's rows for itself: shapes are fixed."""
        places, beyond = self._windows(layout, *layout.groups(target))
        weight, bias = self._rows(layout.columns.index_select(0, places.reshape(-1)).view_as(places))
        logits = torch.bmm(weight, features[:, :, None].to(weight.dtype)).squeeze(2)
        return _float(logits if bias is None else logits + bias).masked_fill(beyond, -torch.inf)

    @staticmethod
    def _windows(layout: Layout, first: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """Return the places of the groups' entries, and which of them are padding, both [B, K]."""
        places, beyond = [], []
        for part in layout.parts:
            steps = torch.arange(part.width, device=first.device)
            number = size[:, part.start : part.stop, None]
            # Padding repeats the last entry of the group.
            places.append((first[:, part.start : part.stop, None] + torch.minimum(steps, number - 1)).flatten(1))
            beyond.append((steps >= number).flatten(1))
        return torch.cat(places, 1), torch.cat(beyond, 1)

    def _rows(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of some outputs."""
        take = _take_sparse if self.sparse else _take
        weight, bias = take(self.weight, rows), None if self.bias is None else take(self.bias, rows)
        shift = None if self.loss.adjustment is None else self.loss.adjustment.current()
        if shift is None:
            return weight, bias
        added = _take(shift.to(weight.dtype), rows)
        return weight, added if bias is None else bias + added


def _take(table: Tensor, rows: Tensor) -> Tensor:
    return table.index_select(0, rows.reshape(-1)).view(*rows.shape, *table.shape[1:])


def _take_sparse(table: Tensor, rows: Tensor) -> Tensor:
    taken: Tensor = _SparseRows.apply(table, rows)
    return taken


class _SparseRows(torch.autograd.Function):
    """Rows of a table, whose gradient is sparse."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = table.shape
        return _take(table, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        values = gradient.reshape(rows.numel(), *ctx.shape[1:])
        return torch.sparse_coo_tensor(rows.reshape(1, -1), values, ctx.shape, check_invariants=False), None
