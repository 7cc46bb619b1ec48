"""Coarse labels: inner nodes of a tree that is given with the import."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hierapp import LabelTree
from hierapp.data import registry as datasets
from hierapp.data.imports.rows import kinds
from hierapp.data.targets import targets_of
from hierapp.errors import DatasetError, TreeError
from hierapp.trees import library as tree_library
from tests.data.imports.conftest import pack, write
from tests.feature_rows import arrays, checked, npz, own, table

TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "thing"), ("thing", "car"), ("thing", "cup")]
)
FINE = np.array(["cat", "dog", "car", "cup"])


def mixed() -> np.ndarray:
    """A label for each row of `arrays`: every fifth is coarse."""
    labels = FINE[arrays()["labels"]].astype("<U8")
    for row in range(0, len(labels), 5):
        labels[row] = "animal" if labels[row] in ("cat", "dog") else "thing"
    return labels


@pytest.fixture
def tree(tmp_path):
    file = tmp_path / "tree.json"
    TREE.save(file)
    return str(file)


def test_labels_that_are_inner_nodes_are_coarse_and_counted(tmp_path, tree):
    labels = mixed()
    entry = own(npz(tmp_path / "some.npz", labels=labels, classes=None), "some", tree=tree)
    assert (entry.class_names, entry.coarse_names) == (TREE.leaves, ("animal", "thing"))
    assert tree_library.load(entry.default_tree) == TREE
    counts = datasets.class_counts("some")
    fine = np.isin(labels, FINE)
    assert sum(int(part.sum()) for part in counts.values()) == fine.sum()
    assert entry.train_size + entry.test_size == len(labels)
    _, found = datasets.arrays("some", "test")
    assert [entry.label_names[label] for label in found] == labels[arrays()["test"]].tolist()


def test_the_report_counts_coarse_rows(tmp_path, tree):
    _, report = checked(npz(tmp_path / "some.npz", labels=mixed(), classes=None), tree=tree)
    assert report.coarse == ["animal", "thing"]
    assert sum(report.coarse_train) + sum(report.coarse_test) == 16


def test_classes_without_training_rows_leave_the_tree(tmp_path, tree):
    labels = mixed()
    labels[labels == "cup"] = "thing"
    entry = own(npz(tmp_path / "some.npz", labels=labels, classes=None), "some", tree=tree)
    assert tree_library.load(entry.default_tree) == TREE.restrict(["cat", "dog", "car"])


def test_targets_are_leaves_or_with_coarse_labels_nodes():
    assert targets_of(("dog", "cat", "cup", "car"), (), TREE).tolist() == [1, 0, 3, 2]
    nodes = targets_of(("dog", "cat", "cup", "car"), ("thing",), TREE)
    assert [TREE.nodes[node] for node in nodes] == ["dog", "cat", "cup", "car", "thing"]
    with pytest.raises(TreeError, match="'plant'"):
        targets_of(TREE.leaves, ("plant",), TREE)


def test_labels_that_are_no_nodes_are_named(tmp_path, tree):
    labels = mixed()
    labels[0] = "plant"
    with pytest.raises(DatasetError, match="'plant'"):
        checked(npz(tmp_path / "some.npz", labels=labels, classes=None), tree=tree)
    with pytest.raises(DatasetError, match="no tree"):
        checked(npz(tmp_path / "some.npz"), tree="nowhere")


def test_the_content_tells_pictures_arrays_and_tables(tmp_path):
    picture = Image.new("RGB", (4, 4))
    assert kinds.kind_of(pack(tmp_path / "a.zip", {"cat/1.png": picture, "cat/about.csv": b"a,b\n"})) == "pictures"
    assert kinds.kind_of(write(tmp_path / "b", {"cat/1.png": picture, "cat/1.npy": b""})) == "pictures"
    assert kinds.kind_of(npz(tmp_path / "c").with_name("c.npz")) == "arrays"
    assert kinds.kind_of(table(tmp_path / "d", ["x", "label"], [[1, "a"]])) == "table"
    assert kinds.kind_of(pack(tmp_path / "e.zip", {"rows.csv": b"x,label\n1,a\n"})) == "table"
    (tmp_path / "f").write_bytes(b"\x1f\x8b not an archive, but \0 bytes")
    assert kinds.kind_of(tmp_path / "f") == "pictures"
