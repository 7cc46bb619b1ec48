"""A real search in a real browser: three trials of one epoch."""

import re

from playwright.sync_api import expect

from hierapp.search import journal
from hierapp.search.report import Report
from tests.e2e.conftest import LONG, SCREENSHOTS, wait_until


def test_three_trials_are_tried_seen_and_the_best_opened_in_the_train_form(server, page):
    page.goto(f"{server.url}/search?data=digits&loss=hierarchical&epochs=1&varied=learning_rate&varied=optimizer")
    expect(page.get_by_text("There are no searches yet")).to_be_visible(timeout=LONG)
    page.get_by_role("textbox", name="Name", exact=True).fill("three")
    page.get_by_role("textbox", name="Name", exact=True).press("Enter")
    page.get_by_label("Trials", exact=True).fill("3")
    page.get_by_label("Trials", exact=True).press("Enter")
    expect(page.get_by_text("This tries 3 configurations, 1 epoch each")).to_be_visible()
    page.get_by_role("button", name="Start the search").click()

    wait_until(lambda: journal.names(server.store) == ["three"], "the search")
    search = journal.find(server.store, "three")
    wait_until(lambda: Report.of(search).state == "finished", "the end of the search")
    seen = Report.of(search)
    assert [trial.state for trial in seen.trials] == ["finished"] * 3
    assert [run.tags for run in server.store.runs()] == [("search:three",)] * 3
    assert all(run.state == "finished" for run in server.store.runs())
    expect(page.get_by_text("3 of 3", exact=True).first).to_be_visible(timeout=LONG)
    expect(page.locator(".st-key-search-parallel .js-plotly-plot").first).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "search.png", full_page=True)

    page.get_by_role("button", name="Open the best in the Train form").locator("visible=true").first.click()
    page.wait_for_url(re.compile(r"/train\?"))
    expect(page.get_by_role("heading", level=1, name="Train")).to_be_visible(timeout=LONG)
    rate = seen.best.run.config.learning_rate
    expect(page.get_by_label("Learning rate", exact=True).first).to_have_value(re.compile(re.escape(f"{rate:.6g}")))
