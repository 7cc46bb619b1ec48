"""The studio with a real mouse and a real keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from hierapp.plots.core import layout_positions
from hierapp.trees import LabelTree, generators, library as tree_library
from hierapp.trees.drafts import Draft
from tests.e2e.conftest import SCREENSHOTS, settle, wait_until


class Studio:
    """What a person does in the editor."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def node(self, name: str):
        return self.page.locator(f".node[data-name='{name}']")

    def place(self, name: str) -> tuple[float, float]:
        box = still(self.node(name).locator(".hit"))
        return box["x"] + 16, box["y"] + box["height"] / 2

    def drag(self, name: str, target: str) -> None:
        mouse = self.page.mouse
        mouse.move(*self.place(name))
        mouse.down()
        x, y = self.place(target)
        mouse.move(x + 30, y + 20, steps=6)
        mouse.move(x, y, steps=3)
        expect(self.node(target)).to_have_class(re.compile("target|refused"))
        mouse.up()

    def click(self, name: str, shift: bool = False) -> None:
        if shift:
            self.page.keyboard.down("Shift")
        self.page.mouse.click(*self.place(name))
        if shift:
            self.page.keyboard.up("Shift")
        expect(self.node(name)).to_have_attribute("aria-selected", "true")

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def type_name(self, name: str) -> None:
        field = self.page.get_by_role("textbox", name="name", exact=True)
        expect(field).to_be_focused()
        field.fill(name)
        field.press("Enter")

    def has_done(self, edits: int) -> None:
        expect(self.page.locator(".editor")).to_have_attribute("data-done", str(edits))

    @property
    def tree(self) -> LabelTree:
        """The draft as it stands on the disk."""
        return Draft.load(re.search(r"draft=(\w+)", self.page.url)[1]).tree


def still(element: Locator) -> FloatRect:
    """Return the place of an element once it no longer moves."""
    seen: list[FloatRect | None] = [None]

    def rests() -> bool:
        seen.append(element.bounding_box())
        return seen[-1] == seen[-2]

    settle(element.page)
    wait_until(rests, "the drawing rests")
    return seen[-1]


def parent(tree: LabelTree, name: str) -> str:
    return tree.nodes[tree.parents[tree.nodes.index(name)]]


@pytest.fixture
def server(shared_server, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(shared_server.store.folder))  # for the drafts and trees that are read here
    return shared_server


@pytest.fixture
def studio(server, page):

    def open_draft(tree: LabelTree, data: str | None = None) -> Studio:
        draft = Draft.begin(tree, "Mine", data)
        page.goto(f"{server.url}/studio?draft={draft.id}")
        page.wait_for_selector(".node")
        return Studio(page)

    return open_draft


def test_from_a_shipped_tree_to_a_run_on_the_drawn_one(server, page):
    page.goto(f"{server.url}/studio")
    page.get_by_text("a tree", exact=True).click()
    page.get_by_role("combobox", name="Tree").fill("Digits by shape")
    page.get_by_role("option", name="Digits by shape").click()
    page.get_by_role("button", name="Open in the studio").click()
    page.wait_for_selector(".node")
    studio = Studio(page)
    assert studio.tree == tree_library.load("digits")

    studio.drag("0", "open curve")
    studio.has_done(1)
    assert parent(studio.tree, "0") == "open curve"
    studio.press("Control+z")
    studio.has_done(2)
    assert studio.tree == tree_library.load("digits")
    studio.press("Control+Shift+z")
    studio.has_done(3)
    assert parent(studio.tree, "0") == "open curve"

    studio.click("straight strokes")
    studio.press("F2")
    studio.type_name("strokes, straight <b>&</b>")
    studio.has_done(4)
    expect(page.locator(".node.selected text")).to_have_text("strokes, straight <b>…")

    studio.click("6")
    studio.click("8", shift=True)
    studio.press("g")
    studio.type_name("two loops")
    studio.has_done(5)
    assert [parent(studio.tree, name) for name in "689"] == ["two loops", "two loops", "with a loop"]

    studio.click("open curve")
    studio.press("Delete")
    studio.has_done(6)
    assert parent(studio.tree, "0") == "digit"

    drawn = studio.tree
    page.reload()
    page.wait_for_selector(".node")
    assert studio.tree == drawn
    expect(page.locator(".node")).to_have_count(len(drawn.nodes))
    page.get_by_role("button", name="Undo").click()
    studio.has_done(1)  # the editor of the new page numbers its own edits
    page.get_by_role("button", name="Redo").click()
    studio.has_done(2)
    assert studio.tree == drawn

    page.get_by_role("button", name="Train on it").click()
    page.wait_for_url("**/train?**")
    expect(page.get_by_role("spinbutton", name="Epochs")).to_be_visible()
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_role("button", name="Start 2 runs").click()
    page.wait_for_url("**/runs?**")
    wait_until(lambda: [run.state for run in server.store.runs()] == ["finished"] * 2, "the runs' end")
    assert all(run.tree == drawn for run in server.store.runs())


def test_the_cat_goes_under_vehicle(studio):
    drawing = studio(tree_library.load("cifar10"), "cifar10")
    drawing.drag("cat", "vehicle")
    drawing.has_done(1)
    assert parent(drawing.tree, "cat") == "vehicle"
    expect(drawing.page.get_by_text("the second term of the hierarchical loss matters")).to_be_visible()


def test_everything_by_keyboard(studio):
    start = LabelTree.from_edges([("r", "A"), ("r", "B"), ("A", "a"), ("A", "b"), ("B", "c")])
    drawing = studio(start)
    drawing.page.locator("svg[role=tree]").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        drawing.press(key)
    expect(drawing.node("a")).to_have_attribute("aria-selected", "true")
    drawing.press("ArrowDown")
    drawing.press("Control+x")
    drawing.press("ArrowDown")
    drawing.press("ArrowLeft")
    expect(drawing.node("B")).to_have_attribute("aria-selected", "true")
    drawing.press("Control+v")
    drawing.has_done(1)
    assert parent(drawing.tree, "b") == "B"
    drawing.press("a")
    drawing.type_name("new one")
    drawing.has_done(2)
    expect(drawing.node("new one")).to_have_attribute("aria-selected", "true")
    drawing.press("p")
    drawing.has_done(3)
    assert parent(drawing.tree, "new one") == "r"
    drawing.press("Alt+ArrowUp")
    drawing.has_done(4)
    assert [drawing.tree.nodes[child] for child in drawing.tree.children[0]] == ["A", "new one", "B"]
    drawing.press("Shift+Delete")
    drawing.has_done(5)
    assert "new one" not in drawing.tree.nodes
    for done in range(6, 11):
        drawing.press("Control+z")
        drawing.has_done(done)
    assert drawing.tree == start


def test_what_cannot_be_done_is_refused(studio):
    drawing = studio(LabelTree.from_edges([("r", "A"), ("A", "a"), ("A", "b"), ("r", "c")]))
    drawing.click("A")
    drawing.drag("A", "a")
    expect(drawing.page.locator(".status")).to_contain_text("cannot be moved below itself")
    drawing.has_done(0)
    drawing.click("c")
    drawing.press("F2")
    drawing.type_name("b")
    drawing.has_done(1)
    expect(drawing.page.locator(".status.error")).to_contain_text("A node 'b' already exists")
    drawing.press("p")
    drawing.has_done(2)
    expect(drawing.page.locator(".status.error")).to_contain_text("child of the root")


def test_no_edit_is_lost_when_they_come_faster_than_python(studio):
    drawing = studio(LabelTree.from_edges([("r", "A"), ("r", "B"), *((("A"), f"a{i}") for i in range(12))]))
    drawing.click("a11")
    for _ in range(8):
        drawing.press("Alt+ArrowUp")
    drawing.has_done(8)
    children = drawing.tree.children[drawing.tree.nodes.index("A")]
    assert [drawing.tree.nodes[child] for child in children].index("a11") == 3


def test_missing_classes_are_dragged_in(studio):
    tree = tree_library.load("digits-flat")
    names = [name for name in tree.nodes if name != "7"] + ["seven"]
    drawing = studio(LabelTree(names, [-1] + [0] * (len(names) - 1)), "digits")
    expect(drawing.node("seven")).to_have_class(re.compile("unknown"))
    chip = drawing.page.locator(".chip")
    expect(chip).to_have_text("7")
    box = still(chip)
    drawing.page.mouse.move(box["x"] + 8, box["y"] + 8)
    drawing.page.mouse.down()
    drawing.page.mouse.move(*drawing.place("seven"), steps=5)
    drawing.page.mouse.up()
    drawing.has_done(1)
    assert parent(drawing.tree, "7") == "seven"
    expect(drawing.page.locator(".tray")).to_be_hidden()


def test_the_editor_draws_what_the_figures_draw(studio):
    tree = LabelTree.from_edges([("r", "A"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c"), ("r", "d")])
    drawing = studio(tree)
    across, down = layout_positions(tree)
    for node, name in enumerate(tree.nodes):
        at = re.match(r"translate\(([\d.]+),([\d.]+)\)", drawing.node(name).get_attribute("transform"))
        assert (float(at[1]), float(at[2])) == (30 + 170 * across[node], 30 + 26 * down[node])


def test_the_drawing_is_saved_as_a_png(studio, tmp_path):
    drawing = studio(tree_library.load("cifar10"))
    with drawing.page.expect_download() as download:
        drawing.page.get_by_role("button", name="PNG", exact=True).click()
    download.value.save_as(tmp_path / "tree.png")
    head = (tmp_path / "tree.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(head[16:20], "big") > 1000


def test_zoom_folds_and_selection_outlive_an_edit(studio):
    drawing = studio(tree_library.load("cifar100"))
    page = drawing.page
    page.get_by_role("searchbox", name="find a node").fill("maple")
    page.keyboard.press("Enter")
    expect(drawing.node("maple_tree")).to_have_attribute("aria-selected", "true")
    page.locator("svg[role=tree]").focus()
    page.get_by_role("button", name="zoom in", exact=True).click()
    before = page.locator("svg > g").first.get_attribute("transform")
    drawing.press("F2")
    drawing.type_name("maple tree")
    drawing.has_done(1)
    assert page.locator("svg > g").first.get_attribute("transform") == before
    expect(drawing.node("maple tree")).to_have_attribute("aria-selected", "true")
    drawing.press("ArrowLeft")
    drawing.press("Space")
    expect(page.locator(".node.folded")).to_have_count(1)
    drawing.press("Alt+ArrowUp")
    drawing.has_done(2)
    expect(page.locator(".node.folded")).to_have_count(1)


EVIL = "<img src=x onerror=alert(1)>"


def test_a_name_that_looks_like_html_is_shown_as_text(studio):
    tree = LabelTree.from_edges([("r", EVIL), (EVIL, f"{EVIL}1"), (EVIL, "**bold** $x$"), ("r", "c")])
    dialogs = []
    drawing = studio(tree)
    page = drawing.page
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    expect(page.locator(".node text").get_by_text(EVIL[:21])).to_have_count(2)
    for view in ("Distances", "Adjacency matrix", "Depth profile", "Siblings", "Compare", "As text"):
        page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True).click()
        settle(page)
        assert page.locator("[data-testid=stMain] img[src=x]").count() == 0
    drawing.click(EVIL)
    drawing.press("F2")
    drawing.type_name(EVIL + "2")
    drawing.has_done(1)
    others = {entry.name for entry in tree_library.entries()}
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as")).to_be_visible()
    (name,) = {entry.name for entry in tree_library.entries()} - others
    page.goto(page.url.split("/studio")[0] + f"/trees?tree={name}")
    expect(page.get_by_role("heading", level=1, name="Trees")).to_be_visible()
    settle(page)
    assert page.locator("[data-testid=stMain] img[src=x]").count() == 0
    assert dialogs == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("leaves", [10, 100, 1000])
def test_pictures(scheme, leaves, studio):
    """For people to look at; nothing sticks out to the side."""
    trees = {
        10: lambda: tree_library.load("cifar10"),
        100: lambda: tree_library.load("cifar100"),
        1000: lambda: generators.random([f"class {i}" for i in range(1000)], seed=0),
    }
    drawing = studio(trees[leaves](), {10: "cifar10", 100: "cifar100"}.get(leaves))
    page = drawing.page
    page.emulate_media(color_scheme=scheme)
    settle(page)
    if leaves == 10:
        drawing.click("cat")
        page.get_by_test_id("stButtonGroup").get_by_text("Distances", exact=True).click()
        settle(page)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": max(900, min(height, 3000))})
    settle(page)
    page.screenshot(path=SCREENSHOTS / f"studio-{leaves}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.locator("[data-testid=stException]").count() == 0


def test_two_tabs_on_one_draft_lose_nothing_of_each_other(studio):
    first = studio(generators.flat(["cat", "dog", "frog"]))
    second = Studio(first.page.context.new_page())
    second.page.goto(first.page.url)
    second.page.wait_for_selector(".node")
    for done, (old, new) in enumerate((("cat", "lynx"), ("dog", "wolf"), ("frog", "toad")), start=1):
        first.click(old)
        first.press("F2")
        first.type_name(new)
        first.has_done(done)
    second.click("root")
    second.press("a")
    second.type_name("newt")
    second.has_done(1)
    expect(second.page.locator(".status")).to_have_text(
        "This draft was also changed elsewhere; your edit was made on its newest state."
    )
    expect(second.page.locator(".status")).not_to_have_class(re.compile("error"))
    expect(second.node("lynx")).to_be_visible()
    second.page.screenshot(path=SCREENSHOTS / "studio-two-tabs.png")
    assert set(first.tree.leaves) == {"lynx", "wolf", "toad", "newt"}
    first.press("Control+z")  # the first tab has not seen the newt
    first.has_done(4)
    expect(first.page.locator(".status.error")).to_contain_text("nothing was undone")
    expect(first.node("newt")).to_be_visible()
    assert set(first.tree.leaves) == {"lynx", "wolf", "toad", "newt"}
