"""A tree over class names by what WordNet says they are kinds of, with the senses that were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hierapp.errors import TreeError, some
from hierapp.trees.edits import Children, made_of
from hierapp.trees.names import free_name
from hierapp.trees.tree import LabelTree
from hierapp.trees.wordnet import Sense, Synset, WordNet

RARER = 0.6  # the weight of each sense relative to the next more frequent one


@dataclass(frozen=True)
class WordNetProposal:
    """A proposed tree.

    Attributes:
        tree: its leaves are the classes; chains of single children are collapsed.
        senses: the sense of each class; None if WordNet has none, and the class is directly below the root.
        choices: for each class the senses that it may have, the most frequent one first.
    """

    tree: LabelTree
    senses: Mapping[str, Sense | None]
    choices: Mapping[str, Sequence[Sense]]

    @property
    def unknown(self) -> list[str]:
        """The classes that WordNet does not have."""
        return [name for name, sense in self.senses.items() if sense is None]


def by_wordnet(classes: Sequence[str], wordnet: WordNet, chosen: Mapping[str, str] | None = None) -> WordNetProposal:
    """Propose a tree of the main hypernyms of the classes.

    The sense of a class is that which shares most with the other classes: of a path from the most general synset, the
    mean over its nodes of the number of other classes with a sense below them, with a smaller weight for rarer senses.
    So "orange" is a fruit among fruits, and a color among colors.

    Args:
        classes: two or more different names.
        wordnet: the dictionary.
        chosen: the sense of some classes, such as {"orange": "orange.n.01"}.

    Raises:
        TreeError: if a chosen sense does not exist, its class does not, or WordNet has fewer than two of the classes.
    """
    wanted = dict(chosen or {})
    if strange := sorted(set(wanted) - set(classes)):
        raise TreeError(f"Senses are given for {some(strange)}, which are not among the classes; give class=word.n.01.")
    choices = {name: wordnet.senses(name) for name in classes}
    senses: dict[str, Sense | None] = {
        name: wordnet.sense(wanted[name]) if name in wanted else None for name in classes
    }
    paths = _paths(wordnet, choices, senses)
    below = Counter(place for ways in paths.values() for place in {node.offset for way in ways for node in way})
    for name, options in choices.items():
        if name not in wanted and options:
            scores = [
                RARER**rank * sum(below[node.offset] - 1 for node in way) / len(way)
                for rank, way in enumerate(paths[name])
            ]
            senses[name] = options[scores.index(max(scores))]
    known = {name: wordnet.path(sense.synset) for name, sense in senses.items() if sense is not None}
    if len(known) < 2:
        raise TreeError(
            f"WordNet has fewer than two of the {len(classes)} classes; choose another way, or give their senses."
        )
    return WordNetProposal(_tree(classes, known), senses, choices)


def _paths(
    wordnet: WordNet, choices: Mapping[str, Sequence[Sense]], senses: Mapping[str, Sense | None]
) -> dict[str, list[list[Synset]]]:
    """Return for each class the paths of its senses, or that of the chosen one."""
    found = {}
    for name, options in choices.items():
        given = senses[name]
        found[name] = [wordnet.path(each.synset) for each in ([given] if given else options)]
    return found


def _tree(classes: Sequence[str], paths: Mapping[str, Sequence[Synset]]) -> LabelTree:
    """Join the paths; a synset that only one child or class is below is left out."""
    branches: dict[int, dict[int, None]] = {}
    classes_at: dict[int, list[str]] = {}
    synsets: dict[int, Synset] = {}
    for name in classes:
        path = paths.get(name, ())
        for above, node in pairwise(path):
            branches.setdefault(above.offset, {})[node.offset] = None
        synsets |= {node.offset: node for node in path}
        if path:
            classes_at.setdefault(path[-1].offset, []).append(name)
    tops = list(dict.fromkeys(path[0].offset for path in paths.values()))
    below: Children = {name: [] for name in classes}

    def joined(offset: int) -> str:
        """Return the name of the lowest node with everything that is below this synset."""
        names = [*classes_at.get(offset, []), *(joined(child) for child in branches.get(offset, {}))]
        return names[0] if len(names) == 1 else made(synsets[offset].words[0].replace("_", " "), names)

    def made(name: str, names: list[str]) -> str:
        free = free_name(below, name)
        below[free] = names
        return free

    roots = [joined(top) for top in tops]
    unknown = [name for name in classes if name not in paths]
    if len(roots) == 1 and not unknown:
        return made_of(roots[0], below)
    if len(roots) == 1 and roots[0] not in classes:
        below[roots[0]] += unknown
        return made_of(roots[0], below)
    return made_of(made("root", [*roots, *unknown]), below)
