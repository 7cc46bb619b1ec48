"""Compare proposed trees with the shipped ones: `python -m benchmarks.proposals`.

For each data set that is ready and each way: the share of the shipped tree's pairs of siblings that are siblings in the
proposal too, and the mean distance (lca-depth, in the shipped tree) between two classes of a group of the proposal,
beside the mean distance between any two classes. Nothing is random.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from hierapp.data import registry, tree_proposals
from hierapp.errors import HierappError
from hierapp.trees import LabelTree, library


def siblings(tree: LabelTree) -> set[frozenset[str]]:
    """Return the pairs of leaves with the same parent below the root."""
    parent = {tree.nodes[leaf]: int(tree.parents[leaf]) for leaf in tree.leaf_nodes.tolist()}
    return {frozenset(pair) for pair in combinations(tree.leaves, 2) if parent[pair[0]] == parent[pair[1]] != 0}


def main() -> None:
    print("data set | way | groups | siblings of the shipped tree | mean distance within groups (any two classes)")
    for name in registry.DATASETS:
        data = registry.find(name)
        shipped = library.load(data.default_tree)
        if not siblings(shipped):
            continue
        distances = shipped.distances("lca-depth")
        place = {leaf: number for number, leaf in enumerate(shipped.leaves)}
        anyone = distances[np.triu_indices(len(place), 1)].mean()
        for way in tree_proposals.WAYS:
            try:
                tree = tree_proposals.propose(way, data.class_names, name)
            except HierappError as error:
                print(f"{name} | {way} | {error}")
                continue
            found = siblings(tree)
            shared = len(found & siblings(shipped)) / len(siblings(shipped))
            within = np.mean([distances[*(place[each] for each in pair)] for pair in found]) if found else np.nan
            groups = sum(bool(tree.children[node]) for node in range(1, len(tree.nodes)))
            print(f"{name} | {way} | {groups} | {shared:.2f} | {within:.2f} ({anyone:.2f})", flush=True)


if __name__ == "__main__":
    main()
