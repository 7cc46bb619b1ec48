"""Every loss by its definition, node by node and slowly; and the settings that the tests walk through."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor

from hierapp import LabelTree
from hierapp.losses import LOSSES
from hierapp.losses.base import TreeLoss

ANIMALS = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "vehicle"), ("vehicle", "truck")]
)
RAGGED = LabelTree.from_edges([("root", "A"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c"), ("root", "d")])
UNIFORM = LabelTree.from_edges([("root", "x"), ("root", "y"), ("x", "a"), ("x", "b"), ("y", "c")])
CHOSEN = [
    ("cross-entropy", {}),
    ("cross-entropy", {"label_smoothing": 0.2}),
    ("regularized-cross-entropy", {"penalty": 0.7}),
    ("hierarchical", {}),
    ("hierarchical", {"targets": "leaf", "mass": 0.0}),
    ("hierarchical", {"mass": 0.3, "soft": 0.4}),
    ("hierarchical", {"soft": 0.4, "soft_reduction": "sum"}),
    ("hierarchical-convex", {}),
    ("hierarchical-convex", {"soft": 2.0}),
    ("hierarchical-convex", {"soft": 2.0, "soft_reduction": "sum"}),
    ("conditional", {}),
    ("hxe", {}),
    ("hxe", {"alpha": 0.7, "normalize": False}),
    ("hxe", {"alpha": 0.6, "decay": "height"}),
    ("hxe", {"alpha": 0.5, "parametrization": "conditional"}),
    ("hxe", {"alpha": 0.5, "parametrization": "conditional", "normalize": False}),
    ("soft-labels", {}),
    ("soft-labels", {"beta": 1.5, "distance": "lca-depth"}),
    ("soft-labels", {"beta": 3.0, "distance": "edges"}),
    ("simloss", {}),
    ("simloss", {"lower_bound": 0.4}),
    ("tree-wasserstein", {}),
    ("level-wise", {}),
    # One weight a level: made to fit the tree by `options_for`.
    ("level-wise", {"weights": "falling"}),
    ("level-wise", {"weights": "geometric"}),
    ("softmax-margin", {}),
    ("softmax-margin", {"tau": 0.7, "margin": "depth"}),
    ("softmax-margin", {"tau": 0.0}),
    ("tree-min-focal", {}),
    ("tree-min-focal", {"gamma": 0.0}),
    ("frame", {}),
    ("frame", {"gamma": 0.5}),
    # Class priors that fit the tree, too.
    ("cross-entropy", {"tau": 1.0, "prior": "falling"}),
    ("conditional", {"tau": 0.7, "prior": "falling"}),
]


def settings_of(names: Iterable[str]) -> list[tuple[str, dict]]:
    """The chosen settings of some losses; the defaults for a loss that has none."""
    known = {name for name, _ in CHOSEN}
    return [each for each in CHOSEN if each[0] in names] + [(name, {}) for name in names if name not in known]


SETTINGS = settings_of(LOSSES)


def options_for(tree: LabelTree, options: dict) -> dict:
    """The options with weights and priors made to fit the tree."""
    sizes = {"weights": int(tree.depth.max()) - 1, "prior": len(tree.leaves)}
    fitting = {
        name: [1 / (1 + each) for each in range(sizes[name])] for name, value in options.items() if value == "falling"
    }
    return {**options, **fitting}


def sample(tree: LabelTree, loss: TreeLoss, seed: int, batch: int = 4) -> tuple[Tensor, Tensor]:
    """Logits and hard targets in float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, loss.num_outputs, generator=generator, dtype=torch.float64)
    return logits, torch.randint(len(tree.leaves), (batch,), generator=generator)


def literal(name: str, tree: LabelTree, row: Tensor, leaf: int, options: dict) -> Tensor:
    """The loss of one sample, logits [C] and a true leaf."""
    return DEFINITIONS[name](tree, row, leaf, **options)


# The tree, by names.


def parent_of(tree: LabelTree, name: str) -> str | None:
    above = int(tree.parents[tree.nodes.index(name)])
    return tree.nodes[above] if above >= 0 else None


def path_names(tree: LabelTree, name: str) -> list[str]:
    path = [name]
    while (above := parent_of(tree, path[-1])) is not None:
        path.append(above)
    return path[::-1]


def children_of(tree: LabelTree, name: str) -> list[str]:
    return [tree.nodes[child] for child in tree.children[tree.nodes.index(name)]]


def leaves_below(tree: LabelTree, name: str) -> list[int]:
    return [i for i, leaf in enumerate(tree.leaves) if name in path_names(tree, leaf)]


def distance(tree: LabelTree, first: str, second: str, kind: str) -> int:
    one, other = path_names(tree, first), path_names(tree, second)
    common = [a for a, b in zip(one, other, strict=False) if a == b]
    if kind == "lca-height":
        return max(len(path_names(tree, tree.leaves[i])) for i in leaves_below(tree, common[-1])) - len(common)
    if kind == "edges":
        return len(one) + len(other) - 2 * len(common)
    return max(len(one), len(other)) - len(common)


def largest(tree: LabelTree, kind: str) -> int:
    return max(1, *(distance(tree, a, b, kind) for a in tree.leaves for b in tree.leaves))


# The definitions.


def conditionals(tree: LabelTree, row: Tensor) -> dict[str, Tensor]:
    """p(v) by name from the logits of a conditional head."""
    p = {tree.nodes[0]: row.new_ones(())}
    for below in tree.children:
        if below:
            for child, value in zip(below, torch.softmax(torch.stack([row[c - 1] for c in below]), 0), strict=True):
                p[tree.nodes[child]] = value
    return p


def masses(tree: LabelTree, row: Tensor) -> dict[str, Tensor]:
    """z(v) by name from the logits of a flat head."""
    p = torch.softmax(row, 0)
    return {name: sum(p[i] for i in leaves_below(tree, name)) for name in tree.nodes}


def node_probability(tree: LabelTree, p: dict[str, Tensor], name: str) -> Tensor:
    z = p[name]
    while (above := parent_of(tree, name)) is not None:
        name = above
        z = z * p[name]
    return z


def cross_entropy(tree, row, leaf, label_smoothing=0.0, tau=0.0, prior=None):
    p = torch.softmax(row + tau * log_prior(tree, prior)[tree.leaf_nodes.tolist()] if tau else row, 0)
    share = [(1 - label_smoothing) * (i == leaf) + label_smoothing / len(p) for i in range(len(p))]
    return sum(-t * value.log() for t, value in zip(share, p, strict=True))


def regularized(tree, row, leaf, penalty=0.1):
    p = torch.softmax(row, 0)
    return -p[leaf].log() + penalty * sum(value * value.log() for value in p)


def hierarchical(tree, row, leaf, targets="path", mass=1.0, soft=0.0, soft_reduction="mean"):
    p, path = conditionals(tree, row), path_names(tree, tree.leaves[leaf])
    depth = {name: position + 1 for position, name in enumerate(path)}
    value = sum(-p[node].log() * (depth[path[-1]] - depth[node] + 1 if targets == "path" else 1) for node in path[1:])
    internal = [name for name in tree.nodes if children_of(tree, name)]
    value = value + mass * sum(node_probability(tree, p, name) for name in internal)
    return value + soft * soft_labels_off_path(tree, p, path, soft_reduction, lambda name: 1)


def convex(tree, row, leaf, soft=0.0, soft_reduction="mean"):
    p, path = conditionals(tree, row), path_names(tree, tree.leaves[leaf])
    value = sum(-p[node].log() / len(path_names(tree, above)) for above, node in pairwise(path))
    return value + soft * soft_labels_off_path(
        tree, p, path, soft_reduction, lambda name: 1 / len(path_names(tree, name))
    )


def soft_labels_off_path(tree, p, path, reduction, weight):
    others = [name for name in tree.nodes if children_of(tree, name) and name not in path]
    total = 0.0
    for name in others:
        below = children_of(tree, name)
        total = total + weight(name) * sum((math.log(1 / len(below)) - p[c].log()) / len(below) for c in below)
    return total / (len(others) if others and reduction == "mean" else 1)


def log_prior(tree, prior):
    """The logarithm of each node's prior from those of the leaves."""
    below = [sum(prior[leaf] for leaf in leaves_below(tree, name)) for name in tree.nodes]
    return torch.tensor(below, dtype=torch.float64).log()


def given_parent(tree, prior):
    """log prior(v given its parent) of the nodes below the root."""
    logs = log_prior(tree, prior)
    return logs[1:] - logs[tree.parents[1:].tolist()]


def conditional(tree, row, leaf, tau=0.0, prior=None):
    row = row + tau * given_parent(tree, prior) if tau else row
    return -node_probability(tree, conditionals(tree, row), tree.leaves[leaf]).log()


def hxe(tree, row, leaf, alpha=0.1, normalize=True, parametrization="flat", decay="root"):
    deepest = max(len(path_names(tree, name)) for name in tree.nodes)
    steps = {name: len(path_names(tree, name)) - 1 for name in tree.nodes}
    apart = steps if decay == "root" else {name: deepest - 1 - count for name, count in steps.items()}
    weight = {name: math.exp(-alpha * apart[name]) for name in tree.nodes}
    if normalize:
        total = math.fsum(weight.values())
        weight = {name: value / total for name, value in weight.items()}
    if parametrization == "conditional":
        p = conditionals(tree, row)
    else:
        z = masses(tree, row)
        p = {name: z[name] / z[parent_of(tree, name)] for name in tree.nodes[1:]}
    return sum(-weight[name] * p[name].log() for name in path_names(tree, tree.leaves[leaf])[1:])


def soft_labels(tree, row, leaf, beta=10.0, distance="lca-height"):
    far = largest(tree, distance)
    each = [
        math.exp(-beta * globals()["distance"](tree, tree.leaves[leaf], other, distance) / far) for other in tree.leaves
    ]
    t = [value / sum(each) for value in each]
    return sum(share * (math.log(share) - value) for share, value in zip(t, torch.log_softmax(row, 0), strict=True))


def simloss(tree, row, leaf, lower_bound=0.0):
    p, far = torch.softmax(row, 0), largest(tree, "lca-depth")
    credit = 0.0
    for other, name in enumerate(tree.leaves):
        similarity = 1 - distance(tree, tree.leaves[leaf], name, "lca-depth") / far
        credit = credit + max(0.0, (similarity - lower_bound) / (1 - lower_bound)) * p[other]
    return -credit.log()


def tree_wasserstein(tree, row, leaf):
    z = masses(tree, row)
    return sum(abs(z[name] - float(leaf in leaves_below(tree, name))) for name in tree.nodes[1:])


def level_wise(tree, row, leaf, weights=None):
    if weights == "geometric":
        weights = [0.5**above for above in range(int(tree.depth.max()) - 1)][::-1]
    z, path, value = masses(tree, row), path_names(tree, tree.leaves[leaf]), row.new_zeros(())
    for level in range(1, int(tree.depth.max())):
        ancestor = path[min(level, len(path) - 1)]
        value = value - (weights[level - 1] if weights else 1) * z[ancestor].log()
    return value


def edges_between(tree, first, second):
    one, other = path_names(tree, first), path_names(tree, second)
    common = sum(a == b for a, b in zip(one, other, strict=False))
    return len(one) + len(other) - 2 * common


def softmax_margin(tree, row, leaf, tau=1.0, margin="incorrect"):
    y = tree.leaves[leaf]
    if margin == "depth":
        m = [edges_between(tree, y, name) for name in tree.nodes]
    else:
        m = [float(name not in path_names(tree, y)) for name in tree.nodes]
    return -row[tree.nodes.index(y)] + sum((u + tau * each).exp() for u, each in zip(row, m, strict=True)).log()


def tree_min_focal(tree, row, leaf, gamma=2.0):
    s = dict(zip(tree.nodes[1:], torch.sigmoid(row), strict=True))
    value = row.new_zeros(())
    for name in tree.nodes[1:]:
        if name in path_names(tree, tree.leaves[leaf]):
            a = min(s[each] for each in path_names(tree, name)[1:])
            value = value - (1 - a) ** gamma * a.log()
        else:
            b = max(s[each] for each in tree.nodes[1:] if name in path_names(tree, each))
            value = value - b**gamma * (1 - b).log()
    return value


def fixed_head(tree, gamma):
    """W, column by column; `test_the_frame_has_the_similarities` compares W W^T with S."""
    far = largest(tree, "lca-height")
    height = {name: max(len(path_names(tree, tree.leaves[i])) for i in leaves_below(tree, name)) for name in tree.nodes}
    height = {name: high - len(path_names(tree, name)) for name, high in height.items()}
    s = {name: math.exp(-gamma * high / far) for name, high in height.items()}
    w = torch.zeros(len(tree.leaves), len(tree.nodes), dtype=torch.float64)
    for row, leaf in enumerate(tree.leaves):
        for name in path_names(tree, leaf):
            above = parent_of(tree, name)
            w[row, tree.nodes.index(name)] = math.sqrt(s[name] - (s[above] if above else 0.0))
    return w


def frame(tree, row, leaf, gamma=3.0):
    return -torch.log_softmax(fixed_head(tree, gamma) @ row, 0)[leaf]


DEFINITIONS = {
    "cross-entropy": cross_entropy,
    "regularized-cross-entropy": regularized,
    "hierarchical": hierarchical,
    "hierarchical-convex": convex,
    "conditional": conditional,
    "hxe": hxe,
    "soft-labels": soft_labels,
    "simloss": simloss,
    "tree-wasserstein": tree_wasserstein,
    "level-wise": level_wise,
    "softmax-margin": softmax_margin,
    "tree-min-focal": tree_min_focal,
    "frame": frame,
}
