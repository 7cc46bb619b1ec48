"""The studio and what it shares with the Trees page, without a browser."""

import pytest

from hierapp import LabelTree, make_loss
from hierapp.data import registry as datasets, wordnet_files
from hierapp.trees import draft_library, library as tree_library
from hierapp.trees.drafts import Draft
from tests.app.conftest import add_run, texts
from tests.trees import tiny_wordnet


def draft_of(page) -> Draft:
    return Draft.load(parameter(page, "draft"))


def parameter(page, name):
    value = page.query_params[name]
    return value if isinstance(value, str) else value[0]


def start_from(page, way):
    return page.button_group(key="start-from").set_value(way).run()


def press(page, label):
    return next(button for button in page.button if button.label == label).click().run()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "binary", "random", "by looks"])
def test_from_a_data_sets_classes(kind, open_page):
    page = open_page("studio")
    page.radio[0].set_value(kind).run()
    page = press(page, "Open in the studio")
    assert not page.exception
    assert set(draft_of(page).tree.leaves) == set("0123456789")


def test_a_sense_of_wordnet_is_chosen_and_moves_its_class(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr(wordnet_files, "folder", lambda: tiny_wordnet.write(tmp_path / "wordnet"))
    page = open_page("studio")
    page.selectbox(key="studio-data").set_value("cifar10").run()
    page.radio[0].set_value("by wordnet").run()
    assert dict(zip(*(page.dataframe[0].value[name] for name in ("class", "sense")), strict=True))["cat"] == "cat.n.01"
    page.selectbox(key="sense-of-cat").set_value("cat.n.02").run()
    page = press(page, "Open in the studio")
    assert not page.exception
    tree = draft_of(page).tree
    assert set(tree.leaves) == set(datasets.find("cifar10").class_names)
    parent = {name: tree.nodes[tree.parents[tree.nodes.index(name)]] for name in ("cat", "dog", "truck")}
    assert parent["cat"] == tree.nodes[0] != parent["dog"]


def test_without_wordnet_it_can_be_downloaded(open_page, monkeypatch):
    monkeypatch.setattr(wordnet_files, "folder", lambda: None)
    page = open_page("studio")
    page.radio[0].set_value("by wordnet").run()
    assert not page.exception
    assert "Get WordNet" in [button.label for button in page.button]
    assert "Open in the studio" not in [button.label for button in page.button]


def test_from_text_and_what_is_no_tree_is_told(open_page):
    page = start_from(open_page("studio"), "text")
    page.text_area[0].set_value("a\n  b\n  b").run()
    page = press(page, "Open in the studio")
    assert "Line 3: the name 'b' is used twice" in page.error[0].value.replace("\\", "")
    page.text_area[0].set_value("a\n  b\n  c").run()
    page = press(page, "Open in the studio")
    assert draft_of(page).tree.leaves == ("b", "c")


def test_text_that_can_be_read_in_several_ways_is_asked_about(open_page):
    page = start_from(open_page("studio"), "text")
    page.text_area[0].set_value("things cat\nthings dog").run()
    page = press(page, "Open in the studio")
    page = page.selectbox(key="studio-text-as").set_value("edges no-header").run()
    assert not page.exception
    assert draft_of(page).tree.nodes == ("things", "cat", "dog")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["its tree", "its mistakes"])
def test_from_a_run(kind, open_page, store):
    run = add_run(store)
    page = start_from(open_page("studio"), "a run")
    page.radio[0].set_value(kind).run()
    page = press(page, "Open in the studio")
    assert not page.exception
    tree = draft_of(page).tree
    assert set(tree.leaves) == set(store.run(run).tree.leaves)
    assert (tree == store.run(run).tree) == (kind == "its tree")


def test_weights_that_are_gone_are_told(open_page, store):
    add_run(store)
    page = start_from(open_page("studio"), "a run")
    page.radio[0].set_value("its weights").run()
    page = press(page, "Open in the studio")
    assert "cannot be read" in page.error[0].value


def test_a_draft_that_is_not_there_is_told(open_page):
    page = open_page("studio", draft="000000000000")
    assert "There is no draft" in page.error[0].value
    assert "Draw a label tree" in texts(page)


def test_a_draft_of_no_data_set_is_saved_and_trained_on_toy_pictures(open_page, home):
    draft = Draft.begin(LabelTree.from_edges([("r", "a"), ("r", "b")]), "Odd one")
    page = open_page("studio", draft=draft.id)
    assert not any(button.label == "Train on it" for button in page.button)
    page = press(page, "Train on toy pictures")
    assert not page.exception
    assert tree_library.load("Odd-one") == draft.tree
    entry = datasets.find("Odd-one-toy")
    assert (entry.class_names, entry.default_tree) == (("a", "b"), "Odd-one")


def test_words_that_a_few_classes_share_are_no_data_set(open_page, home):
    page = start_from(open_page("studio"), "text")
    page.text_area[0].set_value("food\n  apple\n  pear").run()
    page = press(page, "Open in the studio")
    assert draft_of(page).data is None


def test_duplicate_and_delete_on_the_trees_page(open_page, home):
    page = press(open_page("trees", tree="digits"), "Duplicate")
    assert not page.exception
    assert parameter(page, "tree") == "digits-copy"
    page = press(page, "Delete it")
    assert not page.exception
    assert [entry.name for entry in tree_library.entries() if not entry.shipped] == []
    assert len(tree_library.versions("digits-copy")) == 1


def test_the_form_says_what_is_proper(open_page):
    page = open_page("train", data="digits", loss=["hierarchical", "level-wise"], **{"label-tree": "digits"})
    assert "uniform depth the second term is constant" in texts(page)
    field = next(field for field in page.text_input if field.key == "level-wise.weights")
    page = field.set_value("1").run()
    assert any("Expected 2 weights" in error.value for error in page.error)
    assert make_loss("level-wise", tree_library.load("digits"), weights="1,0.5").is_proper


def test_the_drawing_is_there_again_until_it_is_closed(open_page):
    draft = Draft.begin(LabelTree.from_edges([("r", "a"), ("r", "b")]), "Mine")
    page = open_page("studio", draft=draft.id)
    page.query_params.clear()
    page.run()
    assert parameter(page, "draft") == draft.id
    page = press(page, "Close")
    assert "draft" not in page.query_params
    assert "Draw a label tree" in texts(page)
    page.query_params["draft"] = draft.id
    page.run()
    page.query_params.clear()
    page.query_params["new"] = "tree"
    page.run()
    assert "draft" not in page.query_params


@pytest.mark.parametrize("name", ["studio", "trees"])
def test_drafts_are_listed_and_deleted_with_undo(name, open_page, home):
    drafts = [Draft.begin(LabelTree.from_edges([("r", "a"), ("r", "b")]), title) for title in "ABCDEFG"]
    page = open_page(name)
    listed = [button.key for button in page.button if str(button.key).startswith("delete-draft-")]
    assert len(listed) == 5
    page.toggle(key="all-drafts").set_value(True).run()
    page.button(key=f"delete-draft-{drafts[0].id}").click().run()
    assert not page.exception
    assert drafts[0].id not in [entry.id for entry in draft_library.entries()]
    assert "A is in the trash" in texts(page)
    page.button(key="undo-draft-button").click().run()
    assert len(draft_library.entries()) == 7
