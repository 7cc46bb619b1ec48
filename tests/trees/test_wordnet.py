"""The reader of WordNet's files and the trees of its hypernyms, on a tiny dictionary."""

import pytest

from hierapp.errors import TreeError
from hierapp.trees.wordnet import WordNet
from hierapp.trees.wordnet_tree import by_wordnet
from tests.trees import tiny_wordnet


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    return WordNet(tiny_wordnet.write(tmp_path_factory.mktemp("wordnet")))


def test_senses_come_in_their_order_with_their_glosses(wordnet):
    assert [(sense.name, sense.synset.gloss) for sense in wordnet.senses("Cat")] == [
        ("cat.n.01", "a feline mammal"),
        ("cat.n.02", "a spiteful woman"),
    ]
    assert wordnet.sense("auto.n.01").synset == wordnet.sense("car.n.1").synset


@pytest.mark.parametrize(
    ("name", "word"), [("dogs", "dog"), ("fire truck", "truck"), ("my-cats", "cat"), ("true cat", "true_cat")]
)
def test_plurals_and_compounds_are_found(wordnet, name, word):
    assert wordnet.senses(name)[0].name == f"{word}.n.01"


def test_a_path_leads_from_the_most_general_synset(wordnet):
    path = wordnet.path(wordnet.sense("cat.n.01").synset)
    assert [synset.words[0] for synset in path] == ["entity", "animal", "carnivore", "cat"]


@pytest.mark.parametrize("name", ["cat.n.03", "cat", "unicorn.n.01", "cat.v.01", "cat.n.00"])
def test_an_unknown_sense_is_refused(wordnet, name):
    with pytest.raises(TreeError, match="has no noun"):
        wordnet.sense(name)


def test_chains_of_single_children_are_collapsed(wordnet):
    found = by_wordnet(["cat", "dog", "car", "truck"], wordnet)
    assert found.tree.nodes == ("entity", "carnivore", "cat", "dog", "vehicle", "car", "truck")


def test_a_sense_is_that_which_shares_most_with_the_other_classes(wordnet):
    assert by_wordnet(["crane", "cat", "bird"], wordnet).senses["crane"].name == "crane.n.02"
    assert by_wordnet(["crane", "car", "truck"], wordnet).senses["crane"].name == "crane.n.01"


def test_a_chosen_sense_moves_its_class(wordnet):
    found = by_wordnet(["cat", "dog", "car", "truck"], wordnet, {"cat": "cat.n.02"})
    assert found.tree.nodes == ("entity", "cat", "dog", "vehicle", "car", "truck")
    assert [sense.name for sense in found.choices["cat"]] == ["cat.n.01", "cat.n.02"]


def test_a_class_that_others_are_kinds_of_stays_a_leaf(wordnet):
    tree = by_wordnet(["dog", "poodle", "car"], wordnet).tree
    assert tree.leaves == ("dog", "poodle", "car")
    assert tree.parents[tree.nodes.index("dog")] == tree.parents[tree.nodes.index("poodle")] != 0


def test_classes_of_one_meaning_are_siblings(wordnet):
    tree = by_wordnet(["car", "auto", "cat"], wordnet).tree
    assert sorted(tree.leaves) == ["auto", "car", "cat"]


def test_unknown_classes_are_below_the_root_and_told(wordnet):
    found = by_wordnet(["cat", "zorp", "dog", "car"], wordnet)
    assert found.unknown == ["zorp"]
    assert found.tree.parents[found.tree.nodes.index("zorp")] == 0


@pytest.mark.parametrize(
    ("classes", "senses", "message"),
    [(["zip", "zap"], {}, "fewer than two"), (["cat", "dog"], {"cow": "cat.n.01"}, "not among the classes")],
)
def test_what_gives_no_tree_is_refused(wordnet, classes, senses, message):
    with pytest.raises(TreeError, match=message):
        by_wordnet(classes, wordnet, senses)


@pytest.mark.parametrize("name", ["data.noun", "index.noun"])
def test_a_file_of_another_format_is_told(tmp_path, name):
    folder = tiny_wordnet.write(tmp_path)
    (folder / name).write_text((folder / name).read_text().replace(" n ", " n x "), encoding="utf-8")
    with pytest.raises(TreeError, match="not in WordNet's format"):
        WordNet(folder).path(WordNet(folder).senses("cat")[0].synset)


def test_a_folder_without_the_dictionary_is_told(tmp_path):
    with pytest.raises(TreeError, match="no WordNet dictionary"):
        WordNet(tmp_path)
