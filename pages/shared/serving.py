"""What the server does beside Streamlit: work before the first visit, and headers of every answer."""

from __future__ import annotations

import asyncio
import json
import webbrowser
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

# Plotly asks whether a value is one of pandas' wherever pandas is imported, even half: two first visits at once would
# fail. So it is imported before the first one.
import pandas as pd  # noqa: F401
import plotly
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

from hierapp.errors import HierappError
from hierapp.execution import leftovers, scheduler
from hierapp.runs import Store
from pages.components.plot import SCRIPT

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


class BaseAddress:
    """ASGI middleware that tells the browser where the server is: at the address of the page without the page's name.

    Streamlit's client tries a page's own address first, which fails with two errors in the browser's console.
    """

    def __init__(self, app: ASGIApp, pages: Collection[str]) -> None:
        self.app = app
        named = json.dumps([f"/{page}" for page in pages])
        # Where no page's name ends the address, the client's own way is left to it.
        self.script = (
            "<head><script>{const here=location.pathname;"
            f"const page={named}.find(page=>here.endsWith(page));"
            "if(page)window.__streamlit={BACKEND_BASE_URL:location.origin+here.slice(0,1-page.length)}}</script>"
        ).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        if b"text/html" in dict(scope["headers"]).get(b"accept", b""):  # in a compressed page nothing can be inserted
            plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": plain}
        held: list[Message] = []  # the start of an HTML page, until its length is known

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                if message["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                    held.append(message)
                    return
            elif held:
                held.append(message)
                if message.get("more_body"):
                    return
                body = b"".join(part.get("body", b"") for part in held[1:])
                body = body.replace(b"<head>", self.script, 1)
                MutableHeaders(scope=held[0])["content-length"] = str(len(body))
                await send(held[0])
                held.clear()
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, changed)


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


class PlotlyScript:
    """ASGI middleware that serves the script that draws plots, at any address that ends with its name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.file = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith(f"/{SCRIPT}"):
            # Its version is in its name, so browsers may keep it.
            answer = FileResponse(self.file, headers={"Cache-Control": "public, max-age=31536000, immutable"})
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


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
