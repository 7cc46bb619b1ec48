"""Choose among the ways in which a text can be read as a tree: the only one that gives a tree, or ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hierapp.errors import AmbiguousTreeError, DuplicateNamesError, TreeError
from hierapp.trees.assemble import Nodes
from hierapp.trees.names import disambiguated
from hierapp.trees.tree import LabelTree

# More than label trees need, and within the json module's recursion limit, so that all formats read the same trees.
MOST_LEVELS = 200


@dataclass(frozen=True)
class Reading:
    """A way to read a text.

    Attributes:
        name: words by which it is chosen, such as "edges" or "ranks header".
        label: a description for a message.
        nodes: reads the nodes; with `split`, one name may stand below several parents. Raises a TreeError.
        doubtful: whether it is only taken when it is chosen, even if there is no other.
    """

    name: str
    label: str
    nodes: Callable[[bool], Nodes]
    doubtful: bool = False

    def tree(self, disambiguate: bool) -> LabelTree:
        """Build the tree; raise a TreeError if this reading does not give one."""
        names, parents = self.nodes(disambiguate)
        return not_too_deep(LabelTree(disambiguated(names, parents) if disambiguate else names, parents))


def settle(readings: Sequence[Reading], read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    """Return the tree of the only reading that gives one.

    Args:
        readings: at least one, the most usual first.
        read_as: words of the names of the readings to consider; by default all are considered.
        disambiguate: where no reading gives a tree with distinct names, name nodes of one name by their parents.

    Raises:
        AmbiguousTreeError: if several readings give different trees, or the only one is doubtful.
        DuplicateNamesError: if there is a reading but for nodes of one name.
        TreeError: if no reading gives a tree.
    """
    chosen = readings if read_as is None else _chosen(readings, read_as)
    trees, errors = _trees(chosen, disambiguate=False)
    if not trees:
        again, _ = _trees(chosen, disambiguate=True) if _has_duplicates(errors) else ([], [])
        if disambiguate:
            trees = [each for each in again if not each[0].doubtful] or again
        elif again:
            raise _with_hint(next(error for error in errors if isinstance(error, DuplicateNamesError)))
    if not trees:
        raise _most_telling(errors)
    if len(trees) > 1 or (trees[0][0].doubtful and read_as is None):
        raise _ambiguous([reading for reading, _ in trees])
    return trees[0][1]


def not_too_deep(tree: LabelTree) -> LabelTree:
    """Return the tree; raise a TreeError if it has more than `MOST_LEVELS` levels."""
    levels = int(tree.depth.max())
    if levels > MOST_LEVELS:
        raise TreeError(f"The tree has {levels} levels; expected at most {MOST_LEVELS}: make it shallower.")
    return tree


def _chosen(readings: Sequence[Reading], read_as: str) -> list[Reading]:
    if exact := [reading for reading in readings if reading.name == read_as]:
        return exact
    words = set(read_as.lower().replace(",", " ").split())
    chosen = [reading for reading in readings if words and words <= set(reading.name.split())]
    if not chosen:
        names = ", ".join(dict.fromkeys(repr(reading.name) for reading in readings))
        raise TreeError(f"This text cannot be read as {read_as!r}; choose one of {names}.")
    return chosen


def _trees(readings: Sequence[Reading], disambiguate: bool) -> tuple[list[tuple[Reading, LabelTree]], list[TreeError]]:
    """Return the readings that give different trees, and the errors of the others."""
    found: dict[frozenset[tuple[str, str]], tuple[Reading, LabelTree]] = {}
    errors = []
    for reading in readings:
        try:
            tree = reading.tree(disambiguate)
        except TreeError as error:
            errors.append(error)
            continue
        edges = frozenset((tree.nodes[p], tree.nodes[i]) for i, p in enumerate(tree.parents.tolist()) if p >= 0)
        if edges not in found or (found[edges][0].doubtful and not reading.doubtful):
            found[edges] = reading, tree
    return list(found.values()), errors


def _has_duplicates(errors: Sequence[TreeError]) -> bool:
    return any(isinstance(error, DuplicateNamesError) for error in errors)


def _with_hint(error: DuplicateNamesError) -> DuplicateNamesError:
    hint = "disambiguate=True, or --disambiguate on the command line, adds these names"
    return DuplicateNamesError(f"{str(error).removesuffix('.')} ({hint}).", error.offered)


def _most_telling(errors: Sequence[TreeError]) -> TreeError:
    return next((error for error in errors if isinstance(error, DuplicateNamesError)), errors[0])


def _ambiguous(readings: Sequence[Reading]) -> AmbiguousTreeError:
    usual = [reading for reading in readings if not reading.doubtful]
    ways = {reading.name: reading.label for reading in (usual if len(usual) > 1 else readings)}
    first = next(iter(ways))
    listed = "; ".join(f"{name!r}: {label}" for name, label in ways.items())
    what = (
        f"The text can be read in {len(ways)} ways"
        if len(ways) > 1
        else "The usual readings of the text do not give a tree, but another one does"
    )
    return AmbiguousTreeError(
        f"{what}, {listed}; choose one with read_as={first!r}, or --as {first!r} on the command line.", ways
    )
