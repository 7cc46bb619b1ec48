"""Plots in a real browser: what the visitor has done to them stays when there is more to draw."""

from __future__ import annotations

import os

from playwright.sync_api import Page, expect

from hierapp.runs import Store
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.e2e.conftest import Server, points, settle, wait_until

AXIS = "document.querySelector('.st-key-accuracy .js-plotly-plot')._fullLayout.xaxis"


def begin(store: Store, seed: int) -> SQLiteRunWriter:
    """Let this process be the worker of a new run, which has two epochs."""
    store.add(
        [RunConfig.make(data="digits", tree="digits", loss="hierarchical", seed=seed)], tree_library.load("digits")
    )
    writer = store.writer(store.claim().id)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    writer.begin("cpu", "0")
    for epoch in (1, 2):
        add_epoch(writer, epoch)
    return writer


def add_epoch(writer: SQLiteRunWriter, epoch: int) -> None:
    writer.report(epoch, {"train_loss": 1.0 / epoch}, epoch / 100)
    writer.end_epoch(epoch, {"val_accuracy": 1 - 0.5 / epoch, "val_loss": 1.0, "epoch_seconds": 1.0}, None)


def zoomed(page: Page) -> list[float]:
    """Drag over the middle of the curves; return the limits that the x axis then has."""
    whole = page.evaluate(f"{AXIS}.range")
    area = page.locator(".st-key-accuracy .nsewdrag")
    area.scroll_into_view_if_needed()
    settle(page)
    box = area.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    page.mouse.up()
    page.wait_for_function(f"whole => {AXIS}.range[0] > whole[0]", arg=whole)
    return page.evaluate(f"{AXIS}.range")


def test_zoom_and_hidden_lines_stay_when_points_arrive(shared_server: Server, page: Page):
    store = shared_server.store
    first, second = (begin(store, seed) for seed in (0, 1))
    page.goto(f"{shared_server.url}/runs?runs=1&runs=2")
    wait_until(lambda: points(page, "accuracy") == [2, 2], "two curves")
    limits = zoomed(page)
    page.locator(".st-key-accuracy .legendtoggle").first.click()
    hidden = ".st-key-accuracy .js-plotly-plot"
    page.wait_for_function(f"document.querySelector('{hidden}')._fullData[0].visible === 'legendonly'")
    for writer in (first, second):
        add_epoch(writer, 3)
    wait_until(lambda: points(page, "accuracy") == [3, 3], "the new points")
    assert page.evaluate(f"{AXIS}.range") == limits
    assert page.evaluate(f"document.querySelector('{hidden}')._fullData[0].visible") == "legendonly"

    # Other runs are another plot.
    page.get_by_test_id("stDataFrame").first.click(position={"x": 17, "y": 36 + 17})
    expect(page.get_by_text("2 runs, 1 chosen")).to_be_visible()
    wait_until(lambda: points(page, "accuracy") == [3], "one curve")
    assert page.evaluate(f"{AXIS}.range[0]") < limits[0]
    for writer in (first, second):
        writer.end("cancelled")


def test_the_form_loads_what_draws_the_curves_before_they_are_there(shared_server: Server, page: Page):
    page.goto(f"{shared_server.url}/train")
    page.wait_for_function("window.Plotly")
    assert page.locator(".js-plotly-plot").count() == 0
