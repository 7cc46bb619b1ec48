"""The losses: `registry` lists them without torch, `base` is what they share, and each family has a file of its own.

`make_loss` imports the class that it needs.
"""

from hierapp.losses.registry import LOSSES, LossEntry, Option, OptionValue, check_options, find, judge, make_loss

__all__ = [
    "LOSSES",
    "LossEntry",
    "Option",
    "OptionValue",
    "base",
    "check_options",
    "equivalence",
    "find",
    "judge",
    "make_loss",
    "propriety",
    "reference",
]
