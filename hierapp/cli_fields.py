"""The fields of RunConfig as options of the command line: a new field needs no line here."""

from __future__ import annotations

import argparse
from typing import Any

from hierapp.config_fields import GROUPS, fields_of


def add(parser: argparse.ArgumentParser) -> None:
    """An option for each field that the form shows in a group; values are checked by RunConfig."""
    for group in GROUPS:
        part = parser.add_argument_group(group)
        for name, field in fields_of(group).items():
            flag, help = f"--{name.replace('_', '-')}", f"{field.description}; {field.text(field.default)} by default"
            if field.kind is bool:
                part.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default, help=help)
            elif field.choices:
                part.add_argument(
                    flag, default=field.default, help=f"{', '.join(field.choices)}: {help}", metavar="NAME"
                )
            else:
                part.add_argument(flag, type=field.kind, default=field.default, help=help, metavar=field.kind.__name__)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The values of these options, by field."""
    return {name: getattr(options, name) for group in GROUPS for name in fields_of(group)}
