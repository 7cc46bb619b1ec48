"""Choices of the lab: losses and decoders with their options, as plain values that compare and hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hierapp import losses
from hierapp.decoding import decoders
from hierapp.errors import ConfigError
from hierapp.losses import OptionValue
from hierapp.similarities import spec as similarity_spec


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
    options: tuple[tuple[str, OptionValue], ...] = ()

    @classmethod
    def of(cls, rule: str, options: Mapping[str, object] | None = None) -> DecoderChoice:
        """Create a validated choice.

        Raises:
            ConfigError: if the decoder or an option is unknown, or a value is out of bounds.

        >>> DecoderChoice.of("threshold", {"threshold": "0.7"}).option_values
        {'threshold': 0.7}
        """
        spec = decoders.find(rule)
        chosen = spec.check_options(options or {})
        return cls(rule, tuple((key, value) for key, value in chosen.items() if value != spec.defaults[key]))

    @property
    def option_values(self) -> dict[str, Any]:
        """All options, including defaults."""
        return {**decoders.find(self.rule).defaults, **dict(self.options)}


EVERY_LOSS = tuple(LossChoice(name) for name in losses.LOSSES)
EVERY_DECODER = tuple(DecoderChoice(rule) for rule in decoders.DECODERS)
# The losses and decoders that the board shows at first.
INITIAL_LOSSES = tuple(LossChoice(name) for name in ("cross-entropy", "hierarchical", "soft-labels"))
INITIAL_DECODERS = tuple(DecoderChoice(rule) for rule in ("leaf", "top-down", "min-risk", "threshold"))
