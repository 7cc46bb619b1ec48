"""Train, Clone, Search and the command line begin with the library's defaults, and Clone changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from hierapp import LabelTree
from hierapp.access import Actions
from hierapp.access.roles import LOCAL
from hierapp.cli import main as cli
from hierapp.losses import LOSSES, Option
from hierapp.losses.registry import OptionValue
from hierapp.runs import Store
from hierapp.search import journal
from hierapp.search.plan import Plan
from hierapp.training import RunConfig
from hierapp.training.config import NOT_FOR
from hierapp.training.form_fields import GROUPS, FormField, fields_of
from hierapp.trees import library as tree_library
from pages.shared import queue
from tests.app.conftest import start

# Those of the group network are refused for a network that is not timm's, others for images.
FIELDS = [
    field
    for group in GROUPS
    if group != "network"
    for field in fields_of(group).values()
    if field.name not in NOT_FOR["images"]
]
# What changes only with another field, and what other values of it would be refused here.
TOGETHER = {"optimizer": "sgd", "schedule": "step", "device": "cpu", "epochs": 7, "select": "val_loss", "patience": 2}


def by_default(loss: str, **values: Any) -> RunConfig:
    return RunConfig.make(data="digits", tree="digits", loss=loss, **values)


def queued(store: Store) -> list[RunConfig]:
    return [run.config for run in store.runs()]


def other(option: Option) -> OptionValue:
    """A value that is not the default."""
    match option.kind:
        case "word":
            return next(choice for choice in reversed(option.choices) if choice != option.default)
        case "flag":
            return not option.default
        case "text":
            return "ordinal:0.5"
        case "numbers":
            return (1.0, 0.5)
        case _:
            return 0.25


def other_of(field: FormField) -> Any:
    if field.name in TOGETHER:
        return TOGETHER[field.name]
    if field.kind is bool:
        return not field.default
    if field.choices:
        return next(choice for choice in reversed(field.choices) if choice != field.default)
    return field.default + 1 if field.kind is int else (field.default or 0.2) / 2


def test_train_begins_with_the_librarys_defaults(open_page, store):
    page = open_page("train", data="digits", loss=list(LOSSES))
    assert not page.exception
    shown = {widget.key: widget.value for kind in KINDS for widget in page.get(kind)}
    for loss, entry in LOSSES.items():
        for option in entry.options:
            assert shown[f"{loss}.{option.name}"] == ("" if option.default is None else option.default), option
    start(page)
    assert not page.exception
    assert queued(store) == [by_default(loss) for loss in LOSSES]


KINDS = ("selectbox", "checkbox", "number_input", "text_input")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("changed", [False, True], ids=["defaults", "everything changed"])
def test_clone_changes_nothing(open_page, store, loss, changed):
    config = by_default(loss)
    if changed:
        options = {option.name: other(option) for option in LOSSES[loss].options}
        values = {field.name: other_of(field) for field in FIELDS}
        values["coarse_share"] = 0.0  # coarse labels cannot be smoothed or mixed
        if loss == "cross-entropy":  # smooths the labels by itself
            values["label_smoothing"] = 0.0
        config = by_default(loss, options=options, model="cnn6", seed=3, **values)
        assert all(config.options[name] != by_default(loss).options[name] for name in options)
    (run,) = store.add([config], tree_library.load("digits"))
    page = open_page("train", **queue.form_of(store.run(run).config))
    assert not page.exception
    start(page)
    assert not page.exception
    assert queued(store) == [config, config]


def test_clone_trains_on_the_tree_of_the_run_where_its_name_means_another_now(open_page, store):
    classes = tree_library.load("digits").leaves
    own = LabelTree.from_edges([("digit", name) for name in classes])
    tree_library.save(own, "mine", data="digits")
    (run,) = store.add([RunConfig.make(data="digits", tree="mine", loss="hierarchical")], own)
    tree_library.save(LabelTree.from_edges([("number", name) for name in classes]), "mine", data="digits")
    runs = open_page("runs", runs=[run])
    runs.session_state["details"] = True  # as if the expander had been opened
    runs.run().button(key="clone").click().run()
    page = open_page("train", **queue.form_of(Actions(store, LOCAL).clone(run).config))
    start(page)
    assert not page.exception
    first, second = store.runs()
    assert second.tree == first.tree == own
    assert second.config.tree == "mine-2"


def test_search_begins_with_the_librarys_defaults(open_page, store):
    page = open_page("search", data="digits", loss=list(LOSSES))
    page.text_input(key="search-name").set_value("mine").run()
    page.button(key="start-search").click().run()
    assert not page.exception
    assert_usual(journal.find(store, "mine").plan)


def assert_usual(plan: Plan) -> None:
    usual = by_default("hierarchical")
    assert plan.losses == tuple(LOSSES)
    assert plan.values.keys() >= {field.name for field in FIELDS}
    for name, value in plan.values.items():
        assert value == getattr(usual, name), name
    assert plan.options == {}
    for name in ("trials", "metric", "pruner", "seed"):
        assert getattr(plan, name) == Plan.__dataclass_fields__[name].default, name


def test_the_command_line_begins_with_the_librarys_defaults(store, monkeypatch, capsys):
    losses = [word for loss in LOSSES for word in ("--loss", loss)]
    assert cli.main(["run", "--data", "digits", *losses, "--detach"]) == 0
    assert queued(store) == [by_default(loss) for loss in LOSSES]
    assert (
        cli.main(["search", "mine", "--data", "digits", *losses, "--vary", "learning_rate=1e-4..1e-1:log", "--detach"])
        == 0
    )
    assert_usual(journal.find(store, "mine").plan)
    capsys.readouterr()
