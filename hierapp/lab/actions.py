"""User actions in the lab: each function validates its input and returns a new state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.lab import views
from hierapp.lab.choices import DecoderChoice, LossChoice
from hierapp.lab.example import LIMIT, Example
from hierapp.lab.steps import Step, Story
from hierapp.lab.stories import STORIES, step, story
from hierapp.lab.views import State

PointName = Literal["first", "second", "third"]
POINTS: tuple[PointName, ...] = ("first", "second", "third")

# What the free lab shows and which controls it offers.
FREE = Step("", "", "", "", STORIES[0].steps[0].point, shows=("tree", "losses", "decoders"), controls=(
    "logits", "target", "tree", "losses", "decoders", "descent",
))  # fmt: skip

# The same for the output of a network on an image; decoders come before losses.
RUN_IMAGE = replace(FREE, shows=("tree", "decoders", "losses"))


def current_step(state: State) -> Step:
    """Return the current step of the story, or its substitute in the free lab and for an image of a run."""
    if state.story is not None:
        return step(state.story, state.step)
    return FREE if state.run_image is None else RUN_IMAGE


def step_by(state: State, by: int) -> State:
    """Move by the given number of steps within the story; after its end begins the next story, if there is one."""
    if state.story is None:
        return state
    to = state.step + by
    if to > len(story(state.story).steps):
        after = next_story(state.story)
        return state if after is None else views.start(after.id)
    return state if to < 1 else views.start(state.story, to)


def next_story(story_id: str) -> Story | None:
    """Return the story after this one; None after the last."""
    ids = [each.id for each in STORIES]
    return dict(zip(ids, STORIES[1:], strict=False)).get(story_id)


def reset(state: State) -> State:
    """Reset the step to its start; outside a story, reset only the logits and the true class."""
    initial = views.initial_state(state)
    if state.story is not None:
        return initial
    return replace(state, example=initial.on_tree(state.example.tree, state.tree_name).example)


def point(state: State, which: str) -> Example:
    """Return the example of the given name; the first one if the state does not have it."""
    found = {"second": state.second_example(), "third": state.third_example()}.get(which)
    return state.example if found is None else found


def with_point(state: State, which: str, example: Example) -> State:
    """Replace the example of the given name; all examples share the true class."""
    if which == "second" and state.second is not None:
        return replace(state, second=example.logits)
    if which == "third" and state.third is not None:
        return replace(state, third=example.logits)
    return replace(state, example=example)


def with_logit(state: State, which: str, node: object, value: object) -> State:
    """Set the logit of one node.

    Raises:
        ConfigError: if the node is not below the root, or the value is not a number from -10,000 to 10,000.
    """
    example = point(state, which)
    if type(node) is not int or not 1 <= node < len(example.tree.nodes):
        raise ConfigError("Expected the logit of a node below the root.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LIMIT:
        raise ConfigError(f"Expected a logit from {-LIMIT:g} to {LIMIT:g}.")
    return with_point(state, which, example.with_logit(node, float(value)))


def with_logits(state: State, which: str, values: object) -> State:
    """Set all logits, such as after a descent in the browser.

    Raises:
        ConfigError: unless there is a number from -10,000 to 10,000 for each node below the root.
    """
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ConfigError("Expected a list of logits, one for each node below the root.")
    if not all(abs(value) <= LIMIT for value in values):
        raise ConfigError(f"Expected logits from {-LIMIT:g} to {LIMIT:g}.")
    return with_point(state, which, replace(point(state, which), logits=tuple(values)))


def descended(state: State, which: str, place: object, steps: object) -> State:
    """Take gradient steps on a displayed loss that the browser cannot compute; imports torch.

    Raises:
        ConfigError: if no loss has this position, or the number of steps is out of bounds.
    """
    from hierapp.lab.descent import descend

    if type(place) is not int or not 0 <= place < len(state.losses) or type(steps) is not int:
        raise ConfigError("Expected one of the losses shown and a number of steps.")
    return with_point(state, which, descend(point(state, which), state.losses[place], steps=steps).last)


def with_target(state: State, node: object) -> State:
    """Set the true class, given by its node.

    Raises:
        ConfigError: if the node is not a leaf.
    """
    leaves = state.example.tree.leaf_nodes.tolist()
    if type(node) is not int or node not in leaves:
        raise ConfigError("Expected the true class to be a leaf of the tree.")
    return replace(state, example=state.example.with_target(leaves.index(node)))


def option_of(state: State, name: str) -> object:
    """Return the value of an option of the first displayed loss that has it; None if none has."""
    found = _with_option(state, name)
    return None if found is None else state.losses[found].option_values[name]


def with_option(state: State, name: str, value: object) -> State:
    """Set an option of the first displayed loss that has it; if none has, the state is unchanged.

    Raises:
        ConfigError: if the value is out of bounds.
    """
    found = _with_option(state, name)
    if found is None:
        return state
    choice = state.losses[found]
    changed = LossChoice.of(choice.name, {**choice.option_values, name: value})
    return replace(state, losses=(*state.losses[:found], changed, *state.losses[found + 1 :]))


def with_losses(state: State, names: tuple[str, ...]) -> State:
    """Select the losses to show; those already shown keep their options."""
    shown = {choice.name: choice for choice in reversed(state.losses)}
    return replace(state, losses=tuple(shown.get(name) or LossChoice.of(name) for name in names))


def with_decoders(state: State, rules: tuple[str, ...]) -> State:
    """Select the decoders to show; those already shown keep their options."""
    shown = {choice.rule: choice for choice in reversed(state.decoders)}
    return replace(state, decoders=tuple(shown.get(rule) or DecoderChoice.of(rule) for rule in rules))


def with_decoder_option(state: State, rule: str, options: Mapping[str, object]) -> State:
    """Set the options of all decoders with the given rule.

    Raises:
        ConfigError: if a value is out of bounds.
    """
    changed = DecoderChoice.of(rule, options)
    return replace(state, decoders=tuple(changed if each.rule == rule else each for each in state.decoders))


def edited(state: State, which: str, edit: Mapping[str, Any]) -> State:
    """Apply an edit requested by the board; `op` is "logit", "logits", "descend", "target", "reset" or "go".

    Raises:
        ConfigError: if the edit is invalid. The board runs in a browser, which may send anything.
    """
    moves: dict[str, Callable[[], State]] = {
        "logit": lambda: with_logit(state, which, edit.get("node"), edit.get("value")),
        "logits": lambda: with_logits(state, which, edit.get("values")),
        "descend": lambda: descended(state, which, edit.get("loss"), edit.get("steps")),
        "reset": lambda: reset(state),
        "target": lambda: with_target(state, edit.get("node")),
        "go": lambda: step_by(state, 1 if edit.get("by") == 1 else -1),
    }
    asked = edit.get("op")
    if not isinstance(asked, str) or asked not in moves:
        raise ConfigError("The board sent an unknown request; reload the page.")
    return moves[asked]()


def _with_option(state: State, name: str) -> int | None:
    for place, choice in enumerate(state.losses):
        if name in {option.name for option in losses.find(choice.name).options}:
            return place
    return None


def threshold_of(state: State) -> float:
    """Return the threshold of the first threshold decoder shown; 0.5 if there is none."""
    values = [choice.option_values["threshold"] for choice in state.decoders if choice.rule == "threshold"]
    return cast(float, values[0]) if values else 0.5
