"""One's own pictures, from the upload to a finished run, in a real browser."""

import re

from playwright.sync_api import expect

from tests.data.imports.conftest import odd_lot, pack
from tests.e2e.conftest import LONG, wait_until


def test_pictures_are_uploaded_checked_kept_and_trained_on(server, page, tmp_path):
    page.goto(f"{server.url}/data")
    page.get_by_text("Import your own images").click()
    page.locator("input[type=file]").set_input_files(pack(tmp_path / "lot.zip", odd_lot()))
    page.get_by_role("button", name="Check the upload").locator("visible=true").click()
    expect(page.get_by_text("1 file cannot be used and is left out")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("299 images by class folders")).to_be_visible()
    expect(page.get_by_text("A tree is proposed.")).to_be_visible()
    page.get_by_role("button", name="Save this data set").click()
    expect(page).to_have_url(re.compile(r"set=lot"))
    expect(page.get_by_role("img", name="Training images of each class: blue, green, red")).to_be_visible()

    page.get_by_role("link", name="Train on it").click()
    expect(page).to_have_url(re.compile(r"/train\?.*data=lot"))
    page.goto(f"{server.url}/train?data=lot&loss=hierarchical")
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=1")
    wait_until(lambda: not server.store.run("1").is_open, "the run's end")
    run = server.store.run("1")
    assert (run.state, run.config.data, run.config.model) == ("finished", "lot", "lenet")
    assert run.test["accuracy"] > 0.6  # of three colors, after five epochs

    page.goto(f"{server.url}/data?set=lot")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page).not_to_have_url(re.compile(r"set=lot"))
    expect(page.get_by_role("combobox", name="Data set")).to_be_visible()


def test_an_archive_that_is_none_is_told_on_the_page(server, page, tmp_path):
    page.goto(f"{server.url}/data")
    page.get_by_text("Import your own images").click()
    (tmp_path / "notes.zip").write_text("no archive")
    page.locator("input[type=file]").set_input_files(tmp_path / "notes.zip")
    page.get_by_role("button", name="Check the upload").locator("visible=true").click()
    expect(page.get_by_text("The archive notes.zip is neither a zip nor a tar")).to_be_visible(timeout=LONG)
