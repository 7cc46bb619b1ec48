"""RunConfig's fields as form, command line and tables need them, so that a new field needs no line in any of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

from hierapp.training.config import Group, RunConfig

# Fields that say something only where another one has a value.
ONLY_WITH = {
    "momentum": ("optimizer", "sgd"),
    "step_epochs": ("schedule", "step"),
    "step_factor": ("schedule", "step"),
}


@dataclass(frozen=True)
class FormField:
    """A field of RunConfig as forms, command line and tables need it.

    Attributes:
        name, description: of the field.
        short: what names it in front of its value; nothing where the value says enough.
        kind: bool, int, float or str.
        choices: the words that a str may be.
        default: its value where none is given.
        low, high: the least and the greatest number, None where there is no such bound.
    """

    name: str
    description: str
    short: str
    kind: type
    choices: tuple[str, ...]
    default: Any
    low: float | None
    high: float | None

    def text(self, value: Any) -> str:
        """A value as it is written.

        >>> fields_of("optimization")["weight_decay"].text(0.0005)
        '0.0005'
        """
        if self.kind is bool:
            return "on" if value else "off"
        return f"{value:.6g}" if self.kind is float else str(value)

    def words(self, value: Any) -> str:
        """A value with what tells which field it is of.

        >>> fields_of("augmentation")["crop"].words(4), fields_of("optimization")["optimizer"].words("sgd")
        ('crop 4', 'sgd')
        """
        if self.kind is bool:
            return self.short if value else f"no {self.short}"
        return f"{self.short} {self.text(value)}".strip()


GROUPS: tuple[Group, ...] = get_args(Group)


@cache
def fields_of(group: Group) -> dict[str, FormField]:
    """The fields that the form shows in a group, by name, in order."""
    found = {}
    for name, field in RunConfig.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra["group"] == group:
            choices = tuple(str(choice) for choice in get_args(field.annotation))
            found[name] = FormField(
                name=name,
                description=str(field.description),
                short=str(extra["short"]),
                kind=str if choices else cast(type, field.annotation),
                choices=choices,
                default=field.default,
                low=_bound(field, "ge", "gt"),
                high=_bound(field, "le", "lt"),
            )
    return found


def changed_fields(config: RunConfig) -> list[FormField]:
    """Those of these fields in which a configuration differs from the defaults.

    >>> run = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", optimizer="sgd", crop=1)
    >>> [field.name for field in changed_fields(run)]
    ['optimizer', 'crop']
    """
    every = [field for group in GROUPS for field in fields_of(group).values()]
    return [field for field in every if getattr(config, field.name) != field.default]


def _bound(field: FieldInfo, *kinds: str) -> float | None:
    """The limit of one of these kinds, if there is one."""
    found = [getattr(limit, kind) for limit in field.metadata for kind in kinds if hasattr(limit, kind)]
    return found[0] if found else None
