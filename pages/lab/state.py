"""The Loss lab's session state: the view, and its conversion to and from the address."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from hierapp.data.images import Pixels
from hierapp.errors import ConfigError, HierappError
from hierapp.execution import settings
from hierapp.lab import actions as lab_actions, saved_views, views
from hierapp.lab.views import State
from pages.shared import common

KEY = "lab"
Change = Callable[[State, Any], State]
OURS = (*views.PARAMETERS, "view", "present")
TOO_LONG = (
    "This view needs a link of {:,} characters, and mail programs shorten links of more than {:,}: download it as one"
    " file, or save it and copy the link of the saved view."
)
ONLY_HERE = "This view is too large for a link; the link names the saved view, which only this server has."


@dataclass
class Lab:
    """The lab of one session.

    Attributes:
        state: the view.
        params: the parameters of its address, as last written or read.
        complaints: what was wrong with the address.
        message: what was wrong with the last change.
        point: the point of a slice that the board shows.
        view: the name of the saved view that was last saved or opened, and its state.
        session, done: the session id and the last move processed, from which the board knows that a move is done.
        concerns_all: whether the board's last moves change more than the board and the plots.
        settled: whether the address may be updated; not while a bar is dragged.
        rested: the view before the current drag, or the current view.
        wants_run_image: whether a real image was requested, even if no run has any.
        searching: whether the search is shown instead of one image on the board.
        found_from: the position of the first search result shown.
        own: name and pixels of the uploaded picture on the board.
        is_shown: whether the browser has received a view.
        presents: whether it is shown to an audience: large, without the menu.
        continues: whether the next run of the page was started by the page itself.
    """

    state: State
    params: dict[str, str]
    complaints: tuple[str, ...] = ()
    message: str = ""
    point: str = "first"
    view: tuple[str, State] | None = None
    concerns_all: bool = False
    settled: bool = True
    rested: State | None = None
    wants_run_image: bool = False
    searching: bool = False
    found_from: int = 0
    own: tuple[str, Pixels] | None = None
    is_shown: bool = False
    presents: bool = False
    continues: bool = False
    done: int = 0
    session: str = field(default_factory=lambda: secrets.token_hex(4))

    def put(self, state: State) -> None:
        """Set the view."""
        if (state.story, state.step) != (self.state.story, self.state.step):
            self.point = "first"
        self.wants_run_image = False
        if state.run_image != self.state.run_image:
            self.searching, self.own = False, None
        self.state, self.settled, self.complaints, self.message = state, True, (), ""

    def attempt(self, change: Callable[[State], State]) -> None:
        """Change the view; on an error, store its message instead."""
        try:
            self.put(change(self.state))
        except HierappError as error:
            self.message = str(error)

    def ask(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """Apply the board's moves, each once."""
        for move in asked if isinstance(asked, list) else ():
            number = move.get("id") if isinstance(move, Mapping) else None
            if type(number) is not int or number <= self.done:
                continue
            self.done = number
            if move.get("op") == "present":
                self.presents, self.concerns_all = not self.presents, True
                continue
            self.attempt(partial(lab_actions.edited, which=self.point, edit=move))
            self.settled = move.get("final") is not False
            self.concerns_all |= move.get("op") not in ("logit", "logits", "descend")

    def at_rest(self, state: State) -> State:
        """Return this state, or, while a bar is dragged, the one before the drag."""
        before = self.rested
        if self.settled or before is None or (before.story, before.step) != (state.story, state.step):
            self.rested = before = state
        return before

    @property
    def shows_run_image(self) -> bool:
        """Whether the controls for images of runs are shown."""
        return self.wants_run_image or self.state.run_image is not None

    def link(self) -> dict[str, str]:
        """Return the query string of the link to this view and the app's public address, or why there is no link."""
        try:
            base = settings.public_address(common.store())
        except ConfigError as error:  # HIERAPP_PUBLIC_URL is no address
            return {"refused": str(error)}
        found = {"base": f"{base}/lab" if base else ""}
        params = views.link_params(self.state)
        if views.fits(params):
            return {**found, "query": urlencode(params)}
        if self.view is not None and self.view[1] == self.state:
            return {**found, "query": urlencode({"view": self.view[0]}), "note": ONLY_HERE}
        return {"refused": TOO_LONG.format(views.length(params), views.LONGEST)}


def current() -> Lab:
    """Return the lab of this session."""
    lab: Lab = st.session_state[KEY]
    return lab


def opened() -> Lab:
    """Return the lab of this session; if the address has changed, a lab created from the address."""
    given = {key: value for key, value in st.query_params.items() if key in OURS}
    kept: Lab | None = st.session_state.get(KEY)
    if kept is not None and (kept.concerns_all or kept.continues):
        kept.continues = False
        return kept  # this run may have been started before the browser received the last address
    if kept is None or given != kept.params:
        fresh = _from_address(given)
        if kept is not None:
            fresh.session, fresh.done, fresh.is_shown = kept.session, kept.done, kept.is_shown
        st.session_state[KEY] = kept = fresh
    return kept


def write_address(lab: Lab) -> None:
    """Update the address to match the view, if it is short enough."""
    if not lab.settled:
        return
    if lab.view is not None and lab.view[1] == lab.state:
        wanted = {"view": lab.view[0]}
    else:
        wanted = views.to_params(lab.state)
        if not views.fits(wanted):
            return
    if lab.presents:
        wanted = {**wanted, "present": "1"}
    if wanted != lab.params:
        others = {key: st.query_params.get_all(key) for key in st.query_params if key not in OURS}
        st.query_params.from_dict({**others, **wanted})
        lab.params = wanted


def _from_address(given: dict[str, str]) -> Lab:
    lab = _view_of_address(given)
    lab.presents = given.get("present") == "1"
    return lab


def _view_of_address(given: dict[str, str]) -> Lab:
    if "view" in given:
        try:
            state = saved_views.load(given["view"])
            return Lab(state, given, view=(given["view"], state))
        except HierappError as error:
            return Lab(views.start(), given, complaints=(str(error),))
    found = views.from_params(given)
    return Lab(found.state, given, complaints=found.complaints)


def bound(key: str, value: object, change: Change) -> dict[str, Any]:
    """Return the arguments of a widget that shows `value` and changes the view when used."""
    st.session_state[key] = value
    return {"key": key, "on_change": _touched, "args": (key, change)}


def _touched(key: str, change: Change) -> None:
    lab = current()
    lab.attempt(lambda state: change(state, st.session_state[key]))
