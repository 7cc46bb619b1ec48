"""What the Loss lab keeps between two runs of its page: the view, and its way into the address and back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from hierapp.data.images import Pixels
from hierapp.errors import HierappError
from hierapp.lab import actions as lab_actions, saved_views, views
from hierapp.lab.descent import Descent
from hierapp.lab.views import State

KEY = "lab"
Change = Callable[[State, Any], State]
OURS = (*views.PARAMETERS, "view")


@dataclass
class Lab:
    """One visitor's lab.

    Attributes:
        state: the view.
        params: of its address, as last written or read.
        complaints: what was wrong with the address, or with a move.
        look: the node whose formulas are shown.
        point: which point of a slice the board shows.
        down: which loss's place gradient steps go down.
        play: a descent to be played once.
        session, done: by which the board knows its moves done.
        concerns_all: whether the board's last moves change more than what is beside the switches.
        settled: whether the address is to follow; not while a bar is dragged.
        rested: the view before the drag that goes on, or of now.
        wants_run_image: whether a real image was asked for, also where no run has any.
        searching: whether images are looked for, instead of one on the board.
        found_from: the first of the images found that is shown.
        own: name and pixels of a picture of one's own that is on the board.
    """

    state: State
    params: dict[str, str]
    complaints: tuple[str, ...] = ()
    message: str = ""
    look: int | None = None
    point: str = "first"
    down: int = 0
    play: Descent | None = None
    plays: int = 0
    view: tuple[str, State] | None = None
    concerns_all: bool = False
    settled: bool = True
    rested: State | None = None
    wants_run_image: bool = False
    searching: bool = False
    found_from: int = 0
    own: tuple[str, Pixels] | None = None
    done: int = 0
    session: str = field(default_factory=lambda: secrets.token_hex(4))

    def put(self, state: State) -> None:
        """Another view."""
        if (state.story, state.step) != (self.state.story, self.state.step):
            self.point, self.down = "first", 0
        self.wants_run_image = False
        if state.run_image != self.state.run_image:
            self.searching, self.own = False, None
        if state.example.tree != self.state.example.tree or state.story != self.state.story:
            self.look = None
        self.state, self.settled, self.complaints, self.message = state, True, (), ""

    def attempt(self, change: Callable[[State], State]) -> None:
        """Another view, or the sentence that says why not."""
        try:
            self.put(change(self.state))
        except HierappError as error:
            self.message = str(error)

    def ask(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """The board's moves, each once."""
        for move in asked if isinstance(asked, list) else ():
            number = move.get("id") if isinstance(move, Mapping) else None
            if type(number) is not int or number <= self.done:
                continue
            self.done = number
            if move.get("op") == "look":
                node = move.get("node")
                self.look = node if type(node) is int and node != self.look else None
                continue
            self.attempt(partial(lab_actions.edited, which=self.point, edit=move))
            self.settled = move.get("final") is not False
            self.concerns_all |= move.get("op") != "logit"

    def at_rest(self, state: State) -> State:
        """This state, or while a bar is dragged the one before the drag."""
        before = self.rested
        if self.settled or before is None or (before.story, before.step) != (state.story, state.step):
            self.rested = before = state
        return before

    @property
    def shows_run_image(self) -> bool:
        """Whether this is about the images of runs."""
        return self.wants_run_image or self.state.run_image is not None

    def link(self) -> str | None:
        """The query of the link to this view; None if it is too large for one."""
        if self.view is not None and self.view[1] == self.state:
            return urlencode({"view": self.view[0]})
        params = views.to_params(self.state)
        return urlencode(params) if views.fits(params) else None


def current() -> Lab:
    """The visitor's lab."""
    lab: Lab = st.session_state[KEY]
    return lab


def opened() -> Lab:
    """The lab as the address has it: as it was left, unless the address was changed meanwhile."""
    given = {key: value for key, value in st.query_params.items() if key in OURS}
    kept: Lab | None = st.session_state.get(KEY)
    if kept is not None and kept.concerns_all:
        return kept  # the board asked for this run, maybe before the browser had the last address
    if kept is None or given != kept.params:
        fresh = _from_address(given)
        if kept is not None:
            fresh.session, fresh.done, fresh.plays = kept.session, kept.done, kept.plays
        st.session_state[KEY] = kept = fresh
    return kept


def write_address(lab: Lab) -> None:
    """Let the address follow the view, where it is short enough to."""
    if not lab.settled:
        return
    if lab.view is not None and lab.view[1] == lab.state:
        wanted = {"view": lab.view[0]}
    else:
        wanted = views.to_params(lab.state)
        if not views.fits(wanted):
            return
    if wanted != lab.params:
        others = {key: st.query_params.get_all(key) for key in st.query_params if key not in OURS}
        st.query_params.from_dict({**others, **wanted})
        lab.params = wanted


def _from_address(given: dict[str, str]) -> Lab:
    if "view" in given:
        try:
            state = saved_views.load(given["view"])
            return Lab(state, given, view=(given["view"], state))
        except HierappError as error:
            return Lab(views.start(), given, complaints=(str(error),))
    found = views.from_params(given)
    return Lab(found.state, given, complaints=found.complaints)


def bound(key: str, value: object, change: Change) -> dict[str, Any]:
    """The arguments of a widget that shows `value` and, when touched, changes the view."""
    st.session_state[key] = value
    return {"key": key, "on_change": _touched, "args": (key, change)}


def _touched(key: str, change: Change) -> None:
    lab = current()
    lab.attempt(lambda state: change(state, st.session_state[key]))
