"""What a story is made of: steps that each set the whole lab, as plain data; `stories.py` has the stories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hierapp.lab import trees
from hierapp.lab.choices import EVERY_DECODER, EVERY_LOSS, DecoderChoice, LossChoice
from hierapp.lab.example import Example
from hierapp.lab.landscape import Space

# What a step can show, and what each is.
SHOWS = {
    "tree": "the tree with p on its edges and z on its nodes, the true path marked",
    "formulas": "the losses' terms and parts with the numbers put in",
    "losses": "the losses side by side: value, split, gradient on each logit",
    "decoders": "the decoders side by side with their arithmetic",
    "minimizer": "where the expected hierarchical loss is least, under the step's truth",
    "walk": "the minimizer on trees that are more and more unbalanced",
    "slice": "each loss between the step's example and its second point, chord against curve",
    "surface": "each loss over the two directions from the example to the second and third point",
    "printed": "the paper's (4) with its printed minus sign",
}
# What a step lets the audience touch; everything else is hidden.
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
    """An example by its probabilities, by name: P(node | parent), where siblings that are not named share the rest; or
    z of every leaf, so that one point fits several trees over the same classes."""

    p: tuple[tuple[str, float], ...] = ()
    leaves: tuple[tuple[str, float], ...] = ()

    def example(self, tree: str, target: str) -> Example:
        """The example over a named tree."""
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
        title: a few words.
        text: what to say: a few short sentences.
        tree: the tree's name, see `trees.named`.
        target: the true leaf's name.
        point: the example.
        losses: those to show.
        decoders: those to show.
        shows: keys of `SHOWS`, the first in front.
        controls: keys of `CONTROLS`.
        must_show: words and numbers that are on screen as the step opens, from the library, not from `text`.
        second: the other end of a slice.
        third: the other direction of a surface.
        space: of slice and surface.
        truth: over the leaves, for the minimizer.
    """

    title: str
    text: str
    tree: str
    target: str
    point: Point
    losses: tuple[LossChoice, ...] = EVERY_LOSS
    decoders: tuple[DecoderChoice, ...] = EVERY_DECODER
    shows: tuple[str, ...] = ("tree",)
    controls: tuple[str, ...] = ()
    must_show: tuple[str, ...] = ()
    second: Point | None = None
    third: Point | None = None
    space: Space = "logits"
    truth: tuple[float, ...] | None = None

    def example(self) -> Example:
        """The example."""
        return self.point.example(self.tree, self.target)

    def second_example(self) -> Example | None:
        """The other end of a slice, if the step has one."""
        return None if self.second is None else self.second.example(self.tree, self.target)

    def third_example(self) -> Example | None:
        """The other direction of a surface, if the step has one."""
        return None if self.third is None else self.third.example(self.tree, self.target)


@dataclass(frozen=True)
class Story:
    """Steps that explain one thing; `id` stands in addresses."""

    id: str
    title: str
    summary: str
    steps: tuple[Step, ...] = field(default=())


def conditionals(**p: float) -> Point:
    """A point by P(node | parent)."""
    return Point(p=tuple(p.items()))


def over_leaves(z: Mapping[str, float]) -> Point:
    """A point by the probability of each leaf."""
    return Point(leaves=tuple(z.items()))


def loss(name: str, **options: Any) -> LossChoice:
    """A loss with options."""
    return LossChoice.of(name, options)
