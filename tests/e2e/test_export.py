"""Runs taken away from the page, and the report opened from a file, without a network."""

from __future__ import annotations

import io
import zipfile

from playwright.sync_api import Browser, expect

from hierapp.export import bundle, report as html_report, tensorboard
from hierapp.trees import library as tree_library
from tests.app.conftest import add_run
from tests.e2e.conftest import LONG, SCREENSHOTS, Server, new_context

DRAWN = """() => [...document.querySelectorAll("figure > div[data-spec]")].map(plot => {
    const marks = [...plot.querySelectorAll(".scatterlayer .trace path, .barlayer .point path, .heatmaplayer image")];
    return marks.filter(mark => mark.getBoundingClientRect().width > 0).length;
})"""


def test_a_report_opens_from_a_file_without_a_network_with_every_figure_drawn(
    browser: Browser, server: Server, tmp_path
):
    store = server.store
    ids = [add_run(store, loss=loss) for loss in ("hierarchical", "cross-entropy", "hierarchical")]
    html_report.write(store, ids, tmp_path / "report.html", "</script><script>hacked=1</script>")
    for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(16, 22, 30)")):
        context = new_context(browser, offline=True, color_scheme=scheme, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error, kept=faults: kept.append(str(error)))
        page.on("console", lambda said, kept=faults: kept.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked, kept=faults: kept.append(asked.url) if asked.url[:4] == "http" else None)
        page.goto((tmp_path / "report.html").as_uri())
        page.wait_for_function(f"() => {{ const drawn = ({DRAWN})(); return drawn.length && drawn.every(n => n); }}")
        drawn = page.evaluate(DRAWN)
        assert len(drawn) == 7, drawn
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
        assert page.locator("[data-title^='Share']").count() == 0  # nothing is offered for upload
        ink = page.evaluate("document.querySelector('.js-plotly-plot').layout.font.color")
        assert ink == {"light": "#1b2430", "dark": "#e8edf3"}[scheme]
        page.screenshot(path=SCREENSHOTS / f"html-report-{scheme}.png", full_page=True)
        if scheme == "dark":  # on paper it is light all the same
            assert page.pdf(path=SCREENSHOTS / "html-report.pdf", prefer_css_page_size=True).startswith(b"%PDF")
            with page.expect_download() as download:
                page.locator(".js-plotly-plot").first.hover()
                page.locator("[data-title='Download as SVG']").first.click()
            assert "<svg" in download.value.path().read_text()
        assert faults == []
        context.close()


def test_runs_are_taken_away_from_their_page(server, page):
    store = server.store
    ids = [add_run(store), add_run(store, "failed", loss="hxe")]
    page.goto(f"{server.url}/runs?runs=1&runs=2")
    page.get_by_role("button", name="Export").click(timeout=LONG)
    expect(page.get_by_text("Export these 2 runs")).to_be_visible()
    got = {}
    for name in ("Bundle, ZIP", "Report, HTML", "Table, CSV", "TensorBoard, ZIP"):
        with page.expect_download(timeout=LONG) as download:
            page.get_by_role("button", name=name).locator("visible=true").click()
        got[name] = (download.value.suggested_filename, download.value.path().read_bytes())
    page.wait_for_timeout(1_000)
    page.screenshot(path=SCREENSHOTS / "export.png")
    endings = (".zip", ".html", ".csv", "-tensorboard.zip")
    assert [file for file, _ in got.values()] == [f"hierapp-2-runs-1-to-2{ending}" for ending in endings]
    packed = zipfile.ZipFile(io.BytesIO(got["Bundle, ZIP"][1]))
    assert packed.testzip() is None
    assert got["TensorBoard, ZIP"][1] == tensorboard.as_bytes(store, ids)
    assert packed.read("runs.csv") == got["Table, CSV"][1] == bundle.table(store.runs(ids)).encode()
    assert b"runs/1/tree.json" in b"\n".join(name.encode() for name in packed.namelist())
    assert tree_library.load("digits").leaves[0].encode() in packed.read("runs/1/tree.json")
    assert got["Report, HTML"][1].startswith(b"<!doctype html>")
