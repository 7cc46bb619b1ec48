"""Every loss for a coarse label by its definition, node by node and slowly."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from hierapp import LabelTree
from tests.losses import literal
from tests.losses.literal import (
    children_of,
    conditionals,
    distance,
    largest,
    leaves_below,
    masses,
    node_probability,
    parent_of,
    path_names,
)


def coarse(name: str, tree: LabelTree, row: Tensor, node: int, options: dict) -> Tensor:
    """The loss of one sample, logits [C] and the node that is its label."""
    return DEFINITIONS[name](tree, row, tree.nodes[node], **options)


def cross_entropy(tree, row, node, label_smoothing=0.0, tau=0.0, prior=None):
    row = row + tau * literal.log_prior(tree, prior)[tree.leaf_nodes.tolist()] if tau else row
    spread = -torch.log_softmax(row, 0).mean()
    return -(1 - label_smoothing) * masses(tree, row)[node].log() + label_smoothing * spread


def regularized(tree, row, node, penalty=0.1):
    p = torch.softmax(row, 0)
    return -masses(tree, row)[node].log() + penalty * (p * p.log()).sum()


def hierarchical(tree, row, node, targets="path", mass=1.0, soft=0.0, soft_reduction="mean"):
    p, path = conditionals(tree, row), path_names(tree, node)
    value = row.new_zeros(())
    for number, name in enumerate(path[1:], start=2):
        value = value - (len(path) - number + 1 if targets == "path" else 1) * p[name].log()
    internal = [name for name in tree.nodes if children_of(tree, name)]
    value = value + mass * sum(node_probability(tree, p, name) for name in internal)
    return value + soft * off_path(tree, p, node, soft_reduction, lambda name: 1)


def convex(tree, row, node, soft=0.0, soft_reduction="mean"):
    p = conditionals(tree, row)
    value = row.new_zeros(())
    for above, name in pairwise(path_names(tree, node)):
        value = value - p[name].log() / len(path_names(tree, above))
    return value + soft * off_path(tree, p, node, soft_reduction, lambda name: 1 / len(path_names(tree, name)))


def off_path(tree, p, node, reduction, weight):
    """As for leaves, and nodes in the subtree of the label may be on the true path."""
    path = path_names(tree, node)
    off = [name for name in tree.nodes if children_of(tree, name) and name not in path]
    off = [name for name in off if node not in path_names(tree, name)]
    total = 0.0
    for name in off:
        below = children_of(tree, name)
        total = total + weight(name) * sum((math.log(1 / len(below)) - p[c].log()) / len(below) for c in below)
    return total / (len(off) if off and reduction == "mean" else 1)


def conditional(tree, row, node, tau=0.0, prior=None):
    row = row + tau * literal.given_parent(tree, prior) if tau else row
    return -node_probability(tree, conditionals(tree, row), node).log()


def hxe(tree, row, node, alpha=0.1, normalize=True, parametrization="flat", decay="root"):
    deepest = max(len(path_names(tree, name)) for name in tree.nodes)
    steps = {name: len(path_names(tree, name)) - 1 for name in tree.nodes}
    apart = steps if decay == "root" else {name: deepest - 1 - count for name, count in steps.items()}
    weight = {name: math.exp(-alpha * apart[name]) for name in tree.nodes}
    total = math.fsum(weight.values()) if normalize else 1.0
    if parametrization == "conditional":
        p = conditionals(tree, row)
    else:
        z = masses(tree, row)
        p = {name: z[name] / z[parent_of(tree, name)] for name in tree.nodes[1:]}
    value = row.new_zeros(())
    for name in path_names(tree, node)[1:]:
        value = value - weight[name] / total * p[name].log()
    return value


def soft_labels(tree, row, node, beta=10.0, distance="lca-height"):
    far, t = largest(tree, distance), torch.zeros(len(tree.leaves), dtype=row.dtype)
    below = leaves_below(tree, node)
    for leaf in below:
        apart = [literal.distance(tree, tree.leaves[leaf], other, distance) for other in tree.leaves]
        t = t + torch.softmax(-beta / far * torch.tensor(apart, dtype=row.dtype), 0) / len(below)
    return (torch.xlogy(t, t) - t * torch.log_softmax(row, 0)).sum()


def simloss(tree, row, node, lower_bound=0.0):
    p, far, below = torch.softmax(row, 0), largest(tree, "lca-depth"), leaves_below(tree, node)
    credit = 0.0
    for leaf in below:
        for other, name in enumerate(tree.leaves):
            similarity = 1 - distance(tree, tree.leaves[leaf], name, "lca-depth") / far
            credit = credit + max(0.0, (similarity - lower_bound) / (1 - lower_bound)) * p[other] / len(below)
    return -credit.log()


def tree_wasserstein(tree, row, node):
    """What has to cross each edge on the way to the subtree; the edges in it are free."""
    z, path = masses(tree, row), path_names(tree, node)
    value = row.new_zeros(())
    for name in tree.nodes[1:]:
        if name in path:
            value = value + 1 - z[name]
        elif node not in path_names(tree, name):
            value = value + z[name]
    return value


def level_wise(tree, row, node, weights=None):
    if weights == "geometric":
        weights = [0.5**above for above in range(int(tree.depth.max()) - 1)][::-1]
    z, path, value = masses(tree, row), path_names(tree, node), row.new_zeros(())
    for level in range(1, int(tree.depth.max())):
        if level < len(path):
            ancestor = path[level]
        elif children_of(tree, node):
            break  # not observed
        else:
            ancestor = node
        value = value - (weights[level - 1] if weights else 1) * z[ancestor].log()
    return value


def softmax_margin(tree, row, node, tau=1.0, margin="incorrect"):
    """All nodes of the subtree are right."""
    right = [name for name in tree.nodes if node in path_names(tree, name)]
    total = row.new_zeros(())
    for u, name in zip(row, tree.nodes, strict=True):
        if name in right:
            m = 0
        elif margin == "depth":
            m = literal.edges_between(tree, node, name)
        else:
            m = float(name not in path_names(tree, node))
        total = total + (u + tau * m).exp()
    return total.log() - sum(row[tree.nodes.index(name)].exp() for name in right).log()


def tree_min_focal(tree, row, node, gamma=2.0):
    """Nodes below the label are not observed."""
    s = dict(zip(tree.nodes[1:], torch.sigmoid(row), strict=True))
    value = row.new_zeros(())
    for name in tree.nodes[1:]:
        if name in path_names(tree, node):
            a = min(s[each] for each in path_names(tree, name)[1:])
            value = value - (1 - a) ** gamma * a.log()
        elif node not in path_names(tree, name):
            b = max(s[each] for each in tree.nodes[1:] if name in path_names(tree, each))
            value = value - b**gamma * (1 - b).log()
    return value


def frame(tree, row, node, gamma=3.0):
    return -masses(tree, literal.fixed_head(tree, gamma) @ row)[node].log()


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
