"""Command-line options for the configuration of runs, generated from RunConfig: a new field needs no line here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from hierapp import losses
from hierapp.cli import trees
from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset
from hierapp.errors import ConfigError
from hierapp.training import models
from hierapp.training.form_fields import GROUPS, fields_of, usual_value
from hierapp.training.usual import OF_KIND, OF_SIZE


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options for data set, tree, losses with their options, and network."""
    parser.add_argument(
        "--data", help=f"the data set: {', '.join(datasets.catalogue())}; by default the best available one"
    )
    parser.add_argument("--tree", help="name or file of a tree; by default that of the data set")
    trees.add_reading(parser)
    parser.add_argument(
        "--loss", action="append", default=[], help=f"a loss, repeatable: {', '.join(losses.LOSSES)}", metavar="LOSS"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="option of the losses, repeatable"
    )
    parser.add_argument(
        "--model",
        help=f"{', '.join(models.MODELS)}, or your own as module:factory; by default {models.DEFAULT['images']}, or"
        f" {models.DEFAULT['features']} for features and {models.DEFAULT['segmentation']} for label maps",
    )


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Split the losses' options into names and values.

    Raises:
        ConfigError: if one is not of the form NAME=VALUE.
    """
    for pair in given:
        if "=" not in pair:
            raise ConfigError(f"Expected an option as NAME=VALUE, as in --option mass=0, but got {pair!r}.")
    return dict(pair.split("=", 1) for pair in given)


def add(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field in a group of the form; RunConfig checks the values."""
    for group in GROUPS:
        part = parser.add_argument_group(group)
        for name, field in fields_of(group).items():
            more = ", otherwise for small data sets" if name in OF_SIZE else ""
            help = f"{field.description} (default {field.text(field.default)}{more})"
            flag = f"--{name.replace('_', '-')}"
            # The default of some depends on the data set, so that RunConfig chooses it.
            depends = name in OF_SIZE or any(name in usual for usual in OF_KIND.values())
            default = None if depends else field.default
            if field.kind is bool:
                part.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=help)
            elif field.choices:
                part.add_argument(flag, default=default, help=f"{', '.join(field.choices)}: {help}", metavar="NAME")
            else:
                part.add_argument(flag, type=field.kind, default=default, help=help, metavar=field.kind.__name__)


def given(options: argparse.Namespace, data: Dataset) -> dict[str, Any]:
    """Return the values of these options by field, with the usual ones for a data set."""
    fields = [field for group in GROUPS for field in fields_of(group).values()]
    values = {field.name: getattr(options, field.name) for field in fields}
    return values | {field.name: usual_value(field, data) for field in fields if values[field.name] is None}
