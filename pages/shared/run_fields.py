"""The fields of a run on the Train form, generated from RunConfig and bound to the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset, Kind
from hierapp.data.targets import targets_of
from hierapp.errors import TreeError
from hierapp.losses import LOSSES
from hierapp.training.config import NOT_FOR, Group, network_fields
from hierapp.training.form_fields import ONLY_WITH, FormField, fields_of, usual_value
from hierapp.training.usual import OF_KIND, OF_SIZE
from hierapp.trees import LabelTree
from pages.shared import common

LABELS = {
    "select": "Best epoch by",
    "crop": "Crop (pixels)",
    "cutout": "Cutout (pixels)",
    "warmup_epochs": "Warm-up epochs",
    "train_share": "Share of the images",
    "unet_width": "Width",
    "calibration_share": "Kept for calibration",
    "pixel_probabilities": "Store the probabilities of pixels",
}
STEPS = {"learning_rate": 1e-4, "weight_decay": 1e-4}  # of the buttons of a number field
OTHER_STEP = 0.1


def key_of(name: str, kind: Kind = "images") -> str:
    """Return a field's name in the page's address; of its own where the usual value depends on the kind of data."""
    return f"{kind}-{name.replace('_', '-')}" if name in OF_KIND.get(kind, {}) else name.replace("_", "-")


def subject(usual: Sequence[str], hint: str | None = None) -> tuple[str, str, list[str]]:
    """Show the fields for data set, label tree and losses; the losses in `usual` are chosen initially."""
    names = list(datasets.catalogue())
    common.one_from_url("data", names, datasets.best_ready())
    data = st.selectbox("Data set", names, format_func=common.data_title, key="data")
    trees = common.trees_for(data)
    common.one_from_url("label-tree", list(trees), next(iter(trees)))
    tree = st.selectbox("Label tree", list(trees), format_func=lambda name: trees[name], key="label-tree")
    common.from_url("loss", list(LOSSES), usual)
    titles = {name: loss.title for name, loss in LOSSES.items()}
    return data, tree, st.multiselect("Losses", list(LOSSES), format_func=titles.__getitem__, key="loss", help=hint)


def can_start(data: Dataset, tree: LabelTree, tree_name: str) -> bool:
    """Return whether runs of this data set and tree can be queued; if not, show the reason and where to change it."""
    try:
        targets_of(data.class_names, data.coarse_names, tree)
    except TreeError as error:
        common.show_error(error)
        st.page_link(
            "pages/trees/page.py",
            label="Edit the tree, or choose another one above",
            icon=":material/account_tree:",
            query_params={"tree": tree_name},
        )
        return False
    status = datasets.status(data.name)
    if status.state != "ready":
        common.show_warning(status.detail, icon=":material/download:")
        st.page_link("pages/data/page.py", label="Download it on the Data page", icon=":material/photo_library:")
        return False
    return True


def group(name: Group, columns: int, data: Dataset, model: str | None = None) -> dict[str, Any]:
    """Show a group's fields in columns; return their values by field. Hidden fields keep their defaults.

    Those that have no effect on such a data set, or on the network, are hidden.
    """
    values: dict[str, Any] = {}
    places: list[DeltaGenerator] = []
    for field in fields_of(name).values():
        other, needed = ONLY_WITH.get(field.name, ("", ""))  # fields without effect are hidden
        unfit = model is not None and name == "network" and field.name not in network_fields(model)
        if (other and values[other] != needed) or field.name in NOT_FOR[data.kind] or unfit:
            values[field.name] = field.default
            continue
        places = places or list(st.columns(columns, vertical_alignment="bottom"))
        values[field.name] = _widget(field, places.pop(0), data)
    return values


def _widget(field: FormField, column: DeltaGenerator, data: Dataset) -> Any:
    label, key = LABELS.get(field.name, field.name.replace("_", " ").capitalize()), key_of(field.name, data.kind)
    default = usual_value(field, data)
    about = field.description[0].upper() + field.description[1:] + "."
    if field.kind is bool:
        return column.checkbox(label, default, key=key, help=about, bind="query-params")
    if field.choices:
        choices = [each for each in field.choices if data.kind == "segmentation" or each != "val_mean_iou"]
        index = choices.index(default)
        return column.selectbox(label, choices, index, key=key, help=about, bind="query-params")
    if field.kind is int:
        least, most = (None if limit is None else int(limit) for limit in (field.low, field.high))
        if field.name in OF_SIZE:
            _follow(key, default, range(least or 0, (most or default) + 1))
            value = column.number_input(label, least, most, key=key, help=about)
            if value != default:
                common.to_url(key, str(value))
            elif key in st.query_params:
                del st.query_params[key]
            return value
        return column.number_input(label, least, most, default, help=about, **common.bound_number(key))
    step = STEPS.get(field.name, OTHER_STEP)
    low, high = field.low, field.high
    return column.number_input(
        label,
        None if low is None else float(low),
        None if high is None else float(high),
        default,
        step=step,
        format="%.6g",
        help=about,
        **common.bound_number(key),
    )


def _follow(key: str, default: int, allowed: range) -> None:
    """Initialize a number from the page's address, or with the default; one that is the default follows it."""
    followed = f"usual-{key}"
    if key not in st.session_state:
        named = st.query_params.get(key, "")
        number = int(named) if named.isascii() and named.isdigit() and len(named) < 10 else default
        st.session_state[key] = number if number in allowed else default
    else:
        now = st.session_state[key]
        st.session_state[key] = default if now == st.session_state.get(followed, default) else now
    st.session_state[followed] = default
