"""The losses by name: the registry behind the form, the command line and the tests.

Adding a loss is one class in a file of this folder and one entry below. The registry itself needs no torch, so that
pages can list the losses and their options at once; `make_loss` imports the class it needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from hierapp.errors import ConfigError
from hierapp.tree import LabelTree

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss

OptionValue = float | str


@dataclass(frozen=True)
class Option:
    """One option of a loss: a number with its bounds, or one of several words."""

    name: str
    default: OptionValue
    help: str
    low: float = 0.0
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def check(self, loss: str, value: object) -> OptionValue:
        """The value, as a float or one of the choices, or a ConfigError."""
        if self.choices:
            if value not in self.choices:
                raise ConfigError(
                    f"Expected {self.name} of {loss} to be one of {', '.join(self.choices)} but got {value!r}."
                )
            return str(value)
        try:
            number = float(cast(Any, value))
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not self.low <= number <= self.high or math.isinf(number):
            bounds = f"at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:g}"
            raise ConfigError(f"Expected {self.name} of {loss} to be a number {bounds} but got {value!r}.")
        return number


@dataclass(frozen=True)
class LossEntry:
    """What is known of a loss without importing torch.

    `where` is "module:class" below this package; `formula` is LaTeX for one sample with true leaf y.
    """

    where: str
    title: str
    summary: str
    formula: str
    source: str
    options: tuple[Option, ...] = ()


_SOFT = (
    Option("soft", 0.0, "weight of a uniform target at the internal nodes off the true path"),
    Option("soft_reduction", "mean", "how the terms of the nodes off the path are joined", choices=("mean", "sum")),
)

LOSSES: dict[str, LossEntry] = {
    "cross-entropy": LossEntry(
        "flat:CrossEntropy",
        "Cross-entropy",
        "One softmax over all classes; it knows nothing of the tree.",
        r"-\log \mathrm{softmax}(u)_y",
        "report (5)",
        (Option("label_smoothing", 0.0, "share of the target spread evenly over all classes", high=1.0),),
    ),
    "regularized-cross-entropy": LossEntry(
        "flat:RegularizedCrossEntropy",
        "Regularized cross-entropy",
        "Cross-entropy that rewards unsure outputs by their entropy.",
        r"-\log p_y + \lambda \sum_i p_i \log p_i",
        "report (6); Pereyra et al. 2017",
        (Option("penalty", 0.1, "weight of the negative entropy"),),
    ),
    "hierarchical": LossEntry(
        "hierarchical:Hierarchical",
        "Hierarchical",
        "A softmax over each set of siblings; the decisions along the true path count more the nearer the root.",
        r"-\sum_{v \in \mathrm{path}(y)} s(v) \log p(v) + m \sum_{v\ \mathrm{internal}} z(v)",
        "report (2), (3)",
        (
            Option(
                "targets", "path", "y = 1 on every node of the true path, or on the leaf only", choices=("path", "leaf")
            ),
            Option("mass", 1.0, "weight of the summed probabilities of the internal nodes"),
            *_SOFT,
        ),
    ),
    "hierarchical-convex": LossEntry(
        "hierarchical:HierarchicalConvex",
        "Hierarchical, convex",
        "The cross-entropy of each decision along the true path, divided by its depth.",
        r"-\sum_{i \in \mathrm{path}(y)\ \mathrm{internal}} \log p(\mathrm{child}_i) / \mathrm{depth}(i)",
        "report (4), sign mended",
        _SOFT,
    ),
    "simloss": LossEntry(
        "simloss:SimLoss",
        "SimLoss",
        "Cross-entropy that gives a similar class part of the credit; the similarity comes from the tree.",
        r"-\log \sum_c S_{yc}\, \mathrm{softmax}(u)_c",
        "SimLoss; Kobs et al. 2020",
        (
            Option(
                "lower_bound", 0.0, "similarities below this count as 0, the rest is stretched", low=-1.0, high=0.999
            ),
        ),
    ),
}


def find(name: str) -> LossEntry:
    """The registry's entry, or a ConfigError that lists the names."""
    if name not in LOSSES:
        raise ConfigError(f"Unknown loss {name!r}; choose one of {', '.join(LOSSES)}.")
    return LOSSES[name]


def check_options(name: str, options: Mapping[str, object]) -> dict[str, OptionValue]:
    """All options of a loss with their defaults filled in.

    Raises:
        ConfigError: for an unknown loss or option, or a value out of bounds.

    >>> check_options("hierarchical", {"mass": 0})["mass"]
    0.0
    """
    known = {option.name: option for option in find(name).options}
    for given in options:
        if given not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"The loss {name} has no option {given!r}; {has}.")
    return {key: option.check(name, options.get(key, option.default)) for key, option in known.items()}


def make_loss(name: str, tree: LabelTree, **options: Any) -> TreeLoss:
    """Make a loss over a label tree.

    Args:
        name: a key of `LOSSES`.
        tree: the label tree; its leaves, in the order of `tree.leaves`, are the classes.
        options: the loss's own options (see `LOSSES[name].options`), `reduction` ("mean", "sum" or "none"), and for
            simloss `similarity`, a matrix [L, L] in the order of `tree.leaves`.

    Returns:
        An `nn.Module` to call as `loss(logits, target)`; see `hierapp.losses.base.TreeLoss`.

    Raises:
        ConfigError: for an unknown loss or option, or a value out of bounds.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = make_loss("hierarchical", tree, mass=0.5)
    >>> loss.num_outputs
    4
    >>> loss(torch.zeros(2, 4), torch.tensor([0, 2])).item() > 0
    True
    """
    module, _, class_name = find(name).where.partition(":")
    beyond = {key: options.pop(key) for key in ("reduction", "similarity") if key in options}
    if "similarity" in beyond and name != "simloss":
        raise ConfigError(f"The loss {name} has no option 'similarity'; only simloss reads one.")
    loss_class = getattr(import_module(f"hierapp.losses.{module}"), class_name)
    return cast("TreeLoss", loss_class(tree, **check_options(name, options), **beyond))
