"""The search space: each dimension is a word such as `learning_rate=1e-4..1e-1:log` or `optimizer=adam,sgd`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hierapp import losses
from hierapp.errors import ConfigError, short
from hierapp.losses import Option
from hierapp.training import models
from hierapp.training.form_fields import GROUPS, ONLY_WITH, FormField, fields_of

DIGITS = 4  # significant digits of a trial's number: 0.03137, not 0.031374118624
HOW = "NAME=RANGE, as in learning_rate=1e-4..1e-1:log, mass=0..1 or optimizer=adam,sgd"

Value = float | int | str | bool

# Fields that cannot vary: budget, machine, model selection, and what is learned from.
_FIXED = {"epochs", *fields_of("evaluation"), *fields_of("machine"), *fields_of("labels")}

# Default ranges; for the other fields see `usual_range`.
_USUAL = {
    "learning_rate": "1e-4..1e-1:log",
    "batch_size": "32,64,128,256",
    "momentum": "0.5..0.99",
    "weight_decay": "1e-6..1e-2:log",
    "step_epochs": "1..10",
    "step_factor": "0.1..1",
    "warmup_epochs": "0..1",
    "backbone_rate": "0.01..1:log",
    "input_side": "64,96,128",
    "unet_width": "8,16,32",
    "crop": "0..4",
    "cutout": "0..8",
    "mixup": "0..1",
    "label_smoothing": "0..0.3",
    "mass": "0..1",
    "soft": "0..1",
    "alpha": "0.01..1:log",
    "beta": "1..50:log",
    "lower_bound": "0..0.9",
    "penalty": "0.001..1:log",
    "similarity": "tree,ordinal:0.5",
    "model": "lenet,cnn6",
}


@dataclass(frozen=True)
class Dimension:
    """One thing that varies.

    Attributes:
        name: a field of RunConfig, or "loss.option".
        choices: the values, if it is one of several; otherwise it lies between `low` and `high`.
        log: whether the scale is logarithmic, not linear.
        whole: whether it is an integer.
    """

    name: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def ends(self) -> tuple[Value, ...]:
        """The bounds of the range, or all choices."""
        return self.choices or (self.clean(self.low), self.clean(self.high))

    @property
    def word(self) -> str:
        """The word that `parse` reads as this dimension."""
        parts = [_as_text(value) for value in self.choices or (self.low, self.high)]
        return f"{self.name}={','.join(parts) if self.choices else '..'.join(parts)}{':log' if self.log else ''}"

    def clean(self, value: Any) -> Value:
        """Return a value as it is tried: numbers rounded to four digits, within the bounds."""
        if self.choices:
            return next(choice for choice in self.choices if choice == value)
        if self.whole:
            nearest: int = round(value)
            return nearest
        return min(self.high, max(self.low, float(f"{value:.{DIGITS}g}")))

    def says_something(self, values: Mapping[str, Any]) -> bool:
        """Return whether it has an effect given the other values: an option has one only if its loss is chosen."""
        loss, dot, _ = self.name.rpartition(".")
        other, needed = ONLY_WITH.get(self.name, ("", None))
        return bool(values["loss"] == loss if dot else not other or values[other] == needed)

    @property
    def title(self) -> str:
        """The name for the user."""
        return self.name.replace("_", " ").replace(".", ": ")


def variable(chosen: Sequence[str]) -> list[str]:
    """Return what can vary with these losses: fields of RunConfig, and options as "loss.option".

    >>> variable(["hierarchical"])[:2], variable(["hierarchical"])[-1]
    (['model', 'batch_size'], 'hierarchical.soft_reduction')
    """
    options = [
        f"{loss}.{option.name}" for loss in chosen for option in losses.find(loss).options if option.kind != "numbers"
    ]
    return ["model", *_fields(), *options]


def usual_range(name: str) -> str:
    """Return a sensible initial range, as the part of a word after "=".

    >>> usual_range("optimizer"), usual_range("hierarchical.mass")
    ('adam,adamw,sgd', '0..1')
    """
    loss, _, option_name = name.rpartition(".")
    if option_name in _USUAL:
        return _USUAL[option_name]
    known = _fields().get(name) or next(option for option in losses.find(loss).options if option.name == option_name)
    if known.choices:
        return ",".join(known.choices)
    if isinstance(known.default, bool):
        return "false,true"
    return f"{known.low or 0:g}..{1.0 if known.high is None else min(known.high, 1.0):g}"


@dataclass(frozen=True)
class Allowed:
    """What a parameter may be.

    Attributes:
        numeric: whether it is a number, which may vary over a range.
        whole: whether it is an integer.
        low, high: the bounds of a number, None if there is no such bound.
        values: the values of a parameter that is no number, as text.
        is_open: whether there are further values, such as the names of similarities.
    """

    numeric: bool
    whole: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    is_open: bool = False


def allowed(name: str) -> Allowed:
    """Return what a parameter of `variable` may be.

    >>> allowed("optimizer").values
    ('adam', 'adamw', 'sgd')
    >>> allowed("hierarchical.mass")
    Allowed(numeric=True, whole=False, low=0.0, high=None, values=(), is_open=False)
    """
    loss, dot, option_name = name.rpartition(".")
    if dot:
        option = next(option for option in losses.find(loss).options if option.name == option_name)
        if option.kind == "number":
            return Allowed(True, False, option.low, None if math.isinf(option.high) else option.high)
        values = ("false", "true") if option.kind == "flag" else option.choices
        return Allowed(False, values=values or tuple(_USUAL[option_name].split(",")), is_open=option.kind == "text")
    if name == "model":
        return Allowed(False, values=tuple(models.MODELS))
    field = _fields()[name]
    if field.kind in (int, float):
        return Allowed(True, field.kind is int, field.low, field.high)
    return Allowed(False, values=field.choices or ("false", "true"))


def usual(name: str) -> Dimension:
    """Return the dimension of a parameter's usual range."""
    return _dimension(name, usual_range(name))


def parse(words: Sequence[str], chosen: Sequence[str]) -> tuple[Dimension, ...]:
    """Parse words of the form NAME=RANGE into dimensions, those that others depend on first.

    Args:
        words: "mass=0..1" applies to every loss that has this option, "hierarchical.mass=0..1" to that loss only.
            "a..b" is a range (of integers if the field is an integer), "a..b:log" a range with a logarithmic scale,
            "a,b,c" a choice.
        chosen: the losses; if there are several, the loss itself varies too.

    Raises:
        ConfigError: one sentence on the first word that cannot be parsed.

    >>> [each.name for each in parse(["mass=0..1", "optimizer=adam,sgd"], ["hierarchical"])]
    ['optimizer', 'hierarchical.mass']
    """
    if not chosen:
        raise ConfigError(f"No loss is chosen; choose at least one of {', '.join(losses.LOSSES)}.")
    names = list(dict.fromkeys(chosen))
    for name in names:
        losses.find(name)
    found = [Dimension("loss", tuple(names))] if len(names) > 1 else []
    for word in words:
        name, sign, range_ = (part.strip() for part in word.partition("="))
        if not sign or not name or not range_:
            raise ConfigError(f"Expected a parameter to vary as {HOW}, but got {short(word)}.")
        found += [_dimension(each, range_) for each in _named(name, names)]
    given = [each.name for each in found]
    if twice := [name for name in given if given.count(name) > 1]:
        raise ConfigError(f"A range is given twice for {twice[0]}; give it once.")
    if not found:
        raise ConfigError(f"Nothing varies, so there is nothing to search; give a parameter to vary as {HOW}.")
    first = {"loss", *(other for other, _ in ONLY_WITH.values())}
    return tuple(sorted(found, key=lambda each: each.name not in first))


@cache
def _fields() -> dict[str, FormField]:
    """Return the fields of RunConfig that may vary, by name."""
    return {name: field for group in GROUPS for name, field in fields_of(group).items() if name not in _FIXED}


def _named(name: str, chosen: Sequence[str]) -> list[str]:
    """Return the full names that a name stands for: the name itself, or the option of that name of each loss."""
    name = name.replace("-", "_") if "." not in name else name
    if name == "model" or name in _fields():
        return [name]
    found = [each for each in variable(chosen) if each == name or each.endswith(f".{name}")]
    if not found:
        options = dict.fromkeys(each.rpartition(".")[2] for each in variable(chosen) if "." in each)
        have = f", and {', '.join(options)} of {', '.join(chosen)}" if options else ""
        raise ConfigError(f"A search cannot vary {short(name)}; it can vary model, {', '.join(_fields())}{have}.")
    return found


def _dimension(name: str, text: str) -> Dimension:
    """Parse one dimension from its full name and its range."""
    loss, dot, option_name = name.rpartition(".")
    option = next((each for each in losses.find(loss).options if each.name == option_name), None) if dot else None
    field = _fields().get(name)
    whole = field is not None and field.kind is int
    numeric = option.kind == "number" if option else field is not None and field.kind in (int, float)
    if numeric and ".." in text:
        return _between(name, text, whole)
    parts = [part.strip() for part in text.split(",")]
    if numeric:
        choices: list[Value] = [_number(name, part, whole) for part in parts]
    else:
        choices = [_word(name, part, option or field) for part in parts]
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise ConfigError(
            f"Expected {name} to have two or more distinct values, as in {name}={usual_range(name)}, but got"
            f" {short(text)}."
        )
    return Dimension(name, tuple(choices))


def _between(name: str, text: str, whole: bool) -> Dimension:
    ends, colon, scale = text.partition(":")
    first, _, last = ends.partition("..")
    if colon and scale.strip() != "log":
        raise ConfigError(f"Expected nothing or :log after the range of {name} but got {short(':' + scale)}.")
    low, high = _number(name, first, whole), _number(name, last, whole)
    if low >= high:
        raise ConfigError(f"The range {ends} of {name} is empty; put the smaller number first.")
    if colon and low <= 0:
        raise ConfigError(
            f"The range {ends} of {name} cannot be log, because its bounds must be above 0; leave out :log."
        )
    return Dimension(name, (), low, high, bool(colon), whole)


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else f"{value:.12g}"


def _number(name: str, text: str, whole: bool) -> float | int:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and number != int(number)):
        kind = "integers" if whole else "numbers"
        raise ConfigError(
            f"Expected {kind} for {name}, as in {name}={usual_range(name)}, but got {short(text.strip())}."
        )
    return int(number) if whole else number


def _word(name: str, text: str, known: Option | FormField | None) -> Value:
    if isinstance(known, Option):
        checked = known.check(name.rpartition(".")[0], text)
        return checked if isinstance(checked, str | bool) else text
    if known is None:
        models.find(text)
        return text
    if known.kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"Expected true or false for {name}, as in {name}=false,true, but got {short(text)}.")
        return text.lower() == "true"
    if text not in known.choices:
        raise ConfigError(f"Expected {name} to be among {', '.join(known.choices)} but got {short(text)}.")
    return text
