"""Turn presets into configurations: every run of the given figures once, the cheapest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hierapp.data import registry as datasets
from hierapp.reproduction.presets import Figure, GroupSpec, Size, TreeRole
from hierapp.training import RunConfig, models
from hierapp.trees import LabelTree, generators, library as tree_library

DATA = "cifar10"  # the data set of the paper


@dataclass(frozen=True)
class Planned:
    """One run that figures ask for."""

    group: GroupSpec
    config: RunConfig

    @property
    def tree(self) -> LabelTree:
        """The tree that the run is queued with."""
        return tree_of(self.config.data, self.group.tree)


def plan(figures: Sequence[Figure], size: Size, data: str = DATA) -> list[Planned]:
    """Return the runs of these figures, each once even if several figures ask for it.

    The cheapest runs come first; runs of equal cost are ordered by seed.

    Raises:
        DatasetError: for an unknown data set.
    """
    groups = {group.name: group for figure in figures for group in figure.groups}
    found = [Planned(each, config(each, size, data, seed)) for each in groups.values() for seed in size.seeds_of(each)]
    order = list(groups)
    return sorted(found, key=lambda run: (_cost(run.config), run.config.seed, order.index(run.group.name)))


def config(group: GroupSpec, size: Size, data: str, seed: int) -> RunConfig:
    """Return a group's configuration for a seed."""
    return RunConfig.make(
        **{
            "data": data,
            "tree": tree_name(data, group.tree),
            "loss": group.loss,
            "options": dict(group.options),
            "model": "lenet",
            "epochs": size.epochs_of(group),
            "step_epochs": size.step_epochs,
            "seed": seed,
            **group.values,
        }
    )


def tree_name(data: str, role: TreeRole) -> str:
    """Return the name of a data set's tree in a role; the trees that ship for CIFAR-10 have these names."""
    base = datasets.find(data).default_tree
    return base if role == "base" else f"{base}-{role}"


def tree_of(data: str, role: TreeRole) -> LabelTree:
    """Return a data set's tree in a role: the one that ships or, if there is none, one derived from its own tree.

    >>> int(tree_of("digits", "wide").depth.max())
    3
    """
    name = tree_name(data, role)
    if role == "base" or tree_library.has(name):
        return tree_library.load(name)
    base = tree_library.load(datasets.find(data).default_tree)
    if role == "adversarial":
        return generators.adversarial(base)
    return generators.balanced(base.leaves) if role == "binary" else wide(base)


def wide(tree: LabelTree) -> LabelTree:
    """Keep the children of the root and attach all leaves directly to them."""
    root = tree.nodes[0]
    edges = []
    for path in tree.leaf_paths.tolist():
        top, leaf = path[1], path[-1]
        edges += [(root, tree.nodes[top])] + ([(tree.nodes[top], tree.nodes[leaf])] if top != leaf else [])
    return LabelTree.from_edges(list(dict.fromkeys(edges)))


def _cost(config: RunConfig) -> float:
    """Return the cost of a run, in epochs of a network as fast as LeNet."""
    return config.epochs * models.find("lenet").speed / models.find(config.model).speed
