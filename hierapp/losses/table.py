"""The table of the losses in docs/library.md, made from their specs: `python -m hierapp.losses.table` prints it."""

from __future__ import annotations

from collections.abc import Iterable

from hierapp.losses.registry import LOSSES
from hierapp.losses.spec import LossSpec
from hierapp.utils.options import Option

HEAD = ("| loss | options | logits | proper | description |", "| --- | --- | --- | --- | --- |")


def table(specs: Iterable[LossSpec]) -> str:
    """Return the table as Markdown, a row for each loss.

    >>> print(table([LOSSES["regularized-cross-entropy"]]).splitlines()[2])
    | `regularized-cross-entropy` | `penalty=0.1` | L | no | Cross-entropy with a bonus for the entropy of the output. |
    """
    return "\n".join([*HEAD, *map(_row, specs)])


def _row(spec: LossSpec) -> str:
    options = " ".join(f"`{option.name}={_default(option)}`" for option in spec.options)
    outputs = spec.outputs.replace("-", "−")
    return f"| `{spec.name}` | {options or '–'} | {outputs} | {spec.proper} | {spec.summary} |"


def _default(option: Option) -> str:
    value = option.default
    if isinstance(value, float):
        return f"{value:g}"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    print(table(LOSSES.values()))
