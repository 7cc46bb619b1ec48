"""The field of one option of a loss or a decoder, by its kind, bound to the page's address."""

from __future__ import annotations

import math
from typing import cast

from streamlit.delta_generator import DeltaGenerator

from hierapp.utils.options import Option
from pages.shared import common


def option_field(owner: str, option: Option, where: DeltaGenerator, label: str | None = None) -> object:
    """Show the field of an option that is no text, and return its value.

    Args:
        owner: name of the loss or decoder; the widget's key and the parameter in the address are `owner.option`.
        option: the option.
        where: the container of the field.
        label: the label; by default the option's name.
    """
    key, label = f"{owner}.{option.name}", label or option.name.replace("_", " ")
    match option.kind:
        case "word":
            index = option.choices.index(str(option.default))
            return where.selectbox(label, option.choices, index, key=key, help=option.help, bind="query-params")
        case "flag":
            return where.checkbox(label, value=bool(option.default), key=key, help=option.help, bind="query-params")
        case "numbers":
            field = where.text_input(label, key=key, placeholder="1, 0.5, ...", help=option.help, bind="query-params")
            return field or None
        case _:
            return where.number_input(
                label,
                min_value=option.low,
                max_value=None if math.isinf(option.high) else option.high,
                value=cast("float", option.default),
                step=0.05,
                help=option.help,
                **common.bound_number(key),
            )
