"""Evaluation of a loss on an example: value by term and node, gradient per logit, and logits it never changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.lab.choices import EVERY_LOSS, LossChoice
from hierapp.lab.contributions import Contribution, Term
from hierapp.lab.example import Example
from hierapp.lab.splits import split

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss


@dataclass(frozen=True)
class Judgement:
    """The evaluation of a loss on an example.

    Attributes:
        choice: the loss.
        title: its title with its options.
        formula: LaTeX, for a true leaf y.
        reads: "nodes" if it reads one logit per node, "leaves" if one per leaf (log z of the example), "head" if one
            output per node, from which a fixed head computes log z.
        value: the value of hierapp's own loss.
        terms: the terms; their contributions add up to the value.
        gradient: by node in the order of `tree.nodes`, with respect to the logits that the loss reads; None for nodes
            without such a logit: the root for most losses, and inner nodes for a flat loss.
        untouched: the nodes whose logits the loss reads but never changes for this true leaf.
        is_proper: whether the expected loss is minimal at the true distribution, with this tree and these options.
        reason: one sentence that explains `is_proper`.
    """

    choice: LossChoice
    title: str
    formula: str
    reads: str
    value: float
    terms: tuple[Term, ...]
    gradient: tuple[float | None, ...]
    untouched: tuple[int, ...]
    is_proper: bool
    reason: str

    def contributions_of(self, node: int) -> tuple[tuple[Term, Contribution], ...]:
        """Return the contributions of a node, each with its term."""
        return tuple(
            (term, contribution)
            for term in self.terms
            for contribution in term.contributions
            if contribution.node == node
        )

    def share_of(self, node: int) -> float:
        """Return the sum of the contributions of a node."""
        return sum(contribution.value for _, contribution in self.contributions_of(node))


@dataclass(frozen=True)
class Refusal:
    """A loss that is not available for this tree with these options, and one sentence that says why."""

    choice: LossChoice
    title: str
    reason: str


def judge(example: Example, choice: LossChoice) -> Judgement:
    """Evaluate a loss on an example; imports torch.

    Raises:
        ConfigError: if the loss's options do not fit the tree.
    """
    from hierapp.lab import engine

    loss = engine.loss_of(choice, example.tree)
    found, slopes = engine.gradients(loss, engine.read(example, loss)[None], example.target)
    value = float(found[0])
    gradient: list[float | None] = [None] * len(example.tree.nodes)
    for node, slope in zip(engine.logit_nodes(loss), slopes[0].tolist(), strict=True):
        gradient[node] = slope
    return Judgement(
        choice=choice,
        title=choice.title,
        formula=losses.find(choice.name).formula,
        reads=_reads(loss),
        value=value,
        terms=split(choice.name, example, choice.option_values, value),
        gradient=tuple(gradient),
        untouched=engine.untouched(choice, example.tree, example.target),
        is_proper=loss.propriety.is_proper,
        reason=loss.propriety.reason,
    )


def _reads(loss: TreeLoss) -> str:
    if loss.link != "leaves":
        return "nodes"
    return "leaves" if loss.num_outputs == loss.num_leaves else "head"


def judge_all(example: Example, choices: Iterable[LossChoice] = EVERY_LOSS) -> tuple[Judgement | Refusal, ...]:
    """Evaluate each loss, in order; a `Refusal` stands for a loss that the tree does not allow."""
    words: list[Judgement | Refusal] = []
    for choice in choices:
        try:
            words.append(judge(example, choice))
        except ConfigError as error:
            words.append(Refusal(choice, choice.title, str(error)))
    return tuple(words)
