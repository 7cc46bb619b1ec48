"""Trees proposed for a data set's classes, by each way."""

import json

import numpy as np
import pytest

from hierapp.cli import main as cli
from hierapp.data import registry, tree_proposals
from hierapp.errors import ConfigError, TreeError
from hierapp.trees import LabelTree
from tests import label_maps


def groups_of(tree: LabelTree) -> list[set[str]]:
    return [{tree.nodes[leaf] for leaf in tree.children[node]} for node in tree.children[0] if tree.children[node]]


@pytest.mark.parametrize(("by", "data"), [("names", "cifar10"), ("looks", "digits"), ("order", "cifar10")])
def test_a_proposal_is_a_tree_over_the_classes(by, data):
    classes = registry.find(data).class_names
    assert sorted(tree_proposals.propose(by, classes, data).leaves) == sorted(classes)


def test_names_of_a_known_data_set_need_no_language_model():
    groups = groups_of(tree_proposals.propose("names", registry.find("cifar10").class_names, "cifar10"))
    assert {"airplane", "automobile", "ship", "truck"} in groups
    assert {"deer", "horse"} in groups


def test_looks_are_the_mean_training_samples(monkeypatch):
    """Against a literal loop; samples of coarse labels are left out."""
    inputs, labels = registry.arrays("digits", "train")
    found = tree_proposals._means(inputs, labels, 10)
    for place in range(10):
        np.testing.assert_allclose(found[place], inputs[labels == place].reshape(-1, 64).mean(0))
    some = np.where(labels < 5, labels, -1)
    np.testing.assert_allclose(tree_proposals._means(inputs, some, 5), found[:5])
    with pytest.raises(TreeError, match="no training samples"):
        tree_proposals._means(inputs, some, 10)


def test_arguments_are_checked():
    with pytest.raises(ConfigError, match="names, words, wordnet, looks, order"):
        tree_proposals.propose("magic", ["a", "b"])
    with pytest.raises(ConfigError, match="data set"):
        tree_proposals.propose("looks", ["a", "b"])
    for classes in (["a"], ["a", "a"]):
        with pytest.raises(TreeError):
            tree_proposals.propose("order", classes)
    with pytest.raises(TreeError):
        tree_proposals.propose("words", ["cat", "dog"])


def test_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.txt").write_text("oak tree\npine tree\n\ncat\n")
    assert cli.main(["tree", "propose", "--classes", "classes.txt", "--by", "words", "--out", "out.json"]) == 0
    assert LabelTree.load(tmp_path / "out.json").nodes == ("root", "tree", "oak tree", "pine tree", "cat")
    capsys.readouterr()
    assert cli.main(["tree", "propose", "--data", "digits", "--by", "looks", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert sorted(set(said["nodes"]) & set("0123456789")) == list("0123456789")
    for wrong in ("missing.txt", str(tmp_path)):
        assert cli.main(["tree", "propose", "--classes", wrong, "--by", "words"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_looks_of_label_maps_are_mean_colors(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    label_maps.own(tmp_path)
    assert set(tree_proposals.propose("looks", label_maps.CLASSES, "streets").leaves) == set(label_maps.CLASSES)
