"""Loss functions: `registry` lists them without importing torch, `base` has the base classes, each family has a file.

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
