"""What one can do to the lab's state with a hand: each move gives a new state, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.lab import views
from hierapp.lab.choices import DecoderChoice, LossChoice
from hierapp.lab.example import LIMIT, Example
from hierapp.lab.steps import Step
from hierapp.lab.stories import STORIES, step, story
from hierapp.lab.views import State

PointName = Literal["first", "second", "third"]
POINTS: tuple[PointName, ...] = ("first", "second", "third")

# What the lab shows, and lets one touch, where no story is told.
FREE = Step("", "", "", "", STORIES[0].steps[0].point, shows=("tree", "losses", "decoders"), controls=(
    "logits", "target", "tree", "losses", "decoders", "descent",
))  # fmt: skip

# The same before what a network said of an image: what becomes of it stands first.
RUN_IMAGE = replace(FREE, shows=("tree", "decoders", "losses"))


def current_step(state: State) -> Step:
    """The step of the story that is told, or what stands for it in the free lab and with a real image."""
    if state.story is not None:
        return step(state.story, state.step)
    return FREE if state.run_image is None else RUN_IMAGE


def step_by(state: State, by: int) -> State:
    """The step so many further on in the story; the same state at its ends."""
    if state.story is None:
        return state
    to = state.step + by
    return views.start(state.story, to) if 1 <= to <= len(story(state.story).steps) else state


def reset(state: State) -> State:
    """The step as it starts; in the free lab and with a real image the logits and the true class alone."""
    initial = views.initial_state(state)
    if state.story is not None:
        return initial
    return replace(state, example=initial.on_tree(state.example.tree, state.tree_name).example)


def point(state: State, which: str) -> Example:
    """The example of this name; the first one where the state has no other."""
    found = {"second": state.second_example(), "third": state.third_example()}.get(which)
    return state.example if found is None else found


def with_point(state: State, which: str, example: Example) -> State:
    """Another example in the place of the one of this name; the true class is that of all."""
    if which == "second" and state.second is not None:
        return replace(state, second=example.logits)
    if which == "third" and state.third is not None:
        return replace(state, third=example.logits)
    return replace(state, example=example)


def with_logit(state: State, which: str, node: object, value: object) -> State:
    """One node's logit moved.

    Raises:
        ConfigError: unless the node is one below the root, and the value a number from -10,000 to 10,000.
    """
    example = point(state, which)
    if type(node) is not int or not 1 <= node < len(example.tree.nodes):
        raise ConfigError("Expected the logit of a node below the root.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LIMIT:
        raise ConfigError(f"Expected a logit from {-LIMIT:g} to {LIMIT:g}.")
    return with_point(state, which, example.with_logit(node, float(value)))


def with_target(state: State, node: object) -> State:
    """Another true class, by its node.

    Raises:
        ConfigError: unless the node is a leaf.
    """
    leaves = state.example.tree.leaf_nodes.tolist()
    if type(node) is not int or node not in leaves:
        raise ConfigError("Expected the true class to be a leaf of the tree.")
    return replace(state, example=state.example.with_target(leaves.index(node)))


def option_of(state: State, name: str) -> object:
    """The value of an option of the first loss shown that has it; None if none has."""
    found = _with_option(state, name)
    return None if found is None else state.losses[found].option_values[name]


def with_option(state: State, name: str, value: object) -> State:
    """Another value for it; the state as it was if no loss has it.

    Raises:
        ConfigError: for a value out of bounds.
    """
    found = _with_option(state, name)
    if found is None:
        return state
    choice = state.losses[found]
    changed = LossChoice.of(choice.name, {**choice.option_values, name: value})
    return replace(state, losses=(*state.losses[:found], changed, *state.losses[found + 1 :]))


def with_losses(state: State, names: tuple[str, ...]) -> State:
    """These losses, those that are shown already with their options."""
    shown = {choice.name: choice for choice in reversed(state.losses)}
    return replace(state, losses=tuple(shown.get(name) or LossChoice.of(name) for name in names))


def with_decoders(state: State, rules: tuple[str, ...]) -> State:
    """These decoders, those that are shown already with their options."""
    shown = {choice.rule: choice for choice in reversed(state.decoders)}
    return replace(state, decoders=tuple(shown.get(rule) or DecoderChoice.of(rule) for rule in rules))


def with_decoder_option(state: State, rule: str, options: Mapping[str, object]) -> State:
    """Other options for the decoders of a rule.

    Raises:
        ConfigError: for a value out of bounds.
    """
    changed = DecoderChoice.of(rule, options)
    return replace(state, decoders=tuple(changed if each.rule == rule else each for each in state.decoders))


def edited(state: State, which: str, edit: Mapping[str, Any]) -> State:
    """What the board asks for: `op` is logit, target or go.

    Raises:
        ConfigError: for what is none of these; the board is in a browser, which may send anything.
    """
    moves: dict[str, Callable[[], State]] = {
        "logit": lambda: with_logit(state, which, edit.get("node"), edit.get("value")),
        "target": lambda: with_target(state, edit.get("node")),
        "go": lambda: step_by(state, 1 if edit.get("by") == 1 else -1),
    }
    asked = edit.get("op")
    if not isinstance(asked, str) or asked not in moves:
        raise ConfigError("The board asked for something that the lab does not know; reload the page.")
    return moves[asked]()


def _with_option(state: State, name: str) -> int | None:
    for place, choice in enumerate(state.losses):
        if name in {option.name for option in losses.find(choice.name).options}:
            return place
    return None


def threshold_of(state: State) -> float:
    """The threshold decoder's threshold."""
    values = [choice.option_values["threshold"] for choice in state.decoders if choice.rule == "threshold"]
    return cast(float, values[0]) if values else 0.5
