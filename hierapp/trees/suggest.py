"""Propose a tree over the classes of a new data set, without training.

The first source with information is used: an order of the classes, their folders, common words in their names, their
mean pictures. All methods are simple and deterministic; the result is a starting point for manual edits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError
from hierapp.trees import generators
from hierapp.trees.edits import Children, made_of
from hierapp.trees.names import free_name
from hierapp.trees.tree import LabelTree

SHARE_OF_WORDS = 0.5  # of the classes that must share a word with another class
MOST_CLUSTERED = 20_000  # classes whose means are clustered; half of their pairs are in memory
FILLERS = {"and", "of", "the", "with", "or", "in", "on", "a", "an"}


@dataclass(frozen=True)
class Proposal:
    """The tree, and one sentence on how it was derived."""

    tree: LabelTree
    how: str


def propose(
    classes: Sequence[str],
    groups: Sequence[Sequence[str]],
    means: ArrayLike,
    ordinal: bool = False,
    noun: str = "image",
) -> Proposal:
    """Propose a tree whose leaves are the classes.

    Args:
        classes: the names of the L classes, L >= 2.
        groups: for each class the names of its parent folders, from the top; empty if there are none.
        means: [L, features], the mean picture of each class.
        ordinal: whether the order of the classes has a meaning; neighbors are then grouped.
        noun: what the classes consist of, for the sentence.

    >>> propose(["cat", "dog", "car"], [["animal"], ["animal"], ["thing"]], [[0], [0], [0]]).tree.nodes
    ('root', 'animal', 'cat', 'dog', 'thing', 'car')
    """
    if ordinal:
        return Proposal(by_order(classes), "From the order of the classes: neighboring classes are grouped.")
    if (tree := by_folders(classes, groups)) is not None:
        return Proposal(tree, "From the folders that contain the class folders.")
    if (tree := by_words(classes)) is not None:
        return Proposal(tree, "From words that the class names share.")
    if (tree := by_looks(classes, means)) is not None:
        return Proposal(
            tree, f"From the mean {noun}s of the classes, by Ward's clustering: classes that look similar are grouped."
        )
    return Proposal(generators.flat(classes), "Flat: there is no information about which classes belong together.")


def by_order(classes: Sequence[str]) -> LabelTree:
    """Create a binary tree that halves the classes in their order; nodes are named after their first and last class.

    >>> by_order(["0-9", "10-19", "20-29"]).nodes
    ('root', '0-9 to 10-19', '0-9', '10-19', '20-29')
    """
    below: Children = {name: [] for name in classes}

    def node(part: Sequence[str]) -> str:
        if len(part) == 1:
            return part[0]
        name = free_name(below, f"{part[0]} to {part[-1]}" if len(part) < len(classes) else "root")
        below[name] = []
        middle = (len(part) + 1) // 2
        below[name] = [node(part[:middle]), node(part[middle:])]
        return name

    return made_of(node(list(classes)), below)


def by_folders(classes: Sequence[str], groups: Sequence[Sequence[str]]) -> LabelTree | None:
    """Return the hierarchy of the folders, without folders that contain all classes; None if no folders are left."""
    if len({tuple(group) for group in groups}) < 2:
        return None
    around = 0
    while len({tuple(group[: around + 1]) for group in groups}) == 1:
        around += 1
    groups = [group[around:] for group in groups]
    below: Children = {name: [] for name in classes}
    node_of: dict[tuple[str, ...], str] = {
        (): free_name([*classes, *(each for group in groups for each in group)], "root")
    }
    below[node_of[()]] = []
    for name, group in zip(classes, groups, strict=True):
        for depth in range(1, len(group) + 1):
            path = tuple(group[:depth])
            if path not in node_of:
                node_of[path] = free_name(below, path[-1])
                below[node_of[path]] = []
                below[node_of[path[:-1]]].append(node_of[path])
        below[node_of[tuple(group)]].append(name)
    return made_of(node_of[()], below)


def by_words(classes: Sequence[str]) -> LabelTree | None:
    """Group classes by a common word in their names; None if fewer than half of them share one.

    Each class goes to its most common word, in case of a tie to the last in its name ("oak tree": tree). Words that all
    classes have are ignored. The remaining classes are directly below the root.

    >>> by_words(["oak_tree", "pine_tree", "cat"]).nodes
    ('root', 'tree', 'oak_tree', 'pine_tree', 'cat')
    """
    words = [_words(name) for name in classes]
    count = Counter(word for each in words for word in set(each))
    telling = {word: times for word, times in count.items() if 1 < times < len(classes)}
    chosen = [
        max(((telling[word], place, word) for place, word in enumerate(each) if word in telling), default=None)
        for each in words
    ]
    times = Counter(best[2] for best in chosen if best)
    group_of = [best[2] if best and times[best[2]] > 1 else None for best in chosen]
    if sum(group is not None for group in group_of) < SHARE_OF_WORDS * len(classes) or not times:
        return None
    if len(set(group_of)) < 2:
        return None
    return _grouped(classes, group_of)


def by_looks(classes: Sequence[str], means: ArrayLike) -> LabelTree | None:
    """Create two levels: about sqrt(L) groups of classes with similar mean pictures, by Ward's linkage (scipy).

    None for fewer than three classes, and for more than `MOST_CLUSTERED`, whose pairs do not fit into memory.
    """
    rows = np.asarray(means, np.float64)
    if rows.ndim != 2 or len(rows) != len(classes):
        raise TreeError(f"Expected a row of means for each of {len(classes)} classes but got {list(rows.shape)}.")
    if not 3 <= len(classes) <= MOST_CLUSTERED:
        return None
    from scipy.cluster.hierarchy import fcluster, linkage

    cluster = fcluster(linkage(rows, "ward"), max(2, round(len(classes) ** 0.5)), "maxclust").tolist()
    sizes = Counter(cluster)
    number = {each: f"group {i}" for i, each in enumerate((c for c in dict.fromkeys(cluster) if sizes[c] > 1), 1)}
    if len(sizes) < 2 or not number:
        return None
    return _grouped(classes, [number.get(each) for each in cluster])


def by_similarity(classes: Sequence[str], similarity: ArrayLike) -> LabelTree | None:
    """Create two levels: about sqrt(L) groups of similar classes, by Ward's linkage (scipy).

    Similarities are taken as cosines: the distance is sqrt(2 - 2 s). A group is named after a word that all its
    classes have, or after its most central class. None for fewer than three classes.

    Args:
        classes: the names of the L classes.
        similarity: [L, L], at most 1 where classes are alike; asymmetric values are averaged.

    >>> near = [[1, 0.9, 0.1, 0], [0.9, 1, 0, 0.1], [0.1, 0, 1, 0.8], [0, 0.1, 0.8, 1]]
    >>> by_similarity(["cat", "dog", "fire truck", "truck"], near).nodes
    ('root', 'like cat', 'cat', 'dog', 'truck 2', 'fire truck', 'truck')
    """
    given = np.asarray(similarity, np.float64)
    if given.shape != (len(classes), len(classes)):
        raise TreeError(f"Expected similarities [{len(classes)}, {len(classes)}] but got {list(given.shape)}.")
    if len(classes) < 3:
        return None
    from scipy.cluster.hierarchy import fcluster, linkage

    near = (given + given.T) / 2
    above = np.triu_indices(len(classes), 1)
    distances = np.sqrt(2 * (near.max() - near[above]))
    cluster = fcluster(linkage(distances, "ward"), max(2, round(len(classes) ** 0.5)), "maxclust").tolist()
    members = {each: [place for place, c in enumerate(cluster) if c == each] for each in dict.fromkeys(cluster)}
    if len(members) < 2:
        return None
    names = {each: _name(classes, places, near) for each, places in members.items() if len(places) > 1}
    return _grouped(classes, [names.get(each) for each in cluster])


def _name(classes: Sequence[str], places: Sequence[int], near: NDArray[np.float64]) -> str:
    """Return a word that all these classes have, or "like" and the most similar class to the others."""
    common = set.intersection(*(set(_words(classes[place])) for place in places))
    if common:
        return max(_words(classes[places[0]]), key=lambda word: word in common)
    return f"like {classes[places[int(near[np.ix_(places, places)].sum(1).argmax())]]}"


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, also from camelCase, without numbers and filler words."""
    found = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[^\W\d_]+", name)
    return [word for each in found if len(word := each.lower()) > 1 and word not in FILLERS]


def _grouped(classes: Sequence[str], group_of: Sequence[str | None]) -> LabelTree:
    """Create two levels: each group at the place of its first class, classes without a group below the root."""
    below: Children = {name: [] for name in classes}
    root = free_name([*classes, *(group for group in group_of if group)], "root")
    below[root] = []
    node_of: dict[str, str] = {}
    for name, group in zip(classes, group_of, strict=True):
        if group is None:
            below[root].append(name)
            continue
        if group not in node_of:
            node_of[group] = free_name(below, group)
            below[node_of[group]] = []
            below[root].append(node_of[group])
        below[node_of[group]].append(name)
    return made_of(root, below)
