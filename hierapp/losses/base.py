"""Base classes of the losses: shapes, targets, class weights, reduction, and probabilities of leaves and nodes."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar, Literal, Self, Unpack, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.losses import arguments
from hierapp.losses.arguments import Reduction, Shared
from hierapp.losses.kernels.adjustment import LogitAdjustment
from hierapp.losses.kernels.labels import Labels, LeavesBelow
from hierapp.losses.kernels.masking import finite
from hierapp.losses.kernels.nodes import NodeTables
from hierapp.losses.propriety import Propriety, counted
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree

Link = Literal["leaves", "siblings", "nodes", "sigmoid"]


class TreeLoss(nn.Module):
    """Base class of the losses over a label tree with N nodes and L leaves.

    Call an instance as `loss(logits, target)`, like `F.cross_entropy`. Shapes, where C = `num_outputs` and `...` stands
    for any further dimensions, for example height and width in segmentation:

    - logits: [B, C, ...], or [C] for one sample; any floating type. Half precision is computed in float32.
    - target: [B, ...] integers, positions in `tree.leaves`, or in `tree.nodes` for index "node"; or [B, L, ...]
      probabilities over the leaves. For probabilities t the value is the expectation, the sum over y of t[y] *
      loss(logits, y), unless the loss documents otherwise.
    - value: a scalar, or [B, ...] for reduction "none".

    Args:
        tree: the label tree.
        reduction: "mean" (default), "sum" or "none"; a call can override it. As in `F.cross_entropy`, the mean over
            integer targets is weighted by the class weights of the true leaves, and the mean over probabilities divides
            by the number of samples.
        weight: [L], class weights in the order of `tree.leaves`; None (default) for none. The weight of an inner node
            is the mean of the leaves below it.
        ignore_index: integer target (default -100) whose samples contribute neither to the value nor to the mean.
        index: what integer targets are positions in: "leaf" (default), `tree.leaves`; "node", `tree.nodes`. An inner
            node is a coarse label: the true leaf is one of those below it. docs/losses.md has the value of each loss.

    Attributes:
        num_outputs: number of logits per sample, C.
        output_nodes: [C], the node of each logit, a position in `tree.nodes`.
        link: what makes probabilities of logits: "leaves", one softmax over all leaves; "siblings", a softmax over each
            set of siblings; "nodes", one softmax over all nodes; "sigmoid", a sigmoid for each node.
        is_proper: whether the true probabilities minimize the expected loss.
        propriety: `is_proper` with the reason.

    Raises:
        ConfigError: if an option is invalid, or logits and target do not match; the message states what was expected.

    The tables of the tree are buffers: they move with `.to(device)` and are not part of `state_dict`.
    """

    spec: ClassVar[LossSpec]
    num_outputs: int
    output_nodes: NDArray[np.int64]
    link: ClassVar[Link]
    plain_propriety: Propriety
    weight: Tensor | None
    label_weight: Tensor | None
    leaf_labels: Tensor | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give each class a code object of its own for `forward`.

        torch.compile counts recompilations by code object, at most eight by default. With a shared one, the ninth loss
        that a process compiles would fail or run uncompiled.
        """
        super().__init_subclass__(**kwargs)
        if "forward" not in cls.__dict__:
            shared = cast(FunctionType, cls.forward)
            own = FunctionType(
                shared.__code__.replace(co_qualname=f"{cls.__qualname__}.forward"),
                shared.__globals__,
                shared.__name__,
                shared.__defaults__,
                shared.__closure__,
            )
            own.__kwdefaults__, own.__annotations__ = shared.__kwdefaults__, shared.__annotations__
            own.__doc__, own.__module__ = shared.__doc__, cls.__module__
            own.__qualname__ = f"{cls.__qualname__}.forward"
            setattr(cls, "forward", own)  # noqa: B010 - mypy does not allow the assignment to a method

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__()
        self.tree = tree
        self.num_leaves = len(tree.leaves)
        self.labels = Labels(tree, arguments.checked_index(shared.get("index", "leaf")))
        self.reduction = arguments.checked_reduction(shared.get("reduction", "mean"))
        self.ignore_index = shared.get("ignore_index", -100)
        weight = arguments.checked_weight(shared.get("weight"), self.num_leaves)
        self.register_buffer("weight", weight, persistent=False)
        self.has_unequal_weights = weight is not None and bool((weight != weight[0]).any())
        label_weight = of_leaves = None
        if weight is not None:
            label_weight = torch.stack([weight[start:stop].mean() for start, stop in self.labels.ranges.tolist()])
        if self.labels.index == "node":
            of_leaves = torch.tensor(self.labels.of_leaves)
        self.register_buffer("label_weight", label_weight, persistent=False)
        self.register_buffer("leaf_labels", of_leaves, persistent=False)
        self.nodes = NodeTables(tree)
        self.adjustment: LogitAdjustment | None = None

    @classmethod
    def make(cls, tree: LabelTree, **options: Any) -> TreeLoss:
        """Make the loss from all options of its `spec`; a class may return another one, depending on the options."""
        return cls(tree, **options)

    @property
    def propriety(self) -> Propriety:
        """`is_proper`, and one sentence or more that give the reason; class weights and coarse labels are counted in.

        Logit adjustment, too. Subclasses set `plain_propriety`, in which none of them is counted in.
        """
        plain = self.plain_propriety if self.adjustment is None else self.adjustment.judged(self.plain_propriety)
        return counted(plain, self.has_unequal_weights, self.labels.index)

    @property
    def is_proper(self) -> bool:
        """Whether the true probabilities minimize the expected loss; `propriety.reason` gives the reason."""
        return self.propriety.is_proper

    def forward(self, logits: Tensor, target: Tensor, reduction: Reduction | None = None) -> Tensor:
        """Compute the loss.

        Args:
            logits: [B, C, ...], or [C] for one sample.
            target: [B, ...] positions in `tree.leaves` (`tree.nodes` for index "node"), or [B, L, ...] probabilities
                over the leaves.
            reduction: "mean", "sum" or "none"; None (default) for the reduction of the loss.

        Returns:
            A scalar, or [B, ...] for reduction "none".
        """
        way = self.reduction if reduction is None else arguments.checked_reduction(reduction)
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
        """Return the sum or mean of the values of rows [B', C]."""
        return _join(*self._values(logits, target), reduction)

    def reduced_values(
        self, target: Tensor, values_of: Callable[[Tensor], Tensor], reduction: Reduction | None = None
    ) -> Tensor:
        """Weigh and reduce values that are computed elsewhere, as a call of the loss does.

        Args:
            target: [B] integer labels, the ignored index among them.
            values_of: a function of labels [B] in range that returns the values [B] without class weights.
            reduction: see `forward`.
        """
        values, count = self._of_labels(target, lambda known: self._weighted(values_of(known), known))
        return _join(values, count, self.reduction if reduction is None else arguments.checked_reduction(reduction))

    def _rows(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of the logits, and target [B'] or [B', L], with all further dimensions merged into B'."""
        inner = logits.shape[2:]
        self._check_logits(logits)
        if not target.is_floating_point() and target.dtype != torch.bool and target.shape == logits.shape[:1] + inner:
            return self._scores(_flat(_float(logits))), (target if target.ndim == 1 else target.reshape(-1)).long()
        if target.is_floating_point() and target.shape == (len(logits), self.num_leaves, *inner):
            scores = self._scores(_flat(_float(logits)))
            return scores, _flat(target).to(scores.dtype)
        raise ConfigError(
            f"Expected target to be integers {[len(logits), *inner]} or probabilities"
            f" {[len(logits), self.num_leaves, *inner]} but got {target.dtype} {list(target.shape)}."
        )

    def _scores(self, logits: Tensor) -> Tensor:
        """Return what the value is computed from: the logits [B', C], adjusted in training if the loss does so."""
        adjusted: Tensor = logits if self.adjustment is None else self.adjustment(logits)
        return adjusted

    def _values(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the values [B'] and the divisor of their mean, None for the number of values."""
        if target.ndim == 2:
            # 0 log 0 = 0: a class with target 0 may be masked by a logit of -inf.
            return self.of_weighted_probabilities(finite(logits), target), None
        return self._of_labels(target, lambda known: self.of_weighted_indices(logits, known))

    def _of_labels(self, target: Tensor, values_of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
        """Return the weighted values [B'] and the divisor of their mean for integer targets."""
        keep = target != self.ignore_index
        some = _may_be_false(keep)
        known = target.where(keep, 0) if some else target
        try:
            values = values_of(known)
        except (IndexError, RuntimeError):
            self._explain(target)
            raise
        values = values.where(keep, 0.0) if some else values
        if self.label_weight is not None:
            weights = self.label_weight.to(values.dtype).index_select(0, known)
            return values, (keep * weights).sum() if some else weights.sum()
        return values, keep.sum() if some else None

    def of_weighted_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `of_indices` times the class weights."""
        return self._weighted(self.of_indices(logits, target), target)

    def _weighted(self, values: Tensor, target: Tensor) -> Tensor:
        weight = self.label_weight
        return values if weight is None else values * weight.to(values.dtype).index_select(0, target)

    def of_weighted_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `of_probabilities` with the target multiplied by the class weights."""
        return self.of_probabilities(logits, target if self.weight is None else target * self.weight.to(target.dtype))

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B], leaves or nodes by `index`."""
        raise NotImplementedError

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        raise NotImplementedError

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from logits [B, C, ...]."""
        raise NotImplementedError

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from logits [B, C, ...]; 0 at the root."""
        raise NotImplementedError

    def _check_logits(self, logits: Tensor) -> None:
        if logits.ndim < 2 or logits.shape[1] != self.num_outputs or not logits.is_floating_point():
            raise ConfigError(
                f"Expected logits of a floating type and of shape [B, {self.num_outputs}] or [B, {self.num_outputs},"
                f" ...] but got {logits.dtype} {list(logits.shape)}."
            )

    def _explain(self, target: Tensor) -> None:
        """Raise an error that names the expected range of indices, on a CPU; a GPU reports the error later itself."""
        if target.device.type != "cpu":
            return
        target, size = target[target != self.ignore_index], len(self.labels.nodes)
        kind = "leaves" if self.labels.index == "leaf" else "nodes"
        if len(target) and not 0 <= int(target.min()) <= int(target.max()) < size:
            raise ConfigError(
                f"Expected targets from 0 to {size - 1}, positions in tree.{kind}, but got {int(target.min())} to"
                f" {int(target.max())}."
            ) from None

    def _of_leaves(self, table: Tensor) -> Tensor:
        """Return the rows [L, ...] of the leaves from a table with a row for each label."""
        return table if self.leaf_labels is None else table.index_select(0, self.leaf_labels)

    def _as_rows(self, logits: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply a function of rows [B', C] to logits [B, C, ...]; its output columns replace dimension C."""
        self._check_logits(logits)
        result = function(_flat(_float(logits)))
        return result.reshape(len(logits), *logits.shape[2:], result.shape[1]).movedim(-1, 1)

    def _in_preorder(self, rows: Tensor) -> Tensor:
        """Reorder rows [N, B] to [B, N] in the order of `tree.nodes`."""
        return rows.index_select(0, self.nodes.preorder).t()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Casting a network to half precision also casts its loss; its tables stay in float32, so that 1/3 is not .3333.
        exact = dict(self.named_buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in self.named_buffers():
            if buffer.dtype in (torch.float16, torch.bfloat16):
                owner, _, own = name.rpartition(".")
                setattr(self.get_submodule(owner), own, exact[name].to(buffer.device, torch.float32))
        return self


class FlatLoss(TreeLoss):
    """Base class of losses that read one logit per leaf, with one softmax over all leaves."""

    link = "leaves"

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.num_outputs = len(tree.leaves)
        self.output_nodes = tree.leaf_nodes
        self.below = LeavesBelow(self.labels) if self.labels.index == "node" else None

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from logits [B, C, ...]."""
        self._check_logits(logits)
        return F.log_softmax(_float(logits), dim=1)

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from logits [B, C, ...]; 0 at the root."""
        return self._as_rows(
            logits, lambda rows: self._in_preorder(self.nodes.log_sum_up(F.log_softmax(rows, dim=1).t()))
        )


class ConditionalLoss(TreeLoss):
    """Base class of losses that read one logit per node except the root, with a softmax over each set of siblings."""

    link = "siblings"

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.num_outputs = len(tree.nodes) - 1
        self.output_nodes = np.arange(1, len(tree.nodes))

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from logits [B, C, ...]."""
        return self._as_rows(logits, lambda rows: self.nodes.log_z(rows).index_select(0, self.nodes.leaves).t())

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from logits [B, C, ...]; 0 at the root."""
        return self._as_rows(logits, lambda rows: self._in_preorder(self.nodes.log_z(rows)))


def _join(values: Tensor, count: Tensor | None, reduction: Reduction) -> Tensor:
    """Return the values [B], their sum, or their mean with a divisor other than their number."""
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    return values.mean() if count is None else values.sum() / count


def _float(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _flat(values: Tensor) -> Tensor:
    """Reshape [B, C, ...] to [B', C]."""
    return values if values.ndim == 2 else values.movedim(1, -1).reshape(-1, values.shape[1])


def _may_be_false(flags: Tensor) -> bool:
    """Return whether a flag is False, or may be: checking would wait for a device or break a graph."""
    if flags.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    try:
        return not bool(flags.all())
    except RuntimeError:  # under torch.func.vmap there is no single answer
        return True
