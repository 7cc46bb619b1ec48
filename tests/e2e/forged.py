"""A client that speaks Streamlit's protocol without a browser, and so can send what no page would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect


@contextmanager
def session(url: str, window: Page | None = None) -> Iterator[Session]:
    """A session of one's own with the server, with the cookies of a browser's window, if one is given."""
    cookies = {each["name"]: each["value"] for each in window.context.cookies(url)} if window else {}
    token = cookies.get("_streamlit_xsrf", "")
    with connect(
        url.replace("http", "ws", 1) + "/_stcore/stream",
        origin=url,
        subprotocols=["streamlit", *[token] * bool(token)],
        additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
        max_size=None,
    ) as socket:
        yield Session(socket)


class Session:
    """What is asked, and what is answered."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.fragments: dict[str, str] = {}  # of each widget of the last answer

    def run(self, page: str, query: str = "", values: Sequence[WidgetState] = (), fragment: str = "") -> list[Element]:
        """Ask for a page, or one of its fragments, with these widgets' values; what it shows, in order."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(values)
        self.socket.send(message.SerializeToString())
        shown: list[Element] = []
        self.fragments = {}
        while True:
            answer = ForwardMsg.FromString(self.socket.recv(timeout=240))
            if answer.WhichOneof("type") == "delta" and answer.delta.WhichOneof("type") == "new_element":
                shown.append(answer.delta.new_element)
                self.fragments[_id(shown[-1])] = answer.delta.fragment_id
            if answer.WhichOneof("type") == "script_finished":
                return shown


def button(shown: Sequence[Element], label: str) -> Any:
    """The button whose label begins so."""
    return next(
        element.button
        for element in shown
        if element.WhichOneof("type") == "button" and element.button.label.startswith(label)
    )


def field(shown: Sequence[Element], label: str) -> Any:
    """The number field of this label."""
    return next(
        element.number_input
        for element in shown
        if element.WhichOneof("type") == "number_input" and element.number_input.label == label
    )


def errors(shown: Sequence[Element]) -> list[str]:
    """The sentences in red."""
    return [element.alert.body for element in shown if element.WhichOneof("type") == "alert"]


def pressed(widget: Any) -> WidgetState:
    return WidgetState(id=widget.id, trigger_value=True)


def entered(widget: Any, value: Mapping[str, Any]) -> WidgetState:
    return WidgetState(id=widget.id, **value)


def _id(element: Element) -> str:
    kind = element.WhichOneof("type")
    return str(getattr(getattr(element, kind), "id", "")) if kind else ""
