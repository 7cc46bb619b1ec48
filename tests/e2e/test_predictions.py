"""Predictions of another model, from the upload to the confusion matrix and to the trash, in a real browser."""

import re

from playwright.sync_api import expect

from tests.e2e.conftest import LONG, wait_until
from tests.e2e.test_compare import cells
from tests.imported import npz, of_digits


def test_predictions_are_uploaded_compared_deleted_and_undone(server, page, tmp_path):
    (tmp_path / "forest.npz").write_bytes(npz(**of_digits()))
    (tmp_path / "forest.pkl.npz").write_bytes(b"\x80\x04K\x01.")
    page.goto(f"{server.url}/predictions?tree=digits")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "forest.pkl.npz")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("is a Python pickle, which is never loaded")).to_be_visible(timeout=LONG)

    page.goto(f"{server.url}/predictions?tree=digits")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "forest.npz")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Imported as run 1: 359 rows of Digits")).to_be_visible(timeout=LONG)
    page.get_by_role("link", name="Confusion matrix along the tree").click()
    expect(page).to_have_url(re.compile(r"/compare\?.*view=confusion"))
    wait_until(lambda: cells(page) == 100, "a point for each cell")
    expect(page.get_by_role("img", name=re.compile("^Test images of ")).first).to_be_visible()

    page.goto(f"{server.url}/runs?runs=1")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 1 forest").click()
    expect(page.get_by_text("Run 1 is in the trash.")).to_be_visible()
    assert server.store.runs() == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Predictions that were made elsewhere have no curves.")).to_be_visible()
    assert [run.id for run in server.store.runs()] == ["1"]
