"""The lab as one file, opened from the disk without a network: its numbers are the library's."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from hierapp import LabelTree
from hierapp.lab import one_file, views
from hierapp.lab.choices import LossChoice
from hierapp.lab.decoding import decide
from hierapp.lab.descent import descend
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.lab.landscape import cut
from hierapp.lab.views import State
from hierapp.utils.numbers import number
from tests.e2e.conftest import SCREENSHOTS, new_context
from tests.e2e.test_lab import Lab

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name in ("cat-truck", "convex"):
        (folder / f"{name}.html").write_text(one_file.of_story(name), encoding="utf-8")
    tree = LabelTree.from_edges([("root", EVIL), ("root", "'in\""), ("'in\"", "a"), ("'in\"", "<b>"), ("root", "c")])
    (folder / "own.html").write_text(one_file.of_state(State(Example.random(tree, 1), None), EVIL), encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, files):
    """Open a file offline, in a window of some size and theme; errors and requests fail the test."""
    contexts, failures = [], []

    def open_file(name, width=1280, height=720, scheme="light"):
        context = new_context(
            browser,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            offline=True,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: failures.append(dialog.message))
        page.on("request", lambda asked: None if asked.url.startswith("file:") else failures.append(asked.url))
        page.goto((files / name.partition("#")[0]).as_uri() + "".join(name.partition("#")[1:]))
        expect(page.locator(".board")).to_have_attribute("data-agrees", "yes")
        return Lab(page, "")

    yield open_file
    for context in contexts:
        context.close()
    assert failures == []


def drag(lab: Lab, name: str, share: float) -> float:
    """Drag the bar of a node to a share of its width; return the logit."""
    track = lab.bar(name).locator(".track").bounding_box()
    y = track["y"] + track["height"] / 2
    lab.page.mouse.move(track["x"] + track["width"] / 2, y)
    lab.page.mouse.down()
    lab.page.mouse.move(track["x"] + track["width"] * share, y, steps=3)
    lab.page.mouse.up()
    return lab.value(name)


def test_a_story_is_live_and_its_numbers_are_the_librarys(opened):
    lab = opened("cat-truck.html#6")
    state = views.start("cat-truck", 6)
    lab.agrees_with(state)
    example = state.example
    lab.page.get_by_role("slider", name="Weight of soft labels").fill("0.5")
    soft = LossChoice.of("hierarchical", {"soft": 0.5})
    lab.agrees_with(State(example, None, losses=(soft, state.losses[1])))
    for choice in state.decoders:
        card = lab.board.locator(f".decoder[data-rule='{choice.rule}']")
        expect(card.locator(".value")).to_have_text(decide(example, choice).name)
    lab.board.get_by_role("button", name="Next").click()
    expect(lab.page.get_by_role("heading", name="7. With uniform vehicles, cat wins")).to_be_visible()
    lab.agrees_with(views.start("cat-truck", 7))
    moved = views.start("cat-truck", 7).example.with_logit(2, drag(lab, "cat", 0.9))
    lab.agrees_with(State(moved, None, losses=views.start("cat-truck", 7).losses))
    lab.board.get_by_role("button", name="One step").click()
    losses = views.start("cat-truck", 7).losses
    lab.agrees_with(State(descend(moved, losses[0]).last, None, losses=losses))
    lab.board.get_by_role("button", name="Reset").click()
    lab.agrees_with(views.start("cat-truck", 7))


def test_slices_are_live(opened):
    lab = opened("convex.html#3")
    state = views.start("convex", 3)
    for space in ("logits", "probabilities"):
        lab.page.get_by_label("Straight lines in").select_option(space)
        for place, choice in enumerate(state.losses):
            said = cut(state.example, state.second_example(), choice, space)
            figure = lab.page.locator("figure").nth(place)
            expect(figure.locator("figcaption")).to_have_text(said.summary)
            expect(figure.locator("text").first).to_have_text(number(said.curve[0]))
            expect(figure.locator("text").last).to_have_text(number(said.curve[-1]))


def test_a_tree_of_hostile_names_is_live_with_any_loss_and_decoder(opened):
    lab = opened("own.html")
    expect(lab.page.get_by_role("heading", name=EVIL)).to_be_visible()
    assert lab.page.locator("img").count() == 0
    lab.page.get_by_label("Hierarchical, convex").check()
    lab.page.get_by_label("Soft labels", exact=True).uncheck()
    expect(lab.board.locator(".loss")).to_have_count(3)
    tree = LabelTree.from_edges([("root", EVIL), ("root", "'in\""), ("'in\"", "a"), ("'in\"", "<b>"), ("root", "c")])
    example = Example.random(tree, 1).with_target(0)
    lab.board.locator(".name").first.wait_for()
    lab.board.locator(".node .name").filter(has_text="</script>").click()
    card = lab.board.locator(".loss[data-title='Hierarchical, convex']")
    expect(card.locator(".value")).to_have_text(number(judge(example, LossChoice("hierarchical-convex")).value))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_file_fits_slides_and_phones(width, height, scheme, opened):
    lab = opened("cat-truck.html#6", width, height, scheme)
    assert lab.page.evaluate("document.documentElement.scrollWidth") <= width
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    lab.page.screenshot(path=SCREENSHOTS / f"lab-file-{width}-{scheme}.png", full_page=True)
    lab.board.get_by_role("button", name="Present").click()
    assert lab.page.evaluate("document.documentElement.scrollWidth") <= width
    lab.page.screenshot(path=SCREENSHOTS / f"lab-file-{width}-{scheme}-presented.png")
