"""Hostile names and addresses in a real browser: nothing of another host is asked for or linked, nothing is framed."""

from __future__ import annotations

import re
import urllib.request

import pytest
from playwright.sync_api import expect

from pages.shared.serving import HEADERS
from tests.app import hostile
from tests.app.hostile import HOST, NAME, TEXT
from tests.e2e.conftest import SCREENSHOTS, wait_until
from tests.e2e.test_walk import TITLES

# Addresses of the studio, runs and others over a hostile home, with what `fill` returns in braces.
VIEWS = (
    "runs?runs={run}&runs={failed}&runs={queued}",
    "studio?draft={draft}",
    "studio?draft=![x](http://evil.example/a.png) [Sign in again](http://evil.example)",
    "trees?tree=hostile",
    "data?set=hostile",
    "data?import={import}",
    "lab?view={view}",
    "compare?on=hostile&view=confusion",
    "search?view=results",
)


@pytest.fixture
def filled(tmp_path, server, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    ids = hostile.fill(server.store, tmp_path / "data")
    server.store.hold(ids["queued"])
    return ids


def test_hostile_texts_make_no_link_and_fetch_nothing(server, filled, page):
    for path in ["", "similarities", "train", "reproduce", "settings", *VIEWS]:
        page.goto(f"{server.url}/{path.format_map(filled)}")
        title = TITLES[path.partition("?")[0]]
        expect(page.get_by_role("heading", name=re.compile(re.escape(title))).first).to_be_visible()
        expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        page.screenshot(path=SCREENSHOTS / f"hostile-{re.sub(r'[^a-z]+', '-', path)[:30]}.png")
        for name, attribute in (("a", "href"), ("img", "src"), ("image", "href"), ("iframe", "src")):
            assert page.locator(f'{name}[{attribute}*="{HOST}"]').count() == 0, path
    # What was tried is on the page, as it was written.
    page.goto(f"{server.url}/runs?runs={filled['failed']}")
    expect(page.get_by_test_id("stAlert").first).to_contain_text(TEXT.split(" <")[0])
    page.goto(f"{server.url}/trees?tree={NAME}")
    expect(page.get_by_text("**d**").first).to_be_visible()


def test_the_app_is_shown_in_no_frame_of_another_site(server, page):
    with urllib.request.urlopen(server.url) as answer:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    page.route("http://localhost:1/", lambda route: route.fulfill(
        content_type="text/html", body=f'<iframe src="{server.url}"></iframe>'))  # fmt: skip
    page.goto("http://localhost:1/")
    wait_until(lambda: len(page.frames) == 2 and page.frames[1].url != "about:blank", "the frame")
    assert page.frames[1].url.startswith("chrome-error:")
