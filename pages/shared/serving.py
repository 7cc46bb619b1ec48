"""What the server does beside Streamlit: work before the first visit, and headers of every answer."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

# Plotly asks whether a value is one of pandas' wherever pandas is imported, even half: two first visits at once would
# fail. So it is imported before the first one.
import pandas as pd  # noqa: F401
import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

from hierapp.errors import HierappError
from hierapp.execution import leftovers, scheduler
from hierapp.runs import Store

BROWSER_SECONDS = 0.5  # until the server answers
# Not in a frame of another site, where clicks could be led astray, and no pictures or plug-ins from other sites: a
# picture's address tells its server who looks, and addresses of drafts are secrets.
HEADERS = {
    "Content-Security-Policy": (
        "frame-ancestors 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; object-src 'none'; base-uri"
        " 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class SafeHeaders:
    """ASGI middleware that adds `HEADERS` to every answer that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Run around the lifetime of the app."""
    # With a folder named pages/, Streamlit looks for its old kind of pages until st.navigation has run once: the first
    # visit to a page's own address would show that there is no such page.
    PagesManager.uses_pages_directory = False
    leftovers.clean(Store())
    with suppress(HierappError):  # the pages show what is wrong
        scheduler.warm_up(Store())
    if not st.get_option("server.headless"):
        url = f"http://localhost:{st.get_option('server.port')}"
        asyncio.get_running_loop().call_later(BROWSER_SECONDS, webbrowser.open, url)
    yield
