"""Examples of docstrings become code blocks, wherever they stand in the docstring."""

from __future__ import annotations

import re
from typing import Any

import griffe

# A prompt, and everything up to the next empty line.
EXAMPLE = re.compile(r"^>>> .*(?:\n.*\S.*)*", re.MULTILINE)


def with_fences(text: str) -> str:
    """Return a docstring with its examples in fences, except those of a section "Examples:", which are indented.

    >>> print(with_fences("Add.\\n\\n>>> 1 + 1\\n2"))
    Add.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    return EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)


class Doctests(griffe.Extension):
    """Put fences around the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = with_fences(obj.docstring.value)
