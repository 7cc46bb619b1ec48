"""The Similarities page in a real browser: a CSV goes up, is seen, kept and trained with."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from hierapp.similarities import Similarity, formats as similarity_formats, summary as similarity_summary
from hierapp.similarities.similarity import bounded, ordinal
from tests.e2e.conftest import LONG, wait_until

DIGITS = tuple("0123456789")


def test_a_csv_goes_up_is_kept_and_trained_with(server, page, tmp_path):
    bad, good = tmp_path / "bad.csv", tmp_path / "mine.csv"
    bad.write_text(",0,1\n0,1,2\n1,0,1\n")
    good.write_text(similarity_formats.render(Similarity.of(DIGITS[::-1], ordinal(10, 0.25))))
    page.goto(f"{server.url}/similarities?data=digits&source=upload")
    upload = page.locator("input[type=file]")
    upload.set_input_files(bad)
    expect(page.get_by_text("bad.csv: Expected a number from 0 to 1 for '0' and '1' but got '2'.")).to_be_visible()
    upload.set_input_files(good)
    chart = page.locator(".st-key-similarity .js-plotly-plot")
    expect(chart).to_be_visible()
    expect(chart.locator("g.ytick")).to_have_count(10)
    expect(page.get_by_text("To train with it, save it under a name.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("textbox", name="Save as")).to_have_value("mine")
    page.get_by_role("button", name="Save this similarity").click()
    expect(page).to_have_url(re.compile(r"kept=mine"))

    page.reload()
    bound = page.get_by_role("slider", name="Lower bound")
    expect(bound).to_be_visible()
    bound.focus()
    for _ in range(5):
        bound.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"bound=0\.05"))
    mean = similarity_summary.of(bounded(ordinal(10, 0.25), 0.05)).mean_off_diagonal
    expect(page.get_by_test_id("stMetricValue").get_by_text(f"{mean:.3f}", exact=True)).to_be_visible()
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    page.get_by_role("link", name="Train with it").click()
    page.wait_for_url("**/train?**")
    expect(page.get_by_role("heading", level=1, name="Train")).to_be_visible()
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=1")
    wait_until(lambda: server.store.run("1").state == "finished", "the run's end")
    run = server.store.run("1")
    assert run.config.options == {"similarity": "mine", "lower_bound": 0.05}
    assert run.similarity[run.tree.leaves.index("2"), run.tree.leaves.index("4")] == 0.25**2
    cell = page.get_by_text("simloss, similarity mine, lower_bound 0.05").first  # what is seen is painted on a canvas
    expect(cell).to_be_attached(timeout=LONG)
