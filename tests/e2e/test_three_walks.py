"""The walks of a lecturer, a student and a researcher, from Start to what each takes away.

Each writes its clicks and the seconds of its stages to .cache/walks.json.
"""

from __future__ import annotations

import io
import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, Locator, Page, expect

from hierapp.lab.stories import story
from hierapp.trees.drafts import Draft
from tests import feature_rows
from tests.e2e.conftest import LONG, REPOSITORY, SCREENSHOTS, Server, new_context, points, settle, wait_until
from tests.e2e.test_lab import Lab
from tests.e2e.test_studio import Studio

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MEASURED = REPOSITORY / ".cache" / "walks.json"
TRAINED = 4 * LONG / 1000  # seconds for twenty short runs on a busy machine


class Walk:
    """A person who clicks and looks; clicks, inputs and the seconds of each stage are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.inputs = 0
        self.stages: dict[str, float] = {}
        self._last = time.monotonic()

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()

    def fill(self, field: Locator, text: str) -> None:
        self.inputs += 1
        field.fill(text)
        field.press("Enter")

    def upload(self, file: Path) -> None:
        """Choose a file; a person opens the dialog with a click."""
        self.clicks += 1
        self.inputs += 1
        self.page.locator("input[type=file]").first.set_input_files(file)

    def download(self, button: Locator) -> Download:
        with self.page.expect_download(timeout=LONG) as got:
            self.click(button)
        return got.value

    def button(self, name: str, exact: bool = False) -> Locator:
        """Return a button; one with a tooltip is in the page twice, once hidden."""
        return self.page.get_by_role("button", name=name, exact=exact).locator("visible=true")

    def menu(self, section: str, title: str) -> None:
        self.click(self.page.get_by_test_id("stTopNavSection").get_by_text(section))
        self.click(self.page.get_by_role("menuitem", name=title, exact=True))
        expect(self.page).to_have_title(f"{title} · hierapp")

    def reached(self, stage: str) -> None:
        now = time.monotonic()
        self.stages[stage] = round(now - self._last, 1)
        self._last = now

    def write(self, name: str) -> None:
        kept = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
        kept[name] = {"clicks": self.clicks, "inputs": self.inputs, "stages": self.stages, "load": os.getloadavg()[1]}
        MEASURED.parent.mkdir(exist_ok=True)
        MEASURED.write_text(json.dumps(kept, indent=2))


@pytest.fixture
def walk(server: Server, page: Page, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """Someone who has just opened Start."""
    person = Walk(page)
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1, name="Mistaking a cat for a dog")).to_be_visible()
    person.reached("Start is shown")
    yield person
    assert page.get_by_test_id("stException").count() == 0


def test_a_lecturer_shows_a_story_and_takes_it_along(walk: Walk, browser: Browser, tmp_path):
    page, steps = walk.page, story("cat-truck").steps
    walk.click(page.get_by_role("link", name="The cat that became a truck"))
    lab = Lab(page, "")
    lab.is_ready()
    walk.reached("the story opens")
    for number, step in enumerate(steps, 1):
        expect(page.get_by_role("heading", name=f"{number}. {step.title}")).to_be_visible()
        if number < len(steps):
            walk.click(lab.board.get_by_role("button", name="Next"))
    expect(lab.board.get_by_role("button", name="Next story")).to_be_visible()
    walk.reached(f"its {len(steps)} steps")
    walk.click(lab.board.get_by_role("button", name="Present"))
    expect(page.get_by_role("banner")).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "walk-presentation.png")
    walk.click(lab.board.get_by_role("button", name="End presentation"))
    expect(page.get_by_role("banner")).to_be_visible()
    walk.reached("presented, and back")
    file = tmp_path / "story.html"
    walk.download(walk.button("Download as one file")).save_as(file)
    walk.reached("the file is there")
    context = new_context(browser, offline=True)
    alone = context.new_page()
    alone.goto(f"{file.as_uri()}#{len(steps)}")
    expect(alone.locator(".board")).to_have_attribute("data-agrees", "yes")
    expect(alone.get_by_role("heading", name=f"{len(steps)}. {steps[-1].title}")).to_be_visible()
    context.close()
    walk.write("lecturer")


def test_a_student_compares_losses_and_adds_seeds(walk: Walk, server: Server):
    page = walk.page
    walk.click(walk.button("Compare three losses on Digits"))
    wait_until(lambda: any(points(page, "accuracy")), "the first point")
    walk.reached("first point of a curve")
    page.screenshot(path=SCREENSHOTS / "walk-first-point.png")
    expect(page.get_by_text("the highest accuracy")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("One seed shows no difference between losses")).to_be_visible()
    walk.reached("what came out, in a sentence")
    page.screenshot(path=SCREENSHOTS / "walk-outcome.png")
    walk.click(walk.button("Add 18 runs, for 7 seeds"))
    wait_until(lambda: len(server.store.runs()) == 21, "the further runs")
    wait_until(_all_finished(server), "their end", TRAINED)
    expect(page.get_by_text("Means over at least 7 seeds")).to_be_visible()
    walk.reached("18 further runs")
    _compare(walk)
    expect(page.get_by_text("Mean ± sample standard deviation")).to_be_visible()
    wait_until(lambda: len(points(page, "compare-curves")) == 6, "three lines and three bands")
    walk.reached("Compare")
    walk.click(walk.button("For a paper"))
    text = walk.download(walk.button("Report, HTML")).path().read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert {"cross-entropy", "conditional", "hierarchical"} <= set(re.findall(r"[a-z-]+", text))
    walk.reached("the report is there")
    walk.write("student")


def test_a_researcher_brings_features_and_leaves_with_a_table(walk: Walk, server: Server, tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(server.store.folder))  # for the draft that is read here
    page = walk.page
    walk.click(page.get_by_role("link", name="Data: images, or features"))
    walk.click(page.get_by_text("Import your own images"))
    walk.upload(feature_rows.npz(tmp_path / "probes.npz", **feature_rows.arrays(400)))
    walk.click(walk.button("Check the upload"))
    expect(page.get_by_text("A tree is proposed.")).to_be_visible(timeout=LONG)
    walk.click(walk.button("Save this data set"))
    expect(page).to_have_url(re.compile("set=probes"))
    walk.reached("own features are checked and saved")

    walk.click(walk.button("Edit its tree"))
    page.wait_for_selector(".node")
    studio = Studio(page)
    walk.clicks += 1
    studio.click("animal")
    walk.inputs += 1
    studio.press("F2")
    studio.type_name("living thing")
    studio.has_done(1)
    assert "living thing" in Draft.load(re.search(r"draft=(\w+)", page.url)[1]).tree.nodes
    walk.click(walk.button("Train on it"))
    walk.reached("its tree is edited")

    walk.fill(page.get_by_role("spinbutton", name="Seeds", exact=True), "5")
    walk.click(walk.button("Start 10 runs"))
    page.wait_for_url("**/runs?**")
    wait_until(_all_finished(server), "their end", TRAINED)
    expect(page.get_by_text("Means over at least 5 seeds")).to_be_visible()
    assert {run.config.loss for run in server.store.runs()} == {"cross-entropy", "hierarchical"}
    assert all("living thing" in run.tree.nodes for run in server.store.runs())
    walk.reached("10 runs")

    _compare(walk)
    walk.click(page.get_by_role("radio", name="Statistics"))
    expect(page.get_by_text("after Holm's correction")).to_be_visible()
    walk.reached("statistics")
    page.screenshot(path=SCREENSHOTS / "walk-statistics.png", full_page=True)
    walk.click(walk.button("For a paper"))
    table = walk.download(walk.button("Table, LaTeX")).path().read_text(encoding="utf-8")
    assert r"\toprule" in table
    page.keyboard.press("Escape")
    walk.reached("the table is there")
    walk.menu("Results", "Runs")
    walk.click(walk.button("Export"))
    packed = zipfile.ZipFile(io.BytesIO(walk.download(walk.button("Bundle, ZIP")).path().read_bytes()))
    assert sum(name.endswith("/tree.json") for name in packed.namelist()) == 10
    walk.reached("the bundle is there")
    walk.write("researcher")


def _all_finished(server: Server) -> Callable[[], bool]:
    return lambda: all(run.state == "finished" for run in server.store.runs())


def _compare(walk: Walk) -> None:
    """Follow the link below what came out."""
    settle(walk.page)
    walk.click(walk.page.get_by_role("link", name="Compare", exact=True).locator("visible=true"))
    expect(walk.page.get_by_role("heading", level=1, name="Compare")).to_be_visible()
