"""Label trees: the tree, its file formats, edits, generators, and the library of shipped and saved trees."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.trees.tree import DISTANCES, DistanceKind, LabelTree
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"tree": ["DISTANCES", "DistanceKind", "LabelTree"]})

__all__ = [
    "DISTANCES",
    "DistanceKind",
    "LabelTree",
    "diff",
    "distances",
    "drafts",
    "edits",
    "formats",
    "generators",
    "library",
    "suggest",
    "text",
]
