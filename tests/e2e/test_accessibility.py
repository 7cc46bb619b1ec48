"""Every page by the rules of axe-core, in both themes, and the visible focus of the keyboard."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app import MENU
from tests.e2e.conftest import Server, settle
from tests.finished_runs import add_finished

NAMES = [name for pages in MENU.values() for name in pages]
RULES = {"resultTypes": ["violations"]}
# Labels of plots in the text color of the light theme.
NO_OLD_LABELS = """() => [...document.querySelectorAll('.js-plotly-plot svg text')]
    .every(text => getComputedStyle(text).fill !== 'rgb(27, 36, 48)')"""

# The color of the lowest value of each heat map.
SCALES = """[...document.querySelectorAll('.js-plotly-plot')]
    .map(plot => plot._fullLayout?.coloraxis?.colorscale?.[0][1])"""


@pytest.fixture(scope="module")
def filled(shared_server: Server) -> Server:
    for loss in ("cross-entropy", "conditional"):
        for seed in (0, 1):
            add_finished(shared_server.store, loss, seed)
    return shared_server


def open_page(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.url}/{'' if name == 'start' else name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    settle(page)


def faults(page: Page) -> list[str]:
    """Serious and critical violations, and headings out of order; with the elements."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:300]} {node.get('failureSummary', '')}"
        for rule in found
        if rule["impact"] in ("serious", "critical") or rule["id"] == "heading-order"
        for node in rule["nodes"]
        if "katex-display" not in node["html"]  # wider than its box by the rounding of one pixel
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_page_breaks_the_rules_in_either_theme(page, filled, name):
    open_page(page, filled, name)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    background = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    page.wait_for_function(f"{background} === 'rgb(17, 22, 29)'")
    page.wait_for_function(NO_OLD_LABELS)
    settle(page)  # colors change gradually
    assert faults(page) == []


def test_the_color_scale_of_a_heat_map_follows_the_theme(page, filled):
    open_page(page, filled, "trees?tree=cifar10")
    page.get_by_role("tab", name="Distances").click()
    for scheme, lowest in (("light", "#ffffff"), ("dark", "#161d26"), ("light", "#ffffff")):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"{SCALES}.includes('{lowest}')")


def test_links_and_the_page_show_the_focus_of_the_keyboard(page, filled):
    open_page(page, filled, "start")
    page.keyboard.press("Tab")
    for part in ("stTopNavLink", "stPageLink-NavLink", "stMain"):
        page.get_by_test_id(part).first.focus()
        expect(page.get_by_test_id(part).first).to_have_css("outline-style", "solid")


def test_a_popover_that_is_opened_by_keyboard_takes_the_focus_and_gives_it_back(page, filled):
    open_page(page, filled, "runs")
    opener = page.get_by_test_id("stPopoverButton").filter(has_text="Choose", visible=True)
    inside = page.get_by_test_id("stPopoverBody").get_by_role("button")
    opener.press("Enter")
    expect(inside.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(inside.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(opener).to_be_focused()
    page.keyboard.press("Escape")
    expect(inside).to_have_count(0)
