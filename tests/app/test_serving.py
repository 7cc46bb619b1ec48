"""The headers of every answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.components.plot import SCRIPT
from pages.shared.serving import HEADERS, BaseAddress, PlotlyScript, SafeHeaders


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


def page_of(content_type, *parts, method="GET", path="/data"):
    """The length and the body of an answer to a browser."""
    sent = []

    async def app(scope, receive, send):
        assert all(name != b"accept-encoding" for name, _ in scope["headers"]) or method != "GET"
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % sum(map(len, parts)))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts) - 1})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path}
    scope["headers"] = [(b"accept", b"text/html,*/*"), (b"accept-encoding", b"gzip")]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(BaseAddress(app, ["data", "runs"])(scope, None, send))).result()
    headers = dict(sent[0]["headers"])
    return int(headers[b"content-length"]), b"".join(message["body"] for message in sent[1:])


def test_a_page_says_where_the_server_is():
    length, body = page_of(b"text/html; charset=utf-8", b"<html><he", b"ad></head></html>")
    assert length == len(body)
    assert body.startswith(b"<html><head><script>")
    assert b'["/data", "/runs"]' in body


def test_other_answers_are_passed_on():
    assert page_of(b"text/css", b"<head>") == (6, b"<head>")
    assert page_of(b"text/html", b"<head>", method="POST") == (6, b"<head>")


@pytest.mark.parametrize("path", [f"/{SCRIPT}", f"/below/{SCRIPT}", f"/{SCRIPT}/other"])
def test_the_script_of_plots_is_served_below_any_address_and_may_be_kept(path):
    sent = []

    async def app(scope, receive, send):
        sent.append({"status": 404})

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.Event().wait()  # the browser stays

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(PlotlyScript(app)(scope, receive, send))).result()
    if path.endswith("other"):
        assert sent == [{"status": 404}]
        return
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 200
    assert b"javascript" in headers[b"content-type"]
    assert b"immutable" in headers[b"cache-control"]
    assert b"window.Plotly" in b"".join(message.get("body", b"") for message in sent[1:])
