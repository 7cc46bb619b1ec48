"""Choices of the lab: losses and decoders with their options, as plain values that compare and hash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hierapp import losses
from hierapp.decoding.explain import RULES
from hierapp.errors import ConfigError
from hierapp.losses import OptionValue
from hierapp.similarities import spec as similarity_spec
from hierapp.trees import DISTANCES

DECODERS = RULES
# The options of hierapp.decoding.decoders, which needs torch; tests check that both agree.
DECODER_DEFAULTS: dict[str, dict[str, str | float]] = {
    "leaf": {},
    "top-down": {},
    "min-risk": {"distance": "lca-depth"},
    "threshold": {"threshold": 0.5},
}


@dataclass(frozen=True)
class LossChoice:
    """A loss and its non-default options, in the registry's order; create it with `of`."""

    name: str
    options: tuple[tuple[str, OptionValue], ...] = ()

    @classmethod
    def of(cls, name: str, options: Mapping[str, object] | None = None) -> LossChoice:
        """Create a validated choice.

        Raises:
            ConfigError: if the loss or an option is unknown, or a value is out of bounds.

        >>> LossChoice.of("hierarchical", {"mass": "0", "targets": "path"}).options
        (('mass', 0.0),)
        """
        option_values = losses.check_options(name, options or {})
        if option_values.get("similarity", similarity_spec.TREE) != similarity_spec.TREE:
            raise ConfigError(
                "The lab shows SimLoss with the similarity of the tree only; leave the option similarity out."
            )
        default = {option.name: option.default for option in losses.find(name).options}
        return cls(name, tuple((key, value) for key, value in option_values.items() if value != default[key]))

    @property
    def option_values(self) -> dict[str, OptionValue]:
        """All options, including defaults."""
        return losses.check_options(self.name, dict(self.options))

    @property
    def title(self) -> str:
        """The loss's title, followed by its non-default options: `Hierarchical (mass 0)`.

        >>> LossChoice.of("hierarchical", {"mass": 0}).title
        'Hierarchical (mass 0)'
        """
        entry = losses.find(self.name)
        texts = {option.name: option.text for option in entry.options}
        said = ", ".join(f"{key.replace('_', ' ')} {texts[key](value)}" for key, value in self.options)
        return f"{entry.title} ({said})" if said else entry.title


@dataclass(frozen=True)
class DecoderChoice:
    """A decoder and its non-default options; create it with `of`."""

    rule: str
    options: tuple[tuple[str, str | float], ...] = ()

    @classmethod
    def of(cls, rule: str, options: Mapping[str, object] | None = None) -> DecoderChoice:
        """Create a validated choice.

        Raises:
            ConfigError: if the decoder or an option is unknown, or a value is out of bounds.

        >>> DecoderChoice.of("threshold", {"threshold": "0.7"}).option_values
        {'threshold': 0.7}
        """
        if rule not in DECODER_DEFAULTS:
            raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(DECODERS)}.")
        default, chosen = DECODER_DEFAULTS[rule], []
        for key, value in (options or {}).items():
            if key not in default:
                raise ConfigError(f"The decoder {rule} has no option {key!r}.")
            checked = _distance(value) if key == "distance" else _threshold(value)
            if checked != default[key]:
                chosen.append((key, checked))
        return cls(rule, tuple(chosen))

    @property
    def option_values(self) -> dict[str, str | float]:
        """All options, including defaults."""
        return {**DECODER_DEFAULTS[self.rule], **dict(self.options)}


def _distance(value: object) -> str:
    if value not in DISTANCES:
        raise ConfigError(f"Expected the distance of min-risk to be one of {', '.join(DISTANCES)} but got {value!r}.")
    return str(value)


def _threshold(value: object) -> float:
    try:
        number = float(cast(Any, value))
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise ConfigError(f"Expected a threshold from 0 to 1 but got {value!r}.")
    return number


EVERY_LOSS = tuple(LossChoice(name) for name in losses.LOSSES)
EVERY_DECODER = tuple(DecoderChoice(rule) for rule in DECODERS)
