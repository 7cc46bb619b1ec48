"""The spec: the text by which a run's configuration names its similarity; `library.find` has the matrix that it stands
for.

"tree" is the tree's own, 1 - d / d_max. "ordinal:0.5" is 0.5 ** |i - j| over the classes in the order of the data set.
Any other spec is the name of a similarity that ships or is kept.
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


def canonical(spec: object) -> str:
    """The spec as it is stored; that there is such a similarity is another question.

    Raises:
        ConfigError: if it can be none.

    >>> canonical("ordinal:.50")
    'ordinal:0.5'
    """
    text = spec.strip() if isinstance(spec, str) else ""
    if text.startswith(ORDINAL):
        return ordinal_spec(_ratio(text))
    if text not in RESERVED - {TREE} and NAME.fullmatch(text):
        return text
    raise ConfigError(
        "Expected the similarity of simloss to be tree, ordinal:R with R of at least 0 and below 1 as in ordinal:0.5,"
        f" or the name of a kept one, but got {spec!r}."
    )


def ordinal_spec(ratio: float) -> str:
    """The spec of ordinal classes."""
    return f"{ORDINAL}{checked_ratio(ratio):.12g}"


def ratio_of(spec: str) -> float | None:
    """The ratio that the spec of ordinal classes says; None for another spec."""
    return _ratio(spec) if spec.startswith(ORDINAL) else None


def _ratio(spec: str) -> float:
    try:
        return checked_ratio(float(spec.removeprefix(ORDINAL)))
    except ValueError:
        raise ConfigError(
            f"Expected ordinal:R with R of at least 0 and below 1, as in ordinal:0.5, but got {spec!r}."
        ) from None
