"""Headers of tables of trees: which words name a column of parents, of children, of ranks."""

from __future__ import annotations

import re
from collections.abc import Sequence

PARENT_WORDS = {
    "parent", "parents", "parent name", "parent id", "parentid", "parent node", "parent class", "source", "src",
    "from",    "hypernym", "broader", "is a",
}  # fmt: skip
CHILD_WORDS = {
    "child", "children", "child name", "child id", "childid", "child node", "child class", "target", "dst", "to",
    "hyponym", "narrower",
}  # fmt: skip
NODE_WORDS = {"name", "node", "node name", "label", "class", "class name", "concept", "term", "title", "category"}
ID_WORDS = {"id", "node id", "key", "class id", "index"}
# Columns of ranks by height: the smaller number is nearer to the root.
BIOLOGY = (
    "domain", "superkingdom", "kingdom", "subkingdom", "phylum", "division", "subphylum", "superclass",
    "class", "subclass", "superorder", "order", "suborder", "superfamily", "family", "subfamily", "tribe", "genus",
    "subgenus", "species", "subspecies", "variety",
)  # fmt: skip
GENERAL = {
    **dict.fromkeys(("root", "domain", "department"), 0),
    **dict.fromkeys(("superclass", "supercategory", "supergroup", "coarse", "coarse label", "coarse class"), 1),
    **dict.fromkeys(("group", "category", "type", "class", "section", "family"), 2),
    **dict.fromkeys(("subclass", "subcategory", "subgroup", "subtype", "fine", "fine label", "fine class"), 3),
    **dict.fromkeys(("leaf", "label", "name", "class name", "species"), 4),
}  # fmt: skip
_LEVEL = re.compile(r"(?:level|rank|tier|layer|lvl|l|depth)\s?(\d+)")


def plain(cell: str) -> str:
    """Return a cell of a header as these words are written: in lower case, with single spaces.

    >>> plain("Parent_ID"), plain("Unnamed: 0")
    ('parent id', '')
    """
    text = re.sub(r"[\s_\-]+", " ", cell).strip().casefold()
    return re.sub(r"^unnamed: ?\d+$", "", text)


def edge_columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Return the columns of parents and of children by their names; None if one of them is missing.

    >>> edge_columns(["", "source", "target", "weight"])
    (1, 2)
    """
    parents = [i for i, cell in enumerate(header) if cell in PARENT_WORDS]
    for words in (CHILD_WORDS, NODE_WORDS, ID_WORDS):
        children = [i for i, cell in enumerate(header) if cell in words and i not in parents]
        if parents and children:
            return parents[0], children[0]
    return None


def id_column(header: Sequence[str], columns: Sequence[int]) -> int | None:
    """Return the column of ids besides these columns; None if there is none."""
    return next((i for i, cell in enumerate(header) if cell in ID_WORDS and i not in columns), None)


def rank_order(header: Sequence[str], used: Sequence[int]) -> list[int] | None:
    """Return the columns of ranks from the root down by their names; None if the names do not tell.

    >>> rank_order(["species", "genus", "family"], [0, 1, 2])
    [2, 1, 0]
    """
    levels = [_LEVEL.fullmatch(header[i]) for i in used]
    if all(levels):
        heights = [int(level[1]) for level in levels if level is not None]
    elif all(header[i] in BIOLOGY for i in used):
        heights = [BIOLOGY.index(header[i]) for i in used]
    elif all(header[i] in GENERAL for i in used):
        heights = [GENERAL[header[i]] for i in used]
    else:
        return None
    if len(used) < 2 or len(set(heights)) < len(heights):
        return None
    if heights not in (sorted(heights), sorted(heights, reverse=True)):
        return None
    return [column for _, column in sorted(zip(heights, used, strict=True))]
