"""Work of the server before the first visit."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from hierapp.errors import HierappError
from hierapp.execution import scheduler
from hierapp.runs import Store

BROWSER_SECONDS = 0.5  # until the server answers


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Run around the lifetime of the app."""
    # With a folder named pages/, Streamlit looks for its old kind of pages until st.navigation has run once: the first
    # visit to a page's own address would show that there is no such page.
    PagesManager.uses_pages_directory = False
    with suppress(HierappError):  # the pages show what is wrong
        scheduler.warm_up(Store())
    if not st.get_option("server.headless"):
        url = f"http://localhost:{st.get_option('server.port')}"
        asyncio.get_running_loop().call_later(BROWSER_SECONDS, webbrowser.open, url)
    yield
