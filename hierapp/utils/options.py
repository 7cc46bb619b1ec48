"""Options by name, with default and bounds: what forms, the command line and addresses offer, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

from hierapp.errors import ConfigError

OptionValue = float | str | bool | tuple[float, ...] | None


@dataclass(frozen=True)
class Option:
    """One option of a loss or a decoder: a number with bounds, a word, a flag, a list of numbers, or a text.

    The kind follows from the fields: a text has `reads`, which returns the stored form or raises a ConfigError; a word
    has `choices`; a list of numbers has the default None, for which its owner chooses the numbers, and may have
    `presets`, names of such lists; a flag has a bool.
    """

    name: str
    default: OptionValue
    help: str
    low: float = 0.0
    high: float = math.inf
    choices: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    reads: Callable[[object], str] | None = None

    @property
    def kind(self) -> Literal["word", "flag", "numbers", "number", "text"]:
        """Kind of the values of this option."""
        if self.reads:
            return "text"
        if self.choices:
            return "word"
        if self.default is None:
            return "numbers"
        return "flag" if isinstance(self.default, bool) else "number"

    def check(self, owner: str, value: object) -> OptionValue:
        """Return the value in its own type, converting the text of a form or command line, or raise a ConfigError."""
        if self.reads:
            return self.reads(value)
        match self.kind:
            case "word":
                if value in self.choices:
                    return str(value)
                expected = f"one of {', '.join(self.choices)}"
            case "flag":
                text = str(value).lower()
                if text in _FLAGS:
                    return _FLAGS[text]
                expected = "true or false"
            case "numbers":
                if value is None or value == "":
                    return None
                if isinstance(value, str) and value in self.presets:
                    return value
                parts = value.split(",") if isinstance(value, str) else value
                listed: list[Any] = list(parts) if isinstance(parts, Iterable) else [None]
                if all(self._in_bounds(part) for part in listed):
                    return tuple(float(part) for part in listed)
                expected = f"numbers {self._bounds()}, as in 1,0.5,0.25" + "".join(
                    f", or {name}" for name in self.presets
                )
            case "number":
                if self._in_bounds(value):
                    return float(cast(Any, value))
                expected = f"a number {self._bounds()}"
        raise ConfigError(f"Expected {self.name} of {owner} to be {expected} but got {value!r}.")

    def text(self, value: OptionValue) -> str:
        """Return the value as users read and type it."""
        if isinstance(value, tuple | list):  # a list when read from the store
            return ",".join(f"{part:g}" for part in value)
        if isinstance(value, str):
            return value
        return f"{value:g}" if isinstance(value, float) else str(value).lower() if value is not None else ""

    def _in_bounds(self, value: object) -> bool:
        try:
            number = float(cast(Any, value))
        except (TypeError, ValueError):
            return False
        return not isinstance(value, bool) and math.isfinite(number) and self.low <= number <= self.high

    def _bounds(self) -> str:
        return f"at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:g}"


_FLAGS = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}
