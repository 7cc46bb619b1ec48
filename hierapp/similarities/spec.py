"""Specs: the text that names a similarity in a run's configuration; `library.find` returns its matrix.

"tree" is the tree's own similarity, 1 - d / d_max. "ordinal:0.5" is 0.5 ** |i - j| over the classes in the order of the
data set. Any other spec is the name of a shipped or saved similarity.
"""

from __future__ import annotations

import re

from hierapp.errors import ConfigError
from hierapp.similarities.similarity import checked_ratio

TREE = "tree"
ORDINAL = "ordinal:"
# Words that cannot be names, because they have another meaning in a spec.
RESERVED = frozenset({"tree", "ordinal", ""})
NAME = re.compile(r"[\w-]{1,60}")


def canonical(spec: object) -> str:
    """Return the stored form of a spec; does not check that the similarity exists.

    Raises:
        ConfigError: if it is not a valid spec.

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
        f" or the name of a saved one, but got {spec!r}."
    )


def ordinal_spec(ratio: float) -> str:
    """Return the spec of ordinal classes."""
    return f"{ORDINAL}{checked_ratio(ratio):.12g}"


def ratio_of(spec: str) -> float | None:
    """Return the ratio in the spec of ordinal classes; None for other specs."""
    return _ratio(spec) if spec.startswith(ORDINAL) else None


def _ratio(spec: str) -> float:
    try:
        return checked_ratio(float(spec.removeprefix(ORDINAL)))
    except ValueError:
        raise ConfigError(
            f"Expected ordinal:R with R of at least 0 and below 1, as in ordinal:0.5, but got {spec!r}."
        ) from None
