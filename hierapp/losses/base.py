"""What all losses share: shapes, targets, class weights, reduction, and probabilities of leaves and nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self, TypedDict, Unpack, cast

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.losses.nodes import NodeTables
from hierapp.losses.propriety import Propriety
from hierapp.tree import LabelTree

Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = ("mean", "sum", "none")


class Shared(TypedDict, total=False):
    """What every loss takes besides its own options; see `TreeLoss`."""

    reduction: Reduction
    weight: ArrayLike | Tensor | None
    ignore_index: int


class TreeLoss(nn.Module):
    """A loss over a label tree with N nodes and L leaves; call it as `loss(logits, target)`, as `F.cross_entropy`.

    Shapes, where C = `num_outputs` and `...` are any further dimensions, those of a segmentation's images for example:

    - logits: [B, C, ...], or [C] for one sample; any floating type. Half precision is computed in float32.
    - target: [B, ...] whole numbers, positions in `tree.leaves`; or [B, L, ...] probabilities over the leaves. With
      probabilities t the value is the expectation, the sum over y of t[y] * loss(logits, y), unless the loss says
      otherwise.
    - value: a scalar, or [B, ...] for reduction "none".

    Args:
        tree: the label tree.
        reduction: "mean" (default), "sum" or "none"; a call's own wins. The mean over whole numbers is weighted by the
            class weights of the true leaves, the mean over probabilities divides by their number: both as in
            `F.cross_entropy`.
        weight: [L], class weights in the order of `tree.leaves`.
        ignore_index: whole numbers that count for nothing, neither in the value nor in the mean.

    Attributes:
        num_outputs: columns of the logits that it reads.
        is_proper: whether the expected loss is least where the probabilities are the true ones.
        propriety: that, and one sentence that says why.

    Raises:
        ConfigError: for a wrong option, or logits and targets that do not fit together; one sentence that says what
            was expected.

    The tree's tables are buffers that move with `.to(device)` and are not part of `state_dict`.
    """

    num_outputs: int
    propriety: Propriety
    weight: Tensor | None

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__()
        self.tree = tree
        self.num_leaves = len(tree.leaves)
        self.reduction = _checked_reduction(shared.get("reduction", "mean"))
        self.ignore_index = shared.get("ignore_index", -100)
        self.register_buffer("weight", _checked_weight(shared.get("weight"), self.num_leaves), persistent=False)
        self.nodes = NodeTables(tree)

    @property
    def is_proper(self) -> bool:
        """Whether the expected loss is least where the probabilities are the true ones; `propriety.reason` says why."""
        return self.propriety.is_proper

    def forward(self, logits: Tensor, target: Tensor, reduction: Reduction | None = None) -> Tensor:
        way = self.reduction if reduction is None else _checked_reduction(reduction)
        if logits.ndim == 1:
            value = self._reduced(logits[None], target[None], way)
            return value[0] if way == "none" else value
        return self._reduced(logits, target, way)

    def _reduced(self, logits: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        rows = self._rows(logits, target)
        if reduction == "none":
            return self._values(*rows)[0].view(logits.shape[:1] + logits.shape[2:])
        return self._joined(*rows, reduction)

    def _joined(self, logits: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        """The sum or mean of the values of [B', C]."""
        values, count = self._values(logits, target)
        if reduction == "sum":
            return values.sum()
        return values.mean() if count is None else values.sum() / count

    def _rows(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B', C] and target [B'] or [B', L], every further dimension counted into B'."""
        inner = logits.shape[2:]
        self._check_logits(logits)
        if not target.is_floating_point() and target.dtype != torch.bool and target.shape == logits.shape[:1] + inner:
            return _flat(_float(logits)), (target if target.ndim == 1 else target.reshape(-1)).long()
        if target.is_floating_point() and target.shape == (len(logits), self.num_leaves, *inner):
            logits = _flat(_float(logits))
            return logits, _flat(target).to(logits.dtype)
        raise ConfigError(
            f"Expected target to be whole numbers {[len(logits), *inner]} or probabilities"
            f" {[len(logits), self.num_leaves, *inner]} but got {target.dtype} {list(target.shape)}."
        )

    def _values(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Values [B'], and what their sum is divided by for the mean; None for their number."""
        if target.ndim == 2:
            return self.of_weighted_probabilities(logits, target), None
        keep = target != self.ignore_index
        some = _may_be_false(keep)
        known = target.where(keep, 0) if some else target
        try:
            values = self.of_weighted_indices(logits, known)
        except (IndexError, RuntimeError):
            self._explain(target)
            raise
        values = values.where(keep, 0.0) if some else values
        if self.weight is not None:
            weights = self.weight.to(values.dtype).index_select(0, known)
            return values, (keep * weights).sum() if some else weights.sum()
        return values, keep.sum() if some else None

    def of_weighted_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """`of_indices`, times the class weights."""
        values = self.of_indices(logits, target)
        return values if self.weight is None else values * self.weight.to(values.dtype).index_select(0, target)

    def of_weighted_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """`of_probabilities`, each class by its weight."""
        return self.of_probabilities(logits, target if self.weight is None else target * self.weight.to(target.dtype))

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and true leaves [B]."""
        raise NotImplementedError

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and weights [B, L] of the leaves, which need not sum to one."""
        raise NotImplementedError

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """log z of the leaves, [B, L, ...] from logits [B, C, ...]."""
        raise NotImplementedError

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """log z of all nodes, [B, N, ...] from logits [B, C, ...]; 0 at the root."""
        raise NotImplementedError

    def _check_logits(self, logits: Tensor) -> None:
        if logits.ndim < 2 or logits.shape[1] != self.num_outputs or not logits.is_floating_point():
            raise ConfigError(
                f"Expected logits of a floating type and of shape [B, {self.num_outputs}] or [B, {self.num_outputs},"
                f" ...] but got {logits.dtype} {list(logits.shape)}."
            )

    def _explain(self, target: Tensor) -> None:
        """Turn torch's complaint of an index into one that names what was expected; a GPU tells it later and itself."""
        if target.device.type != "cpu":
            return
        target, size = target[target != self.ignore_index], self.num_leaves
        if len(target) and not 0 <= int(target.min()) <= int(target.max()) < size:
            raise ConfigError(
                f"Expected targets from 0 to {size - 1}, positions in tree.leaves, but got {int(target.min())} to"
                f" {int(target.max())}."
            ) from None

    def _as_rows(self, logits: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply a function of [B', C] to logits [B, C, ...], and give its columns the place of C."""
        self._check_logits(logits)
        result = function(_flat(_float(logits)))
        return result.reshape(len(logits), *logits.shape[2:], result.shape[1]).movedim(-1, 1)

    def _in_preorder(self, rows: Tensor) -> Tensor:
        """[B, N] in the order of `tree.nodes` from rows [N, B]."""
        return rows.index_select(0, self.nodes.preorder).t()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # A network that is cast to half precision takes its loss along; a table of thirds must not come out as .3333.
        exact = dict(self.named_buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in self.named_buffers():
            if buffer.dtype in (torch.float16, torch.bfloat16):
                owner, _, own = name.rpartition(".")
                setattr(self.get_submodule(owner), own, exact[name].to(buffer.device, torch.float32))
        return self


class FlatLoss(TreeLoss):
    """A loss that reads one logit a leaf, through one softmax over all leaves."""

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.num_outputs = len(tree.leaves)

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        self._check_logits(logits)
        return F.log_softmax(_float(logits), dim=1)

    def node_log_probs(self, logits: Tensor) -> Tensor:
        return self._as_rows(
            logits, lambda rows: self._in_preorder(self.nodes.log_sum_up(F.log_softmax(rows, dim=1).t()))
        )


class ConditionalLoss(TreeLoss):
    """A loss that reads one logit a node but the root, through a softmax over each set of siblings."""

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.num_outputs = len(tree.nodes) - 1

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        return self._as_rows(logits, lambda rows: self.nodes.log_z(rows).index_select(0, self.nodes.leaves).t())

    def node_log_probs(self, logits: Tensor) -> Tensor:
        return self._as_rows(logits, lambda rows: self._in_preorder(self.nodes.log_z(rows)))


def _float(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _flat(values: Tensor) -> Tensor:
    """[B', C] from [B, C, ...]."""
    return values if values.ndim == 2 else values.movedim(1, -1).reshape(-1, values.shape[1])


def _checked_reduction(reduction: str) -> Reduction:
    if reduction not in REDUCTIONS:
        raise ConfigError(f"Expected reduction to be one of {', '.join(REDUCTIONS)} but got {reduction!r}.")
    return cast(Reduction, reduction)


def _checked_weight(weight: ArrayLike | Tensor | None, size: int) -> Tensor | None:
    if weight is None:
        return None
    try:
        # Where all other tables are made, wherever the weights lie.
        values = torch.as_tensor(weight, dtype=torch.float64, device=torch.get_default_device()).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError("The class weights hold what is no number; give one number a leaf.") from None
    if values.shape != (size,) or not (values.isfinite() & (values >= 0)).all():
        raise ConfigError(
            f"Expected class weights of shape [{size}], finite and not negative, but got {list(values.shape)}"
            f"{' with other entries' if values.shape == (size,) else ''}."
        )
    return values


def _may_be_false(flags: Tensor) -> bool:
    """Whether one of the flags is False, or that cannot be known without waiting for a device or breaking a graph."""
    if flags.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    try:
        return not bool(flags.all())
    except RuntimeError:  # torch.func.vmap has no single answer
        return True
