"""Data model of stories: steps that each define the complete state of the lab; `stories.py` lists the stories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hierapp.lab import trees
from hierapp.lab.choices import INITIAL_DECODERS, INITIAL_LOSSES, DecoderChoice, LossChoice
from hierapp.lab.example import Example
from hierapp.lab.landscape import Space

# What a step can show.
SHOWS = {
    "tree": "the tree with p on its edges and z on its nodes, the true path marked",
    "formulas": "the losses' terms and parts with their numbers",
    "losses": "the losses side by side: value, split, gradient on each logit",
    "decoders": "the decoders side by side with their arithmetic",
    "minimizer": "the minimum of the expected hierarchical loss under the step's true probabilities",
    "walk": "the minimizer on increasingly unbalanced trees",
    "slice": "each loss between the step's example and its second point, chord against curve",
    "surface": "each loss over the two directions from the example to the second and third point",
    "printed": "the paper's (4) with its printed minus sign",
}
# What a step lets the user change; all other controls are hidden.
CONTROLS = {
    "logits": "sliders of the node logits",
    "target": "the true class",
    "tree": "the tree",
    "losses": "the losses and their options",
    "soft": "the weight of soft labels off the path",
    "mass": "the weight of the second term",
    "targets": "path or leaf targets",
    "descent": "one gradient step, 100 steps, reset",
    "threshold": "the threshold decoder's threshold",
    "unbalance": "by how many steps the tree is unbalanced",
    "points": "the second and third point of slice and surface",
    "space": "straight lines in the logits or in the probabilities",
}


@dataclass(frozen=True)
class Point:
    """An example given by probabilities by name: P(node | parent), where siblings without a value share the remainder;
    or z of every leaf, so that one point fits several trees over the same classes."""

    p: tuple[tuple[str, float], ...] = ()
    leaves: tuple[tuple[str, float], ...] = ()

    def example(self, tree: str, target: str) -> Example:
        """Return the example over a named tree."""
        chosen = trees.named(tree)
        if self.leaves:
            z = dict(self.leaves)
            place = chosen.leaves.index(target)
            return Example.from_leaf_probabilities(chosen, [z[leaf] for leaf in chosen.leaves], place)
        return Example.from_conditionals(chosen, dict(self.p), target)


@dataclass(frozen=True)
class Step:
    """One step of a story.

    Attributes:
        title: a short title.
        text: the explanation, a few short sentences.
        tree: the tree's name, see `trees.named`.
        target: the true leaf's name.
        point: the example.
        losses: the losses to show.
        decoders: the decoders to show.
        shows: keys of `SHOWS`; the first one is displayed first.
        controls: keys of `CONTROLS`.
        must_show: words and numbers on screen when the step opens, computed by the library and not part of `text`.
        second: the other end of a slice.
        third: the other direction of a surface.
        space: the coordinates of slice and surface.
        truth: the true distribution over the leaves, for the minimizer.
    """

    title: str
    text: str
    tree: str
    target: str
    point: Point
    losses: tuple[LossChoice, ...] = INITIAL_LOSSES
    decoders: tuple[DecoderChoice, ...] = INITIAL_DECODERS
    shows: tuple[str, ...] = ("tree",)
    controls: tuple[str, ...] = ()
    must_show: tuple[str, ...] = ()
    second: Point | None = None
    third: Point | None = None
    space: Space = "logits"
    truth: tuple[float, ...] | None = None

    def example(self) -> Example:
        """Return the example."""
        return self.point.example(self.tree, self.target)

    def second_example(self) -> Example | None:
        """Return the other end of a slice; None if the step has none."""
        return None if self.second is None else self.second.example(self.tree, self.target)

    def third_example(self) -> Example | None:
        """Return the other direction of a surface; None if the step has none."""
        return None if self.third is None else self.third.example(self.tree, self.target)


@dataclass(frozen=True)
class Story:
    """A sequence of steps that explains one topic; addresses contain its `id`."""

    id: str
    title: str
    summary: str
    steps: tuple[Step, ...] = field(default=())


def conditionals(**p: float) -> Point:
    """Create a point from P(node | parent)."""
    return Point(p=tuple(p.items()))


def over_leaves(z: Mapping[str, float]) -> Point:
    """Create a point from the probability of each leaf."""
    return Point(leaves=tuple(z.items()))


def loss(name: str, **options: Any) -> LossChoice:
    """Create a loss choice with the given options."""
    return LossChoice.of(name, options)
