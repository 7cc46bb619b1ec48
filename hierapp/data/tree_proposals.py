"""Label trees proposed for the classes of a data set, or for a list of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierapp.data import registry, wordnet_files
from hierapp.errors import ConfigError, TreeError
from hierapp.similarities import embeddings, library as similarity_library
from hierapp.trees import LabelTree, suggest
from hierapp.trees.wordnet_tree import WordNetProposal, by_wordnet

_CHUNK = 1024  # samples


@dataclass(frozen=True)
class Way:
    """A way to propose a tree.

    Attributes:
        words: what it uses, for a list of ways.
        tree: the tree from the classes and the data set's name, if any; None if it has too little information.
        needs_data: whether it reads samples.
    """

    words: str
    tree: Callable[[Sequence[str], str | None], LabelTree | None]
    needs_data: bool = False


def propose(
    by: str, classes: Sequence[str], data: str | None = None, senses: Mapping[str, str] | None = None
) -> LabelTree:
    """Return a tree whose leaves are the classes.

    Args:
        by: a key of `WAYS`.
        classes: the names of the classes.
        data: the data set that has them; without it, `classes` are only names.
        senses: for "wordnet" the senses of some classes, such as {"orange": "orange.n.01"}.

    Raises:
        ConfigError: if there is no such way, or an extra that it needs is not installed.
        DatasetError: if the data set is not there.
        TreeError: if the names are not those of a tree's leaves, or say too little about which classes belong together.

    >>> propose("words", ["oak_tree", "pine_tree", "cat"]).nodes
    ('root', 'tree', 'oak_tree', 'pine_tree', 'cat')
    """
    if by not in WAYS:
        raise ConfigError(f"There is no proposal by {by[:60]!r}; choose one of {', '.join(WAYS)}.")
    way = WAYS[by]
    if way.needs_data and data is None:
        raise ConfigError(f"A proposal by {by} reads samples; name a data set with these classes.")
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise TreeError(f"Expected two or more different class names but got {len(classes)}.")
    if senses and by != "wordnet":
        raise ConfigError(f"A proposal by {by} has no senses; give them for wordnet.")
    tree = with_senses(classes, senses).tree if senses else way.tree(classes, data)
    if tree is None:
        raise TreeError(f"These {len(classes)} classes say too little for a proposal by {by}; choose another way.")
    return tree


def with_senses(classes: Sequence[str], senses: Mapping[str, str] | None = None) -> WordNetProposal:
    """Propose a tree by WordNet, with the senses that were chosen; see `by_wordnet`.

    Raises:
        DatasetError: if the dictionary is not on this machine.
        TreeError: as `by_wordnet`.
    """
    return by_wordnet(classes, wordnet_files.load(), senses)


def _by_names(classes: Sequence[str], data: str | None) -> LabelTree | None:
    shipped = f"{data}-names"
    if data is not None and shipped in {entry.name for entry in similarity_library.entries(data) if entry.shipped}:
        matrix = similarity_library.load(shipped).over(classes)  # needs no language model
    else:
        matrix = embeddings.of_names(classes).matrix
    return suggest.by_similarity(classes, matrix)


def _by_looks(classes: Sequence[str], data: str | None) -> LabelTree | None:
    assert data is not None
    inputs, labels = registry.arrays(data, "train")
    place = {name: number for number, name in enumerate(classes)}
    class_of = np.array([place.get(name, -1) for name in registry.find(data).label_names])
    if labels.ndim == 3:
        return suggest.by_looks(classes, _mean_colors(inputs, labels, class_of, len(classes)))
    return suggest.by_looks(classes, _means(inputs, class_of[labels], len(classes)))


def _means(inputs: NDArray[np.generic], places: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return the mean of each class's samples, [classes, values]; samples with a negative place are left out."""
    sums = np.zeros((classes, int(np.prod(inputs.shape[1:]))))
    for start in range(0, len(inputs), _CHUNK):
        part, rows = places[start : start + _CHUNK], inputs[start : start + _CHUNK]
        np.add.at(sums, part[part >= 0], rows[part >= 0].reshape(-1, sums.shape[1]).astype(np.float64))
    counts = np.bincount(places[places >= 0], minlength=classes)
    if not counts.all():
        raise TreeError("Some classes have no training samples of their own; choose another way.")
    means: NDArray[np.float64] = sums / counts[:, None]
    return means


def _mean_colors(
    images: NDArray[np.generic], maps: NDArray[np.integer], class_of: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return the mean color of each class's pixels in images with label maps, [classes, channels]."""
    colors = np.zeros((classes, images.shape[-1]))
    counts = np.zeros(classes)
    places = np.append(class_of, -1)  # void
    for image, labels in zip(images, maps, strict=True):
        own = places[np.minimum(labels.astype(np.int64), len(class_of))]
        known = own >= 0
        counts += np.bincount(own[known], minlength=classes)
        for channel in range(images.shape[-1]):
            colors[:, channel] += np.bincount(own[known], image[..., channel][known], classes)
    if not counts.all():
        raise TreeError("Some classes have no training pixels of their own; choose another way.")
    means: NDArray[np.float64] = colors / counts[:, None]
    return means


WAYS = {
    "names": Way("the meaning of the class names, by a language model", _by_names),
    "words": Way("words that the class names share", lambda classes, data: suggest.by_words(classes)),
    "wordnet": Way("what WordNet says that they are kinds of", lambda classes, data: with_senses(classes).tree),
    "looks": Way("the mean training sample of each class", _by_looks, needs_data=True),
    "order": Way("the order of the classes", lambda classes, data: suggest.by_order(classes)),
}
