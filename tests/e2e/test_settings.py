"""The Settings page in a real browser: what is entered is kept, and the log grows while one looks."""

import re

import pytest
from playwright.sync_api import expect

from hierapp.execution import settings, slots
from tests.e2e.conftest import SCREENSHOTS, wait_until


def test_settings_outlive_a_reload_and_the_log_is_followed(server, page):
    store = server.store
    log = store.folder / "launcher.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"line {number}\n" for number in range(300)))
    page.goto(f"{server.url}/settings")
    field = page.get_by_role("spinbutton", name="Runs at once on the CPU")
    expect(field).to_have_value("1")
    field.focus()
    for _ in range(3):  # faster than the page runs: none of them is lost
        field.press("ArrowUp")
    wait_until(lambda: slots.slots(store, "cpu") == 4, "the slots")
    page.get_by_role("radio", name="Ray cluster").click()
    address = page.get_by_role("textbox", name="Address of the cluster")
    address.fill("head")
    address.press("Enter")
    expect(page.get_by_text("Expected the launcher to be local, ray or ray://host:port")).to_be_visible()
    address.fill("head:10001")
    address.press("Enter")
    wait_until(lambda: settings.chosen(store) == "ray://head:10001", "the cluster")

    with log.open("a") as file:
        file.write("a line that is new\n")
    # It is in view, at the end of what is scrolled, and nothing is clicked for it.
    expect(page.locator(".st-key-log-lines")).to_contain_text("a line that is new")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the complete log").click()
    assert download.value.path().read_bytes() == log.read_bytes()

    page.reload()
    expect(page.get_by_role("spinbutton", name="Runs at once on the CPU")).to_have_value("4")
    expect(page.get_by_role("textbox", name="Address of the cluster")).to_have_value("ray://head:10001")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(scheme, server, page):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 2400})
    page.goto(f"{server.url}/settings")
    expect(page.get_by_text(re.compile(r"There is no log yet|running, process \d+")).first).to_be_visible()
    page.wait_for_timeout(1000)
    page.screenshot(path=SCREENSHOTS / f"settings-phone-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("[data-testid=stException]").count() == 0
