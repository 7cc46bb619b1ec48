"""What a figure of the paper is here: groups, claims with their rules, and how large a run of it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

SizeName = Literal["quick", "full"]
TreeRole = Literal["base", "adversarial", "binary", "wide"]
Need = Literal["confusion", "classes", "outputs", "timing"]


@dataclass(frozen=True)
class GroupSpec:
    """What is trained, but for data set and seed.

    Attributes:
        name: what it is called in results; two groups of one name are the same.
        loss: its name.
        tree: which of the data set's trees.
        options: of the loss.
        values: further fields of `RunConfig`, beside those of the size.
        seeds: how many, by size, where it is another number than the size's.
        epochs: likewise.
    """

    name: str
    loss: str = "hierarchical"
    tree: TreeRole = "base"
    options: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[SizeName, int] = field(default_factory=dict)
    epochs: Mapping[SizeName, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One thing that the paper saw, and by what rule it is judged here; `judge` applies the rules."""

    text: str
    rule: str


@dataclass(frozen=True)
class Figure:
    """One row of the table of the paper's experiments.

    Attributes:
        id: its name on the command line and in files.
        names: the paper's names for it, each of which finds it.
        title, question: for people.
        saw: what the paper saw, in words.
        groups: what is trained; the first one is what others are compared with.
        claims: what is judged.
        needs: what of the runs is read beside test figures and curves.
        limits: what a size cannot tell.
    """

    id: str
    names: tuple[str, ...]
    title: str
    question: str
    saw: str
    groups: tuple[GroupSpec, ...]
    claims: tuple[Claim, ...]
    needs: frozenset[Need] = frozenset()
    limits: Mapping[SizeName, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """How much is trained.

    Attributes:
        name: which preset it is.
        seeds, epochs: of a group that says nothing else.
        step_epochs: epochs between two steps of the learning rate.
        most_seeds, most_epochs: no group has more; None where the preset is as it is.
    """

    name: SizeName
    seeds: int
    epochs: int
    step_epochs: int
    most_seeds: int | None = None
    most_epochs: int | None = None

    def seeds_of(self, group: GroupSpec) -> range:
        """The seeds of a group."""
        wanted = group.seeds.get(self.name, self.seeds)
        return range(wanted if self.most_seeds is None else min(wanted, self.most_seeds))

    def epochs_of(self, group: GroupSpec) -> int:
        """The epochs of each of its runs."""
        wanted = group.epochs.get(self.name, self.epochs)
        return wanted if self.most_epochs is None else min(wanted, self.most_epochs)

    def cut(self, seeds: int | None, epochs: int | None) -> Size:
        """The same with at most so many seeds and epochs."""
        return replace(self, most_seeds=seeds, most_epochs=epochs)

    @property
    def is_cut(self) -> bool:
        """Whether less may be trained than the preset asks for."""
        return self.most_seeds is not None or self.most_epochs is not None


# The paper trained some 40 epochs with the rate times 0.8 every 5. Quick has a step every epoch, so that its few
# epochs go through a falling rate as well.
SIZES: Mapping[SizeName, Size] = {
    "quick": Size("quick", seeds=3, epochs=5, step_epochs=1),
    "full": Size("full", seeds=5, epochs=40, step_epochs=5),
}
