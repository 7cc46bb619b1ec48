"""The trees that ship against their data sets and what they claim to be; the user's own, kept and found again."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from hierapp import LabelTree, TreeError, paths
from hierapp.data.imports.maps import known as published
from hierapp.data.registry import DATASETS
from hierapp.errors import StoreError
from hierapp.trees import formats as tree_formats, library as tree_library

SHIPPED = sorted(path.stem for path in paths.shipped_trees().iterdir())
LABEL_MAPS = {"camvid": published.CAMVID, "cityscapes": tuple(published.CITYSCAPES.values())}
RAGGED = ("cifar10-binary", "20newsgroups", "abalone")
PETS = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
OTHER = LabelTree.from_edges([("root", "cat"), ("root", "dog")])

# CIFAR-100's own coarse labels: their names, and the one of each class, as all 60,000 images of the data set have it.
COARSE_NAMES = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""
COARSE_OF_FINE = """
    4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7 6 13 15 3 15 0 11 1 10 12 14 16 9 11 5 5 19 8 8 15
    13 14 17 18 10 16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16 12 9 13 15 13 16 19 2 4 6 19 5 5
    8 19 18 1 2 15 6 0 17 8 14 13
"""

# By coarse label the node of levels 3, 2 and 1, as numbered in the code of Garg, Sani and Anand (ECCV 2022).
FIVE_LEVELS = {
    **dict.fromkeys((2, 4, 17), (5, 3, 0)),
    **dict.fromkeys((0, 1), (6, 0, 0)),
    **dict.fromkeys((8, 11, 12, 14, 16), (3, 0, 0)),
    **dict.fromkeys((7, 13, 15), (4, 0, 0)),
    **dict.fromkeys((3, 5, 6), (0, 1, 1)),
    **dict.fromkeys((18, 19), (7, 1, 1)),
    9: (1, 1, 1),
    10: (2, 2, 1),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that no test sees or touches the user's trees."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def partition(tree: LabelTree, level: int) -> set[frozenset[str]]:
    """The leaves below each node of a level; the root's level is 0."""
    ranges = tree.leaf_ranges[tree.depth == level + 1]
    return {frozenset(tree.leaves[start:stop]) for start, stop in ranges}


def mean_distance(tree: LabelTree) -> float:
    """The mean distance between two different leaves."""
    return tree.distances().sum() / (len(tree.leaves) * (len(tree.leaves) - 1))


# What ships


def test_the_trees_that_ship() -> None:
    assert SHIPPED == [
        "20newsgroups",
        "20newsgroups-flat",
        "abalone",
        "abalone-flat",
        "camvid",
        "cifar10",
        "cifar10-adversarial",
        "cifar10-binary",
        "cifar10-flat",
        "cifar10-wide",
        "cifar100",
        "cifar100-5level",
        "cifar100-coarse",
        "cifar100-coarse-flat",
        "cifar100-flat",
        "cityscapes",
        "digits",
        "digits-flat",
        "fashion-mnist",
        "fashion-mnist-flat",
    ]
    assert [entry.name for entry in tree_library.entries()] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_the_leaves_are_the_classes_of_the_data_set(name: str) -> None:
    entry = next(entry for entry in tree_library.entries() if entry.name == name)
    assert entry.shipped
    assert entry.path == paths.shipped_trees() / f"{name}.json"
    assert entry.title != name
    assert entry.description.endswith(".")
    assert entry.data is not None
    classes = (
        DATASETS[entry.data].class_names if entry.data in DATASETS else LABEL_MAPS[entry.data]  # these are imported
    )
    assert sorted(tree_library.load(name).positions_of(classes)) == list(range(len(classes)))


@pytest.mark.parametrize("data", DATASETS)
def test_every_data_set_has_its_default_tree_and_a_flat_one(data: str) -> None:
    names = [entry.name for entry in tree_library.entries(data)]
    assert DATASETS[data].default_tree in names
    assert f"{data}-flat" in names
    longer = tuple(f"{other}-" for other in DATASETS if other.startswith(f"{data}-"))
    assert names == [
        name for name in SHIPPED if f"{name}-".startswith(f"{data}-") and not f"{name}-".startswith(longer)
    ]


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith("-flat")])
def test_flat_trees_are_flat(name: str) -> None:
    assert (tree_library.load(name).parents[1:] == 0).all()


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in RAGGED])
def test_uniform_depth_but_for_three_trees(name: str) -> None:
    assert tree_library.load(name).is_uniform_depth


PAIRS = ({"automobile", "truck"}, {"airplane", "ship"}, {"cat", "dog"}, {"deer", "horse"}, {"bird", "frog"})


def test_cifar10_is_two_halves_of_pairs() -> None:
    tree = tree_library.load("cifar10")
    vehicles = {"airplane", "automobile", "ship", "truck"}
    assert partition(tree, 1) == {frozenset(vehicles), frozenset(tree.leaves) - vehicles}
    assert partition(tree, 2) == set(map(frozenset, PAIRS))


def test_cifar10_wide_has_the_halves_only() -> None:
    tree = tree_library.load("cifar10-wide")
    assert partition(tree, 1) == partition(tree_library.load("cifar10"), 1)
    assert tree.depth.max() == 3


def test_cifar10_binary_has_two_children_everywhere() -> None:
    tree = tree_library.load("cifar10-binary")
    assert {len(tree.children[node]) for node in tree.internal_nodes} == {2}
    assert not tree.is_uniform_depth
    assert set(map(frozenset, PAIRS)) <= {frozenset(tree.leaves[a:b]) for a, b in tree.leaf_ranges}


def test_cifar10_adversarial_parts_every_pair_at_the_root() -> None:
    tree = tree_library.load("cifar10-adversarial")
    distances = tree.distances()
    for pair in PAIRS:
        one, other = (tree.leaves.index(name) for name in pair)
        assert distances[one, other] == tree.depth.max() - 1
    # As deep as the semantic tree. Not the same sizes: halves that part five pairs have five classes each.
    assert tree.depth.max() == tree_library.load("cifar10").depth.max()
    assert [len(half) for half in partition(tree, 1)] == [5, 5]


@pytest.mark.parametrize("name", ["cifar100", "cifar100-5level"])
def test_cifar100_has_the_data_sets_own_superclasses(name: str) -> None:
    tree = tree_library.load(name)
    for fine, coarse in zip(DATASETS["cifar100"].class_names, COARSE_OF_FINE.split(), strict=True):
        parent = tree.parents[tree.nodes.index(fine)]
        assert tree.nodes[parent] == COARSE_NAMES.split()[int(coarse)], fine
    assert np.bincount(tree.depth)[-2:].tolist() == [20, 100]


def test_cifar100_5level_is_the_published_tree() -> None:
    tree = tree_library.load("cifar100-5level")
    assert np.bincount(tree.depth).tolist() == [0, 1, 2, 4, 8, 20, 100]
    assert mean_distance(tree) == pytest.approx(3.914, abs=5e-4)
    # The mean alone does not tell: other groups of the superclasses have the same one.
    classes = DATASETS["cifar100"].class_names
    for level, column in ((1, 2), (2, 1), (3, 0)):
        groups: dict[int, set[str]] = {}
        for fine, coarse in zip(classes, COARSE_OF_FINE.split(), strict=True):
            groups.setdefault(FIVE_LEVELS[int(coarse)][column], set()).add(fine)
        assert partition(tree, level) == set(map(frozenset, groups.values())), level


def test_the_tree_of_the_superclasses_is_the_five_level_one_without_its_last_level() -> None:
    coarse, fine = tree_library.load("cifar100-coarse"), tree_library.load("cifar100-5level")
    kept = [name for name, depth in zip(fine.nodes, fine.depth, strict=True) if depth < fine.depth.max()]
    assert list(coarse.nodes) == kept
    above = {fine.nodes[i]: fine.nodes[parent] for i, parent in enumerate(fine.parents) if parent >= 0}
    assert all(above[coarse.nodes[i]] == coarse.nodes[parent] for i, parent in enumerate(coarse.parents) if parent >= 0)


# Finding one


def test_load_by_name_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree_library.keep(PETS, "pets")
    assert tree_library.load("pets") == PETS
    monkeypatch.chdir(tmp_path)
    for known in tree_formats.FORMATS.values():
        OTHER.save(tmp_path / f"other{known.suffix}")
        assert tree_library.load(f"other{known.suffix}") == OTHER
        assert tree_library.load(str(tmp_path / f"other{known.suffix}")) == OTHER
    # A name of the library goes before a folder of that name.
    Path("cifar10").mkdir()
    assert len(tree_library.load("cifar10").leaves) == 10


@pytest.mark.parametrize("name", ["cifar11", "", "a" * 300, "nul\0", "../trees/cifar10"])
def test_a_name_that_is_none(name: str) -> None:
    tree_library.keep(PETS, "pets")
    with pytest.raises(TreeError) as refused:
        tree_library.load(name)
    assert str(refused.value) == f"There is no tree {name!r}; give a file, or one of {', '.join([*SHIPPED, 'pets'])}."


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.json", "There is no file"), (".", "is a folder"), ("tests.txt", "There is no file")],
)
def test_a_file_that_is_none(name: str, said: str) -> None:
    with pytest.raises(TreeError, match=said):
        tree_library.load(name)


# The user's own


def test_a_kept_tree_is_listed_last_and_found_again(home: Path) -> None:
    kept = tree_library.keep(PETS, "my pets!", title="Meine „Tiere“", description="Two and\na half.", data="pets")
    assert kept == tree_library.TreeEntry(
        "my-pets", "Meine „Tiere“", "Two and\na half.", "pets", home / "trees" / "my-pets.json", shipped=False
    )
    assert tree_library.entries()[-1] == kept
    assert tree_library.entries("pets") == [kept]
    assert tree_library.load("my-pets") == PETS
    assert list((home / "trees").iterdir()) == [kept.path]  # no side file is left


def test_what_is_not_said_is_not_written() -> None:
    kept = tree_library.keep(PETS, "pets")
    assert (kept.title, kept.description, kept.data) == ("pets", "", None)
    assert tree_library.entries()[-1] == kept
    assert not any(word in kept.path.read_text() for word in ("title", "description", "data", "null"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [("../../etc/passwd", "etc-passwd"), ("a b/c", "a-b-c"), ("猫", "猫"), ("...", "tree"), ("", "tree"), ("-x-", "x")],
)
def test_names_become_names_of_files(home: Path, name: str, stem: str) -> None:
    kept = tree_library.keep(PETS, name)
    assert kept.path == home / "trees" / f"{stem}.json"
    assert tree_library.load(kept.name) == PETS


def test_a_long_name_is_cut_to_what_a_file_may_have() -> None:
    assert tree_library.load(tree_library.keep(PETS, "x" * 300).name) == PETS
    assert tree_library.load(tree_library.keep(PETS, "𠮷" * 300).name) == PETS


def test_another_tree_of_that_name_gets_a_number_and_the_same_is_kept_once(home: Path) -> None:
    first = tree_library.keep(PETS, "pets", title="Pets")
    before = first.path.read_bytes()
    assert tree_library.keep(OTHER, "pets").name == "pets-2"
    assert tree_library.keep(LabelTree(["r", "a"], [-1, 0]), "pets").name == "pets-3"
    assert tree_library.keep(OTHER, "pets").name == "pets-2"
    assert tree_library.keep(PETS, "pets", title="Other words") == first
    assert first.path.read_bytes() == before
    assert len(list((home / "trees").iterdir())) == 3


def test_a_name_that_ships_is_not_taken(home: Path) -> None:
    assert tree_library.keep(PETS, "cifar10").name == "cifar10-2"
    assert len(tree_library.load("cifar10").leaves) == 10
    assert tree_library.keep(tree_library.load("digits"), "digits").shipped
    assert [path.stem for path in (home / "trees").iterdir()] == ["cifar10-2"]


def test_an_own_file_never_hides_one_that_ships(home: Path) -> None:
    (home / "trees").mkdir(parents=True)
    PETS.save(home / "trees" / "cifar10.json")
    assert len(tree_library.load("cifar10").leaves) == 10
    assert [entry.shipped for entry in tree_library.entries() if entry.name == "cifar10"] == [True]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b"[]", b'"x"', b'{"name": "no leaf"}', b"[" * 100_000],
    ids=lambda data: data[:9],
)
def test_a_broken_file_is_left_out_and_left_as_it_is(home: Path, content: bytes) -> None:
    (home / "trees").mkdir(parents=True)
    broken = home / "trees" / "pets.json"
    broken.write_bytes(content)
    assert [entry.name for entry in tree_library.entries()] == SHIPPED
    with pytest.raises(TreeError, match=r"^pets\.json: "):
        tree_library.load("pets")
    assert tree_library.keep(PETS, "pets").name == "pets-2"
    assert broken.read_bytes() == content


def test_words_of_the_wrong_kind_are_passed_over(home: Path) -> None:
    (home / "trees").mkdir(parents=True)
    (home / "trees" / "odd.json").write_text(
        '{"title": 3, "description": null, "data": ["x"], "name": "r", "children": ["a"]}'
    )
    odd = tree_library.entries()[-1]
    assert (odd.name, odd.title, odd.description, odd.data) == ("odd", "odd", "", None)


def test_a_folder_that_cannot_be_written(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(
        StoreError, match=r"^The tree cannot be saved in .*trees \(.+\); make the folder writable or set"
    ):
        tree_library.keep(PETS, "pets")
    assert [entry.name for entry in tree_library.entries()] == SHIPPED


def test_a_tree_too_deep_for_a_file_is_not_kept(home: Path) -> None:
    chain = LabelTree([f"n{i}" for i in range(1000)], np.arange(1000) - 1)
    with pytest.raises(TreeError, match="The tree has 1000 levels"):
        tree_library.keep(chain, "chain")
    assert not home.exists()


@pytest.mark.real_data
def test_the_superclasses_are_those_of_the_data_itself(real_data_folder: Path) -> None:
    def unpickle(name: str) -> dict[str, list[int]]:
        return pickle.loads((real_data_folder / "cifar-100-python" / name).read_bytes(), encoding="latin1")

    names, train = unpickle("meta"), unpickle("train")
    pairs = set(zip(train["fine_labels"], train["coarse_labels"], strict=True))
    assert len(pairs) == 100
    expected = {names["fine_label_names"][fine]: names["coarse_label_names"][coarse] for fine, coarse in pairs}
    for name in ("cifar100", "cifar100-5level"):
        tree = tree_library.load(name)
        above = {tree.nodes[leaf]: tree.nodes[tree.parents[leaf]] for leaf in tree.leaf_nodes}
        assert above == expected


def test_saving_again_makes_the_former_tree_a_version():
    first, second = (LabelTree.from_edges([("root", name), ("root", "dog")]) for name in ("cat", "lynx"))
    assert tree_library.save(first, "Mine", title="Mine").name == "Mine"
    assert tree_library.versions("Mine") == []
    assert tree_library.save(first, "Mine").title == "Mine"  # the same tree is no new version
    tree_library.save(second, "Mine", title="Mine again")
    assert tree_library.load("Mine") == second
    (version,) = tree_library.versions("Mine")
    assert (version.title, tree_library.load(str(version.path))) == ("Mine", first)
    tree_library.delete("Mine")
    assert [entry.name for entry in tree_library.entries() if not entry.shipped] == []
    assert [entry.title for entry in tree_library.versions("Mine")] == ["Mine again", "Mine"]


def test_trees_that_ship_are_neither_replaced_nor_deleted():
    tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    assert tree_library.save(tree, "cifar10").name == "cifar10-2"
    for name in ("cifar10", "nothing", "../digits"):
        with pytest.raises(TreeError, match="can be deleted"):
            tree_library.delete(name)
