"""The description of a figure of the paper: groups, claims with their rules, and the size of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

SizeName = Literal["quick", "full"]
TreeRole = Literal["base", "adversarial", "binary", "wide"]
Need = Literal["confusion", "classes", "outputs", "timing"]


@dataclass(frozen=True)
class GroupSpec:
    """What is trained, apart from data set and seed.

    Attributes:
        name: the name in results; two groups with the same name are the same group.
        loss: the name of the loss.
        tree: which of the data set's trees is used.
        options: the options of the loss.
        values: further fields of `RunConfig`, in addition to those of the size.
        seeds: the number of seeds by size, where it differs from the size's.
        epochs: the number of epochs by size, where it differs from the size's.
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
    """One observation of the paper and the rule that judges it here; `judge` applies the rules."""

    text: str
    rule: str


@dataclass(frozen=True)
class Figure:
    """One row of the table of the paper's experiments.

    Attributes:
        id: the name on the command line and in files.
        names: the paper's names for it; `find` accepts each of them.
        title, question: texts for the user.
        saw: what the paper observed, in words.
        groups: what is trained; the others are compared with the first one.
        claims: what is judged.
        needs: what is read from the runs in addition to test metrics and curves.
        limits: what a size cannot show.
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
        name: the name of the preset.
        seeds, epochs: the numbers for a group that does not set its own.
        step_epochs: the number of epochs between two steps of the learning rate.
        most_seeds, most_epochs: upper limits for every group; None if the preset is unchanged.
    """

    name: SizeName
    seeds: int
    epochs: int
    step_epochs: int
    most_seeds: int | None = None
    most_epochs: int | None = None

    def seeds_of(self, group: GroupSpec) -> range:
        """Return the seeds of a group."""
        wanted = group.seeds.get(self.name, self.seeds)
        return range(wanted if self.most_seeds is None else min(wanted, self.most_seeds))

    def epochs_of(self, group: GroupSpec) -> int:
        """Return the number of epochs of each run of a group."""
        wanted = group.epochs.get(self.name, self.epochs)
        return wanted if self.most_epochs is None else min(wanted, self.most_epochs)

    def cut(self, seeds: int | None, epochs: int | None) -> Size:
        """Return this size with at most the given numbers of seeds and epochs."""
        return replace(self, most_seeds=seeds, most_epochs=epochs)

    @property
    def is_cut(self) -> bool:
        """Whether less may be trained than the preset asks for."""
        return self.most_seeds is not None or self.most_epochs is not None


# The paper trained about 40 epochs and multiplied the rate by 0.8 every 5. Quick has a step every epoch, so that its
# few epochs have a falling rate as well.
SIZES: Mapping[SizeName, Size] = {
    "quick": Size("quick", seeds=3, epochs=5, step_epochs=1),
    "full": Size("full", seeds=5, epochs=40, step_epochs=5),
}
