"""The word by which a run's configuration names its similarity, and the matrix that the word stands for.

"tree" is the tree's own, 1 - d / d_max. "ordinal:0.5" is 0.5 ** |i - j| over the classes in the order of the data set.
Any other word is the name of a similarity that ships or is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from hierapp.errors import ConfigError
from hierapp.similarities import formats, library
from hierapp.similarities.formats import MOST_CLASSES
from hierapp.similarities.similarity import Similarity, checked_ratio, ordinal

TREE = "tree"
ORDINAL = "ordinal:"


def canonical(word: object) -> str:
    """The word as it is stored; that there is such a similarity is another question.

    Raises:
        ConfigError: if it can be none.

    >>> canonical("ordinal:.50")
    'ordinal:0.5'
    """
    text = word.strip() if isinstance(word, str) else ""
    if text.startswith(ORDINAL):
        return ordinal_word(_ratio(text))
    if text not in library.RESERVED - {TREE} and library.NAME.fullmatch(text):
        return text
    raise ConfigError(
        "Expected the similarity of simloss to be tree, ordinal:R with R of at least 0 and below 1 as in ordinal:0.5,"
        f" or the name of a kept one, but got {word!r}."
    )


def ordinal_word(ratio: float) -> str:
    """The word of ordinal classes."""
    return f"{ORDINAL}{checked_ratio(ratio):.12g}"


def ratio_of(word: str) -> float | None:
    """The ratio that the word of ordinal classes says; None for another word."""
    return _ratio(word) if word.startswith(ORDINAL) else None


def find(word: str, classes: Sequence[str]) -> Similarity | None:
    """What a word stands for over a data set's classes, in their order; None for the tree's own.

    Raises:
        ConfigError: if there is no such similarity, it is broken, or over other classes.

    >>> find("ordinal:0.5", ["child", "adult", "old"]).matrix[0].tolist()
    [1.0, 0.5, 0.25]
    """
    word = canonical(word)
    if word == TREE:
        return None
    if (ratio := ratio_of(word)) is not None:
        if len(classes) > MOST_CLASSES:
            raise ConfigError(
                f"Ordinal similarities may have {MOST_CLASSES:,} classes and the data set has {len(classes):,}; take"
                " the tree's."
            )
        return Similarity(tuple(classes), ordinal(len(classes), ratio))
    loaded = library.load(word)
    try:
        return Similarity(tuple(classes), loaded.over(classes))
    except ConfigError as error:
        raise ConfigError(f"The similarity {word!r} does not fit: {error}") from None


def text_of(word: str, classes: Sequence[str]) -> str | None:
    """The same as the text that a run is queued with."""
    found = find(word, classes)
    return None if found is None else formats.render(found)


def _ratio(word: str) -> float:
    try:
        return checked_ratio(float(word.removeprefix(ORDINAL)))
    except ValueError:
        raise ConfigError(
            f"Expected ordinal:R with R of at least 0 and below 1, as in ordinal:0.5, but got {word!r}."
        ) from None
