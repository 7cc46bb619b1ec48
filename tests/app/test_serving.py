"""The headers of every answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from pages.shared.serving import HEADERS, SafeHeaders


def answered(headers, kind="http"):
    """The headers of an answer that an app gives with these."""
    sent = []

    async def app(scope, receive, send):
        start = f"{kind}.response.start" if kind == "http" else "websocket.accept"
        await send({"type": start, "status": 200, "headers": headers})

    async def send(message):
        sent.append(message)

    # In a thread: where browser tests ran before, this one has an event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(SafeHeaders(app)({"type": kind}, None, send))).result()
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_every_answer_forbids_frames_and_pictures_of_other_sites():
    found = answered([(b"content-type", b"text/html")])
    assert found["content-type"] == "text/html"
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= found.items()
    assert "frame-ancestors 'self'" in found["content-security-policy"]


def test_a_header_that_is_there_stays():
    assert answered([(b"x-frame-options", b"DENY")])["x-frame-options"] == "DENY"


def test_web_sockets_are_passed_on():
    assert answered([], "websocket") == {}
