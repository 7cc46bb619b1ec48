"""Images with label maps, from the upload of a zip to a trained run and its mistakes, in a real browser."""

import re

from playwright.sync_api import expect

from tests.e2e.conftest import LONG, wait_until
from tests.label_maps import files, pack, table


def test_label_maps_are_uploaded_shown_trained_on_and_compared(server, page, tmp_path):
    page.goto(f"{server.url}/data")
    page.get_by_text("Import your own images").click()
    archive = pack(tmp_path / "streets.zip", {**files(), "classes.csv": table()})
    page.locator("input[type=file]").set_input_files(archive)
    page.get_by_role("button", name="Check the upload").locator("visible=true").click()
    expect(page.get_by_text("22 images with label maps")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Save this data set").click()
    expect(page).to_have_url(re.compile(r"set=streets"))
    expect(page.get_by_role("img", name="Images 1 to 9 of the training part with label maps of sky")).to_be_visible()

    page.goto(f"{server.url}/train?data=streets&loss=conditional&epochs=1&unet-width=2")
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=1")
    wait_until(lambda: not server.store.run("1").is_open, "the run's end")
    run = server.store.run("1")
    assert (run.state, run.config.model, run.config.batch_size) == ("finished", "unet", 8)
    assert 0 < run.test["mean_iou"] < 1
    expect(page.get_by_role("heading", name="Validation mean IoU")).to_be_visible(timeout=LONG)

    page.goto(f"{server.url}/compare?view=maps")
    expect(page.get_by_role("img", name="Truth, prediction and mistakes of test images")).to_be_visible(timeout=LONG)
    border = page.get_by_role("slider", name="Truth and prediction of test image")
    expect(border).to_have_value("50")
    border.press("Home")
    expect(border).to_have_value("0")
    expect(page.locator(".pair .first")).to_have_css("clip-path", re.compile("100%"))
    border.click(position={"x": 180, "y": 20})
    expect(border).to_have_value("25")
