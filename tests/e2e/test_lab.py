"""The Loss lab with a real mouse and a real keyboard: what is on screen is what the library says."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from hierapp import LabelTree
from hierapp.lab import url_codec, views
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.lab.stories import STORIES
from hierapp.lab.views import State
from hierapp.utils.numbers import number, of_log, signed
from tests.e2e.conftest import new_context, settle, wait_until


class Lab:
    """What a person does at the board."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = f"{url}/lab"
        self.board = page.locator(".board")

    def open(self, query: str = "") -> Lab:
        self.page.goto(f"{self.url}?{query}")
        self.is_ready()
        return self

    def is_ready(self) -> None:
        expect(self.board).to_have_attribute("data-ready", "yes")

    def bar(self, name: str):
        return self.page.get_by_role("slider", name=f"logit of {name}", exact=True)

    def node(self, name: str):
        return self.board.locator(f".node[data-name='{name}']")

    def value(self, name: str) -> float:
        return float(self.bar(name).get_attribute("aria-valuenow"))

    def state(self) -> State:
        """What the address says."""
        address = self.page.evaluate("location.href")
        params = {key: value[0] for key, value in parse_qs(urlsplit(address).query, True).items()}
        opened = views.from_params(params)
        assert opened.complaints == ()
        return opened.state

    def words(self) -> str:
        """All the text on the page, the board's too."""
        return self.page.locator("[data-testid=stMain]").inner_text() + "\n" + self.drawn()

    def drawn(self) -> str:
        """The board's text, with that of its drawings, which innerText leaves out; what is hidden is left out."""
        found = self.board.locator("text, li, header span, .terms, .summary, .look div")
        return "\n".join(found.filter(visible=True).all_text_contents())

    def numbers(self) -> dict[str, object]:
        """Return p and z of each node, and of each loss the value and the gradient by node."""
        return self.board.evaluate(
            """board => {
                const text = (root, part) => root.querySelector(part)?.textContent ?? "";
                const nodes = [...board.querySelectorAll(".node")].map((node) =>
                    [node.dataset.name, [text(node, ".z"), text(node, ".p")]]);
                const losses = [...board.querySelectorAll(".loss")].map((card) => [card.dataset.title, {
                    value: text(card, ".value"),
                    slopes: Object.fromEntries([...card.querySelectorAll(".slope")].map((row) =>
                        [row.dataset.name, [...row.querySelectorAll(":scope > text")].at(-1).textContent])),
                }]);
                return { nodes: Object.fromEntries(nodes), losses: Object.fromEntries(losses) };
            }"""
        )

    def agrees_with(self, state: State) -> None:
        """Wait until each p, z, value and gradient on the board is the library's."""
        example, names = state.example, state.example.tree.nodes
        p = ["", *(f"p {of_log(each)}" for each in example.log_p[1:])]
        z = [f"z {of_log(each)}" for each in example.log_z]
        nodes = {name: list(each) for name, *each in zip(names, z, p, strict=True)}
        losses = {}
        for choice in state.losses:
            said = judge(example, choice)
            slopes = {
                names[place]: "untouched" if place in said.untouched else "·" if slope is None else signed(slope)
                for place, slope in enumerate(said.gradient)
                if place or slope is not None
            }
            losses[choice.title] = {"value": number(said.value), "slopes": slopes}
        wanted = {"nodes": nodes, "losses": losses}
        wait_until(lambda: self.numbers() == wanted, f"the library's numbers {wanted}", seconds=60)


@pytest.fixture
def lab(shared_server, page):
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield Lab(page, shared_server.url)
    assert failures == []


def test_dragged_bars_and_keys_change_the_numbers_to_the_librarys(lab, browser):
    lab.open()
    before = lab.state()
    lab.agrees_with(before)

    box = lab.bar("cat").bounding_box()
    track = lab.bar("cat").locator(".track").bounding_box()
    mouse, y = lab.page.mouse, box["y"] + box["height"] / 2
    mouse.move(track["x"] + track["width"] / 2, y)
    mouse.down()
    mouse.move(track["x"] + track["width"] * 0.8, y, steps=8)
    assert lab.value("cat") == pytest.approx(3, abs=0.2)  # at once, whatever Python does
    mouse.up()
    wait_until(lambda: lab.state() != before, "the address follows")
    expect(lab.board).to_have_attribute("data-agrees", "yes")  # with what Python states
    assert lab.state().example.logits[1] == pytest.approx(lab.value("cat"))
    lab.agrees_with(lab.state())

    lab.bar("truck").focus()
    old = lab.value("truck")
    for _ in range(3):
        lab.page.keyboard.press("ArrowLeft")
    wait_until(lambda: lab.state().example.logits[5] == pytest.approx(old - 0.3), "three steps down")
    lab.agrees_with(lab.state())
    expect(lab.bar("truck")).to_be_focused()
    assert lab.state().story is None

    lab.node("vehicle").locator(".name").click()
    state = lab.state()
    place = state.example.tree.nodes.index("vehicle")
    expect(lab.board.locator(".look")).to_contain_text(f"z = {of_log(state.example.log_p[place])}")
    lab.node("ship").locator(".name").click()
    wait_until(lambda: lab.state().example.target_name == "ship", "another true class")
    lab.agrees_with(lab.state())

    # The same view in a browser that was never here.
    other = new_context(browser).new_page()
    again = Lab(other, lab.url.removesuffix("/lab"))
    other.goto(lab.page.url)
    again.is_ready()
    again.agrees_with(lab.state())
    other.context.close()


def test_a_gradient_step_and_a_hundred_are_the_librarys(lab):
    from hierapp.lab.descent import descend

    lab.open("lesson=pushes&step=2")
    start = lab.state()
    lab.page.get_by_role("button", name="One step").click()
    wait_until(lambda: lab.state() != start, "one step")
    one = descend(start.example, start.losses[0]).last
    assert lab.state().example.logits == pytest.approx(one.logits, abs=0.006)
    lab.page.get_by_role("button", name="100 steps").click()
    expect(lab.board).to_have_attribute("data-done", "playing")
    expect(lab.board).not_to_have_attribute("data-done", "playing")
    many = descend(one, start.losses[0], steps=100).last
    expect(lab.node("cat").locator(".z")).to_have_text(f"z {of_log(many.log_z[many.target_node])}")
    lab.page.get_by_role("button", name="Reset").click()
    expect(lab.node("cat").locator(".z")).to_have_text("z 0.4")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_each_story_goes_by_keyboard_and_shows_its_numbers(story, lab):
    lab.open(f"lesson={story.id}&step=1")
    for number_of_step, at in enumerate(story.steps, 1):
        expect(lab.page.get_by_role("heading", name=f"{number_of_step}. {at.title}")).to_be_visible()
        missing = list(at.must_show)

        def all_shown(at=at, missing=missing):
            # The step's own words do not count.
            text = lab.words().replace(at.text, "")
            missing[:] = [each for each in at.must_show if not stands(each, text)]
            return not missing

        wait_until(all_shown, f"{story.id} {number_of_step}: {missing}")
        hidden = {"logits", "points"}.isdisjoint(at.controls)
        expect(lab.board.get_by_role("slider")).to_have_count(0 if hidden else len(at.example().tree.nodes) - 1)
        expect(lab.page.get_by_role("button", name="100 steps")).to_have_count(int("descent" in at.controls))
        assert lab.page.locator("[data-testid=stException]").count() == 0
        if number_of_step < len(story.steps):
            lab.page.keyboard.press("n" if number_of_step % 2 else "ArrowRight")
    lab.page.keyboard.press("b")
    expect(lab.page).to_have_url(re.compile(rf"step={len(story.steps) - 1}\b"))


def stands(wanted: str, text: str) -> bool:
    more = r"\d?" if wanted in ("0.61", "0.11") else ""
    return re.search(rf"(?<![\w.−+]){re.escape(wanted)}{more}(?!\.?\d)", text) is not None


def test_a_mangled_link_says_so_and_shows_the_default(lab):
    lab.open("lesson=cat-truck&step=99&loss=nobody")
    expect(lab.page.get_by_text("there is no step 99")).to_be_visible()
    expect(lab.page.get_by_text("Unknown loss 'nobody'")).to_be_visible()
    lab.agrees_with(views.start())


def test_a_class_may_be_called_anything(lab):
    evil = "<img src=x onerror=alert(1)>"
    dialogs = []
    lab.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tree = LabelTree.from_edges([("root", evil), ("root", "<b>in</b>"), ("<b>in</b>", "a"), ("<b>in</b>", "*b*")])
    state = State(Example.level(tree), None, losses=(LossChoice("hierarchical"),))
    lab.open(urlencode(views.to_params(state)))
    expect(lab.board.locator(".name").filter(has_text="<img src=x onerro")).to_have_count(1)
    lab.board.locator(".name").filter(has_text="<img").click()
    expect(lab.board.locator(".look")).to_contain_text(evil)
    expect(lab.page.get_by_role("combobox", name="True class")).to_be_visible()
    assert lab.page.locator("[data-testid=stMain] img[src=x]").count() == 0
    assert dialogs == []
    assert url_codec.unpack_tree(parse_qs(urlsplit(lab.page.url).query)["nodes"][0]) == tree


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("query", ["lesson=pushes&step=5", "tree=cifar10", "lesson=tree-matters&step=4"])
def test_nothing_sticks_out_to_the_side(query, width, lab):
    lab.page.set_viewport_size({"width": width, "height": 720})
    lab.open(query)
    assert lab.page.evaluate("document.documentElement.scrollWidth") <= width
    right = lab.board.bounding_box()
    for text in lab.board.locator("svg.tree text").all():
        box = text.bounding_box()
        assert box["x"] + box["width"] <= right["x"] + right["width"], text.text_content()


# Pairs of a node's number or mark and another node's name, bar, dot or p that lie on each other.
OVERLAPS = """board => {
    const place = part => part.getBoundingClientRect();
    const said = [...board.querySelectorAll("svg.tree .bar .x, svg.tree .mark")];
    const taken = [...board.querySelectorAll("svg.tree :is(.title, .track, .dot), svg.tree .node > .p")];
    const leading = box => box.height / 4;  // above and below the glyphs
    const lie = (a, b) => a.left < b.right && b.left < a.right
        && a.top + leading(a) < b.bottom - leading(b) && b.top + leading(b) < a.bottom - leading(a);
    const foreign = (a, b) => a.closest(".node") !== b.closest(".node");
    return said.flatMap(a => taken.filter(b => foreign(a, b) && lie(place(a), place(b)))
        .map(b => [a.textContent, b.closest(".node").dataset.name]));
}"""


@pytest.mark.parametrize("width", [390, 1024, 1280])
@pytest.mark.parametrize("presents", ["", "&present=1"], ids=["usual", "presented"])
def test_the_numbers_of_nodes_do_not_lie_on_other_nodes(presents, width, lab):
    lab.page.set_viewport_size({"width": width, "height": 720})
    lab.open(f"lesson=cat-truck&step=7{presents}")
    settle(lab.page)
    wait_until(lambda: lab.board.evaluate(OVERLAPS) == [], "a drawing without overlaps", 20)


def test_the_link_is_copied_and_opens_the_same_view(lab, browser):
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.open("lesson=cat-truck&step=2")
    lab.board.get_by_role("button", name="Copy link").click()
    expect(lab.board.get_by_role("button", name="Copied")).to_be_visible()
    link = lab.page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query) == {"lesson": ["cat-truck"], "step": ["2"]}
    expect(lab.board.get_by_role("button", name="Copy link")).to_be_visible()  # after a moment, for the next time
    other = new_context(browser).new_page()
    other.goto(link)
    Lab(other, lab.url.removesuffix("/lab")).is_ready()
    expect(other.get_by_role("heading", name=re.compile(r"^2\. "))).to_be_visible()
    other.context.close()


def test_a_link_that_cannot_be_copied_can_be_taken_by_hand(lab):
    lab.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    lab.open("lesson=cat-truck&step=2")
    lab.board.get_by_role("button", name="Copy link").click()
    field = lab.board.get_by_label("the link to this view")
    expect(field).to_have_value(re.compile(r"/lab\?lesson=cat-truck&step=2$"))
    expect(lab.board.locator(".status")).to_contain_text("opens on this machine only")
    assert lab.board.evaluate("board => board.getRootNode().activeElement?.className") == "link"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_whoever_wants_no_motion_sees_the_end_of_a_descent_at_once(motion, lab):
    lab.page.emulate_media(reduced_motion=motion)
    lab.open("lesson=pushes&step=2")
    lab.board.evaluate(
        """board => {
            window.seen = [];
            new MutationObserver(() => window.seen.push(board.dataset.done)).observe(board, { attributes: true });
        }"""
    )
    expect(lab.node("cat").locator(".z")).to_have_text("z 0.4")
    lab.page.get_by_role("button", name="100 steps").click()
    wait_until(lambda: lab.node("cat").locator(".z").text_content() != "z 0.4", "the descent")
    wait_until(lambda: lab.board.get_attribute("data-done") != "playing", "its end")
    assert ("playing" in lab.page.evaluate("window.seen")) is (motion != "reduce")
