"""The Compare page in a real browser, over finished runs with made-up predictions."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from hierapp.training import predictions
from tests.e2e.conftest import LONG, points, wait_until
from tests.finished_runs import add_finished


def cells(page):
    """How many cells the matrix has that can be clicked on."""
    return page.evaluate(
        """() => {
            const plots = [...document.querySelectorAll(".st-key-compare-cells .js-plotly-plot")];
            const shown = plots.filter(plot => plot.offsetParent && plot.calcdata);
            return shown.length ? shown[0].calcdata[1].length : 0;
        }"""
    )


def cell(page, row, column, size):
    """Click on a cell of the matrix."""
    plot = page.locator(".st-key-compare-cells .nsewdrag").locator("visible=true").first
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * (column + 0.5) / size, "y": box["height"] * (row + 0.5) / size})


def test_settings_are_compared_and_a_click_on_a_cell_shows_its_images(server, page):
    for loss in ("cross-entropy", "soft-labels"):
        for seed in (0, 1):
            add_finished(server.store, loss, seed)
    run = server.store.run("1")
    page.goto(f"{server.url}/compare")
    expect(page.get_by_text("Mean ± sample standard deviation")).to_be_visible(timeout=LONG)
    wait_until(lambda: len(points(page, "compare-curves")) == 4, "two lines and two bands")

    page.get_by_role("radio", name="Confusion and images").click()
    wait_until(lambda: cells(page) == 100, "a point for each cell")
    said = predictions.stored(run.folder)
    count = int(((said.target == 4) & (said.probabilities.argmax(1) == 4)).sum())
    cell(page, 4, 4, 10)
    leaf = run.tree.leaves[4]
    expect(page.get_by_role("heading", name=f"{leaf} classified as {leaf}")).to_be_visible(timeout=LONG)
    expect(page.get_by_text(f"{count} images, as run 1 classified them")).to_be_visible()
    expect(page.get_by_role("img", name=f"Test images of {leaf} classified as {leaf}")).to_be_visible()

    # The group that holds it closes, and the address says so.
    page.get_by_role("button", name=re.compile("^.*Close ")).locator("visible=true").first.click()
    below = len(run.tree.children[run.tree.parents[run.tree.leaf_nodes[4]]])
    wait_until(lambda: cells(page) == (11 - below) ** 2, "the matrix without them")
    assert "closed=" in page.url
    page.reload()
    wait_until(lambda: cells(page) == (11 - below) ** 2, "the same matrix again")
