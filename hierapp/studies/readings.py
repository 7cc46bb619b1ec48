"""How a study reads stored outputs: a decoder, after temperature scaling or not, with a conformal threshold or not."""

from __future__ import annotations

from dataclasses import dataclass

from hierapp.decoding import decoders
from hierapp.errors import ConfigError

_TEMPERATURE, _CLIMB = "temperature+", "climb-"


@dataclass(frozen=True)
class Reading:
    """One way to read outputs.

    Attributes:
        text: as in a study file: "leaf", "temperature+min-risk", "climb-90" (climb, to be right in 90 % of cases).
        rule: the decoder.
        temperature: whether the outputs are scaled first by the temperature of least log loss on the validation part.
        alpha: the share of errors that the conformal threshold of "climb" allows; 0 without one.
    """

    text: str
    rule: str
    temperature: bool = False
    alpha: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Reading:
        """Read the text of a study file.

        Raises:
            ConfigError: if the decoder is unknown, or the share of "climb" is not a number of percent.

        >>> Reading.parse("temperature+climb-90")
        Reading(text='temperature+climb-90', rule='climb', temperature=True, alpha=0.1)
        """
        rule = text.removeprefix(_TEMPERATURE)
        alpha = 0.0
        if rule.startswith(_CLIMB):
            percent = rule.removeprefix(_CLIMB)
            if not percent.isdecimal() or not 0 < int(percent) < 100:
                raise ConfigError(f"Expected a share of percent after climb-, as in climb-90, but got {text!r}.")
            rule, alpha = "climb", round(1 - int(percent) / 100, 10)
        return cls(text, decoders.find(rule).name, text.startswith(_TEMPERATURE), alpha)
