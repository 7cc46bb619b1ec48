"""The complete state of the lab, and its conversion to and from an address.

An address contains only the differences from a start: a story's step, a test image of a run, or the lab's default.
Invalid parts are ignored, each reported in one sentence; the other parts are applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from urllib.parse import urlencode

from hierapp.errors import ConfigError, HierappError
from hierapp.lab import run_images, stories, trees, url_codec
from hierapp.lab.choices import INITIAL_DECODERS, INITIAL_LOSSES, DecoderChoice, LossChoice
from hierapp.lab.example import Example, on_slider
from hierapp.lab.landscape import SPACES, Space
from hierapp.lab.run_images import RunImage
from hierapp.trees import LabelTree

# Longer addresses get truncated in mail and chat; such a state is stored as a saved view.
LONGEST = 1800
PARAMETERS = (
    *("lesson", "step", "run", "image", "pixel", "tree", "nodes", "y", "x", "x2", "x3", "space", "loss", "decoder"),
)
_LOGITS = ("x", "x2", "x3")


@dataclass(frozen=True)
class State:
    """The state of the lab.

    Attributes:
        example: the example: tree, node logits, true leaf.
        tree_name: the tree's name for `trees.named`; None for a tree without one.
        losses: the losses shown, in order.
        decoders: the decoders shown, in order.
        story: the id of the current story; None without one.
        step: its step, from 1; 1 without a story.
        second: node logits of a slice's other end; None if there is none.
        third: node logits of a surface's other direction; None if there is none.
        space: the coordinates of slice and surface.
        run_image: the network's output on an image, if the state started from one; never combined with a story.
    """

    example: Example
    tree_name: str | None
    losses: tuple[LossChoice, ...] = INITIAL_LOSSES
    decoders: tuple[DecoderChoice, ...] = INITIAL_DECODERS
    story: str | None = None
    step: int = 1
    second: tuple[float, ...] | None = None
    third: tuple[float, ...] | None = None
    space: Space = "logits"
    run_image: RunImage | None = None

    def second_example(self) -> Example | None:
        """Return the other end of a slice; None if there is none."""
        return None if self.second is None else replace(self.example, logits=self.second)

    def third_example(self) -> Example | None:
        """Return the other direction of a surface; None if there is none."""
        return None if self.third is None else replace(self.example, logits=self.third)

    def on_tree(self, tree: LabelTree, name: str | None) -> State:
        """Return the state over another tree: if the classes are the same, the true leaf and the leaf probabilities are
        preserved; otherwise all logits are 0."""
        return replace(self, example=_moved(self.example, tree), tree_name=name, second=None, third=None)


@dataclass(frozen=True)
class Opened:
    """The state of an address, and one sentence for each part that was ignored."""

    state: State
    complaints: tuple[str, ...] = field(default=())


@cache
def start(story: str | None = None, step: int = 1) -> State:
    """Return a start: a story's step, or without a story the lab's default, figure 7 with some losses and decoders.

    Raises:
        ConfigError: if there is no such story or step.
    """
    if story is None:
        first = stories.step("cat-truck", 1)
        return State(first.example(), first.tree)
    at = stories.step(story, step)
    second, third = at.second_example(), at.third_example()
    return State(
        at.example(),
        at.tree,
        at.losses,
        at.decoders,
        story,
        step,
        None if second is None else second.logits,
        None if third is None else third.logits,
        at.space,
    )


def of_run_image(image: RunImage) -> State:
    """Return the start for a network's output on an image: its probabilities, with the losses shown first."""
    return State(image.example, image.tree_name, run_image=image)


def initial_state(state: State) -> State:
    """Return the start from which this state was reached."""
    return start(state.story, state.step) if state.run_image is None else of_run_image(state.run_image)


def _address_base(state: State) -> State:
    """Return the start that the address names: for an uploaded picture, which has no address, the lab's default."""
    return start() if state.run_image is not None and state.run_image.image is None else initial_state(state)


def to_params(state: State) -> dict[str, str]:
    """Return the parameters of the state's address; see `fits` for whether they are short enough."""
    base = _address_base(state)
    params: dict[str, str] = {}
    if state.story is not None:
        params |= {"lesson": state.story, "step": str(state.step)}
    if base.run_image is not None:
        params |= {"run": base.run_image.run, "image": str(base.run_image.image)}
        if base.run_image.pixel is not None:
            params["pixel"] = "{},{}".format(*base.run_image.pixel)
    if state.example.tree != base.example.tree or state.tree_name != base.tree_name:
        named = state.tree_name is not None
        params |= {"tree": str(state.tree_name)} if named else {"nodes": url_codec.pack_tree(state.example.tree)}
        base = base.on_tree(state.example.tree, state.tree_name)
    if state.example.target != base.example.target:
        params["y"] = state.example.target_name
    own = state.example.logits
    for key, logits, was in (
        ("x", own, base.example.logits),
        ("x2", state.second, base.second),
        ("x3", state.third, base.third),
    ):
        if logits != was:
            params[key] = (
                "" if logits is None else url_codec.pack_logits(logits, base.example.logits if was is None else was)
            )
    if state.space != base.space:
        params["space"] = state.space
    if state.losses != base.losses:
        params["loss"] = losses_text(state)
    if state.decoders != base.decoders:
        params["decoder"] = "!".join(_text(each.rule, each.options) for each in state.decoders)
    return params


def link_params(state: State) -> dict[str, str]:
    """Return the parameters of a link to the state that holds its tree and its numbers.

    The address of a page may name a run or a tree of this machine; a link is opened on other machines, too.
    """
    named = state.tree_name if trees.is_shipped(state.tree_name) else None
    return to_params(replace(state, tree_name=named, run_image=None))


def losses_text(state: State) -> str:
    """Return the losses of a state as the parameter `loss`."""
    return "!".join(_text(each.name, each.options) for each in state.losses)


def length(params: Mapping[str, str]) -> int:
    """Return the number of characters of an address with these parameters."""
    return len(urlencode(params))


def fits(params: Mapping[str, str]) -> bool:
    """Return whether an address with these parameters is short enough to share."""
    return length(params) <= LONGEST


def from_params(params: Mapping[str, str]) -> Opened:
    """Return the state of an address. Never raises: invalid parts are reported and ignored; so are unknown parameters,
    without a report."""
    state, complaints = start(), list[str]()

    def attempt(change: Callable[[State], State]) -> bool:
        nonlocal state
        try:
            state = change(state)
        except HierappError as error:
            complaints.append(str(error))
            return False
        return True

    there = True
    if "run" in params:
        named_image = (params["run"], params.get("image", "0"), params.get("pixel"))
        there = attempt(lambda _: of_run_image(run_images.find(*named_image)))
    elif "lesson" in params:
        attempt(lambda _: start(params["lesson"], _step(params.get("step", "1"))))
    named = "tree" in params or "nodes" in params
    # The true leaf and the logits are meaningless without their tree or image.
    if attempt(lambda now: _with_tree(now, params)) if named and there else there:
        if "y" in params:
            attempt(lambda now: with_target(now, params["y"]))
        for key in (key for key in _LOGITS if key in params):
            attempt(partial(_with_logits, key=key, text=params[key]))
    if "space" in params:
        attempt(lambda now: _with_space(now, params["space"]))
    if "loss" in params:
        attempt(lambda now: replace(now, losses=_losses(params["loss"])))
    if "decoder" in params:
        attempt(lambda now: replace(now, decoders=_decoders(params["decoder"])))
    return Opened(state, tuple(complaints))


def _step(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise ConfigError(f"The step {text[:20]!r} in the address is not a valid step number of the story.")
    return int(text)


def _with_tree(state: State, params: Mapping[str, str]) -> State:
    if "tree" in params:
        return state.on_tree(trees.named(params["tree"]), params["tree"])
    return state.on_tree(url_codec.unpack_tree(params["nodes"]), None)


def with_target(state: State, name: str) -> State:
    """Return the state with another true class; raise a ConfigError if the tree has no class of this name."""
    leaves = state.example.tree.leaves
    if name not in leaves:
        raise ConfigError(f"The tree has no class {name[:60]!r}, which the address names as the true one.")
    return replace(state, example=state.example.with_target(leaves.index(name)))


def _with_logits(state: State, key: str, text: str) -> State:
    own = state.example.logits
    if key == "x":
        return replace(state, example=replace(state.example, logits=url_codec.unpack_logits(text, own)))
    # The points are encoded relative to the start's points, independently of the example's own logits.
    start_of_it = initial_state(state)
    if state.example.tree != start_of_it.example.tree or state.tree_name != start_of_it.tree_name:
        start_of_it = start_of_it.on_tree(state.example.tree, state.tree_name)
    was = start_of_it.second if key == "x2" else start_of_it.third
    found = url_codec.unpack_logits(text, start_of_it.example.logits if was is None else was) if text else None
    return replace(state, second=found) if key == "x2" else replace(state, third=found)


def _with_space(state: State, name: str) -> State:
    for space in SPACES:
        if space == name:
            return replace(state, space=space)
    raise ConfigError(f"Expected the space of slices to be one of {', '.join(SPACES)} but got {name[:60]!r}.")


def _losses(text: str) -> tuple[LossChoice, ...]:
    return tuple(LossChoice.of(*_parsed(each)) for each in text.split("!")) if text else ()


def _decoders(text: str) -> tuple[DecoderChoice, ...]:
    return tuple(DecoderChoice.of(*_parsed(each)) for each in text.split("!")) if text else ()


def _text(name: str, options: tuple[tuple[str, object], ...]) -> str:
    """Return a choice as text, such as `hierarchical:mass=0:targets=leaf`."""
    return ":".join([name, *(f"{key}={_value(value)}" for key, value in options)])


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(_value(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    name, *pairs = text.split(":")
    options = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        options[key] = value
    return name, options


def _moved(example: Example, tree: LabelTree) -> Example:
    if tree == example.tree:
        return example
    if set(tree.leaves) != set(example.tree.leaves):
        return Example.level(tree)
    z = dict(zip(example.tree.leaves, example.leaf_log_probs, strict=True))
    moved = Example.from_leaf_log_probs(tree, [z[leaf] for leaf in tree.leaves], tree.leaves.index(example.target_name))
    return replace(moved, logits=tuple(on_slider(logit) for logit in moved.logits))
