"""The fields of RunConfig for forms, command line and tables, so that a new field needs no change in any of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset
from hierapp.training import models
from hierapp.training.config import Group, RunConfig, fields_in
from hierapp.training.usual import OF_KIND, OF_SIZE, usual_values

# Fields that apply only if another field has a given value.
ONLY_WITH = {
    "momentum": ("optimizer", "sgd"),
    "step_epochs": ("schedule", "step"),
    "step_factor": ("schedule", "step"),
}


@dataclass(frozen=True)
class FormField:
    """A field of RunConfig, for forms, command line and tables.

    Attributes:
        name, description: name and description of the field.
        short: name shown before its value; empty if the value is clear without it.
        kind: bool, int, float or str.
        choices: the allowed values of a str.
        default: default value.
        low, high: minimum and maximum of a number, None if there is no such bound.
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
        """Format a value.

        >>> fields_of("optimization")["weight_decay"].text(0.0005)
        '0.0005'
        """
        if self.kind is bool:
            return "on" if value else "off"
        return f"{value:.6g}" if self.kind is float else str(value)

    def words(self, value: Any) -> str:
        """Format a value with the short name of the field.

        >>> fields_of("augmentation")["crop"].words(4), fields_of("optimization")["optimizer"].words("sgd")
        ('crop 4', 'sgd')
        """
        if self.kind is bool:
            return self.short if value else f"no {self.short}"
        return f"{self.short} {self.text(value)}".strip()


GROUPS: tuple[Group, ...] = get_args(Group)


def usual_value(field: FormField, data: Dataset | None) -> Any:
    """Return the default of a field for a data set, by default for a large one of images."""
    return field.default if data is None else usual_values(data).get(field.name, field.default)


@cache
def fields_of(group: Group) -> dict[str, FormField]:
    """Return the fields that the form shows in a group, by name, in order."""
    found = {}
    for name, field in fields_in(group).items():
        choices = tuple(str(choice) for choice in get_args(field.annotation))
        found[name] = FormField(
            name=name,
            description=str(field.description),
            short=str(cast(dict[str, Any], field.json_schema_extra)["short"]),
            kind=str if choices else cast(type, field.annotation),
            choices=choices,
            default=field.default,
            low=_bound(field, "ge", "gt"),
            high=_bound(field, "le", "lt"),
        )
    return found


def changed_fields(config: RunConfig) -> list[FormField]:
    """Return the form fields in which a configuration differs from the defaults.

    >>> run = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", optimizer="sgd", crop=1)
    >>> [field.name for field in changed_fields(run)]
    ['optimizer', 'crop']
    """
    known = models.MODELS.get(config.model)
    kind = known.kind if known is not None and known.kind is not None else "images"
    every = [field for group in GROUPS for field in fields_of(group).values()]
    values = {field.name: OF_KIND.get(kind, {}).get(field.name, field.default) for field in every}
    if any(getattr(config, name) != values[name] for name in OF_SIZE):
        data = datasets.catalogue().get(config.data)
        values |= {} if data is None else usual_values(data)
    return [field for field in every if getattr(config, field.name) != values[field.name]]


def _bound(field: FieldInfo, *kinds: str) -> float | None:
    """Return the limit of one of these kinds, if there is one."""
    found = [getattr(limit, kind) for limit in field.metadata for kind in kinds if hasattr(limit, kind)]
    return found[0] if found else None
