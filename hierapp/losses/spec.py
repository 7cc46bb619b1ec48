"""What a loss says of itself, as the class attribute `spec`; this module does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hierapp.losses.propriety import Propriety
from hierapp.trees import LabelTree
from hierapp.utils.options import Option

# The options of losses with soft labels off the path.
SOFT = (
    Option("soft", 0.0, "weight of a uniform target at the internal nodes off the true path"),
    Option("soft_reduction", "mean", "how the terms of the nodes off the path are combined", choices=("mean", "sum")),
)


@dataclass(frozen=True)
class LossSpec:
    """Description of a loss, for the registry, forms, the command line and tables.

    The registry reads it from the source of the class, because importing the class would import torch: write it as one
    expression of literals and of names that the module imports, with `from ... import`, from modules without torch.

    Attributes:
        name: name in `make_loss`, on the command line and in addresses.
        title: name in forms and tables.
        summary: what it does, in one sentence.
        formula: LaTeX for one sample with true leaf y.
        source: where it is from.
        judge: returns whether the loss is proper without class weights, given a tree, all options, and `index`.
        outputs: number of logits: "L", "N - 1", "N", or "either" of the first two.
        proper: "yes", "no", or "depends", on tree or options.
        options: its options, with bounds and defaults.
        arguments: what `make_loss` passes on besides options: values that no form has, such as a matrix.
        order: losses are listed by this number, then by name.
        where: "module:class", set by the registry.
    """

    name: str
    title: str
    summary: str
    formula: str
    source: str
    judge: Callable[[LabelTree, Mapping[str, Any]], Propriety]
    outputs: str = "L"
    proper: Literal["yes", "no", "depends"] = "no"
    options: tuple[Option, ...] = ()
    arguments: tuple[str, ...] = ()
    order: int = 100
    where: str = ""
