"""The word by which a run's configuration names its similarity; `library.find` has the matrix that it stands for.

"tree" is the tree's own, 1 - d / d_max. "ordinal:0.5" is 0.5 ** |i - j| over the classes in the order of the data set.
Any other word is the name of a similarity that ships or is kept.
"""

from __future__ import annotations

import re

from hierapp.errors import ConfigError
from hierapp.similarities.similarity import checked_ratio

TREE = "tree"
ORDINAL = "ordinal:"
# Words that mean something else where a similarity is named.
RESERVED = frozenset({"tree", "ordinal", ""})
NAME = re.compile(r"[\w-]{1,60}")


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
    if text not in RESERVED - {TREE} and NAME.fullmatch(text):
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


def _ratio(word: str) -> float:
    try:
        return checked_ratio(float(word.removeprefix(ORDINAL)))
    except ValueError:
        raise ConfigError(
            f"Expected ordinal:R with R of at least 0 and below 1, as in ordinal:0.5, but got {word!r}."
        ) from None
