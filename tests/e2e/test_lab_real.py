"""Find the cats classified as trucks, with a real mouse over a run that was really trained."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from hierapp.data import registry as datasets
from hierapp.data.images import enlarged
from hierapp.lab import disagreements, run_images
from hierapp.training import predictions
from hierapp.utils.numbers import of_log
from tests.e2e.conftest import SCREENSHOTS, new_context, wait_until
from tests.e2e.test_lab import Lab
from tests.real_runs import digits_run


@pytest.fixture(scope="module")
def trained(shared_server):
    return shared_server, digits_run(shared_server.store)


@pytest.fixture
def lab(trained, page, monkeypatch) -> Lab:
    monkeypatch.setenv("HIERAPP_HOME", str(trained[0].store.folder))  # for addresses that are read here
    return Lab(page, trained[0].url)


def test_a_disagreement_is_found_opened_and_its_numbers_are_the_stored_ones(lab, trained, browser):
    run = trained[1]
    page = lab.open().page
    page.get_by_role("combobox", name="Story").click()
    page.get_by_role("option", name="a real image").click()
    wait_until(lambda: lab.state().run_image is not None, "the first mistake")
    page.get_by_text("Find the cats classified as trucks").click()
    stored = predictions.read(run.folder)
    found = disagreements.decoded(stored, run.tree)
    told = disagreements.compare(found, "leaf", "top-down")
    expect(page.get_by_text(told.summary)).to_be_visible()
    places = disagreements.search(found, disagreements.SearchCriteria()).tolist()
    assert places
    expect(page.get_by_text(re.compile(rf"of {len(places)} images"))).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "lab-finding.png")

    image = places[0]
    true, first, second = (
        run.tree.nodes[int(node)]
        for node in (
            run.tree.leaf_nodes[stored.target[image]], found.nodes["leaf"][image], found.nodes["top-down"][image]
        )
    )  # fmt: skip
    words = f"{true} → {first}; top-down: {second}"
    page.locator("[class*=st-key-lab-found-]").filter(has_text=words).first.get_by_role("button").click()
    wait_until(lambda: lab.state().run_image.image == image, "the image on the board")
    lab.is_ready()

    state = lab.state()
    p = stored.probabilities[image]
    for leaf, name in enumerate(run.tree.leaves):
        z = lab.node(name).locator(".z")
        expect(z).to_have_text(f"z {of_log(state.example.leaf_log_probs[leaf])}")
        # The stored ones have three digits, and their sum may be off by one in the last of them.
        if p[leaf] > 1e-4:
            assert float(z.text_content().removeprefix("z ")) == pytest.approx(float(p[leaf]), rel=6e-3)
    lab.agrees_with(state)
    for rule in ("leaf", "top-down", "min-risk", "threshold"):
        card = lab.board.locator(f".decoder[data-rule='{rule}']")
        expect(card.locator(".value")).to_have_text(run.tree.nodes[int(found.nodes[rule][image])])
    best = int(p.argmax())
    alt = f"Test image {image} of class {true}: the network predicts {run.tree.leaves[best]}"
    picture = page.get_by_role("img", name=alt)
    expect(picture).to_be_visible()
    shown = enlarged(datasets.arrays("digits", "test")[0][image], 256)
    assert picture.evaluate("image => [image.naturalHeight, image.naturalWidth]") == list(shown.shape[:2])
    page.screenshot(path=SCREENSHOTS / "lab-real.png")

    # A logit is moved, and the link shows it elsewhere.
    lab.bar(true).focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: lab.state().example != state.example, "a bar that moved")
    moved = lab.state()
    assert moved.run_image == state.run_image
    other = new_context(browser).new_page()
    again = Lab(other, trained[0].url).open(page.url.partition("?")[2])
    again.agrees_with(moved)
    expect(other.get_by_role("img", name=alt)).to_be_visible()
    other.context.close()


def test_a_link_to_a_run_of_another_machine_says_so(lab):
    lab.open("run=4711&image=3")
    expect(lab.page.get_by_text("There is no run '4711' on this machine")).to_be_visible()
    expect(lab.node("cat").locator(".z")).to_have_text("z 0.24")


def test_a_picture_of_ones_own_is_what_the_network_says_of_it(lab, trained, tmp_path):
    from PIL import Image

    from hierapp.training.predict import predict

    run = trained[1]
    pixels = datasets.arrays("digits", "test")[0][5]
    Image.fromarray(pixels[..., 0]).save(tmp_path / "five.png")
    lab.open(f"run={run.id}&image=0")
    lab.page.get_by_text("Your own image").click()
    upload = lab.page.locator("input[type=file]")
    expect(upload).to_be_enabled()  # once PyTorch is loaded
    upload.set_input_files(tmp_path / "five.png")
    expect(lab.page.get_by_text("Your image as the network sees it")).to_be_visible()
    wait_until(lambda: lab.state().run_image is None, "the address of its numbers")
    example = run_images.own_picture(run, predict(run.folder, run.config, run.tree, pixels[None])[0].tolist()).example
    for leaf, name in enumerate(run.tree.leaves):
        if example.leaf_probabilities[leaf] > 1e-3:
            expect(lab.node(name).locator(".z")).to_have_text(f"z {of_log(example.leaf_log_probs[leaf])}")
