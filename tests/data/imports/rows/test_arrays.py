"""Features from npz files, folders and zips of npy files, and npy files with labels beside them."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from hierapp import paths
from hierapp.data import registry as datasets
from hierapp.data.imports import store as import_store
from hierapp.errors import ArchiveError, DatasetError
from hierapp.trees import library as tree_library
from tests.feature_rows import CLASSES, arrays, checked, npz, own


def test_an_npz_becomes_a_data_set_with_its_rows_in_order(tmp_path):
    given = arrays()
    entry = own(npz(tmp_path / "some.npz"), "some")
    assert (entry.kind, entry.features, entry.class_names, entry.own) == ("features", 6, CLASSES, True)
    assert datasets.status("some").state == "ready"
    for part, chosen in (("train", ~given["test"]), ("test", given["test"])):
        features, labels = datasets.arrays("some", part)
        assert features.dtype == np.float16
        assert np.array_equal(features, given["features"][chosen])
        assert np.array_equal(labels, given["labels"][chosen])
        assert list(datasets.texts("some", part)) == given["texts"][chosen].tolist()
        assert datasets.load("some", part).images.shape == features.shape
        assert datasets.class_counts("some")[part].tolist() == np.bincount(labels).tolist()


def test_the_features_are_mapped_from_the_disk(tmp_path):
    own(npz(tmp_path / "some.npz"), "some")
    features, _ = datasets.arrays("some", "train")
    assert isinstance(features.base, np.memmap)


def test_dots_in_class_names_are_proposed_as_a_tree(tmp_path):
    entry = own(npz(tmp_path / "some.npz"), "some")
    assert tree_library.load(entry.default_tree).nodes == ("root", "animal", *CLASSES[:2], "thing", *CLASSES[2:])


def test_the_content_hash_follows_features_and_labels(tmp_path):
    own(npz(tmp_path / "one.npz"), "one")
    own(npz(tmp_path / "two.npz"), "two")
    own(npz(tmp_path / "three.npz", labels=(arrays()["labels"] + 1) % 4), "three")
    hashes = {name: datasets.content_hashes(name) for name in ("one", "two", "three")}
    assert None not in hashes["one"]
    assert hashes["one"] == hashes["two"] != hashes["three"]


@pytest.mark.parametrize("kind", ["folder", "zip", "file", "zipped npz"])
def test_npy_files_are_read_as_the_arrays_of_an_npz(tmp_path, kind):
    given = arrays()
    folder = tmp_path / "rows"
    folder.mkdir()
    if kind == "file":
        np.save(folder / "rows.npy", given["features"])
        np.save(folder / "rows-labels.npy", given["labels"])
        source, classes = folder / "rows.npy", ("0", "1", "2", "3")
    elif kind == "zipped npz":
        npz(folder / "rows.npz")
        source, classes = tmp_path / "rows.zip", CLASSES
        with zipfile.ZipFile(source, "w") as out:
            out.write(folder / "rows.npz", "rows.npz")
    else:
        for name in ("features", "labels", "test"):
            np.save(folder / f"{name}.npy", given[name])
        (folder / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
        source, classes = folder, CLASSES
        if kind == "zip":
            source = tmp_path / "rows.zip"
            with zipfile.ZipFile(source, "w") as out:
                for file in folder.iterdir():
                    out.write(file, f"rows/{file.name}")
    entry = own(source, "some")
    assert entry.class_names == classes
    assert entry.train_size + entry.test_size == len(given["labels"])


@pytest.mark.parametrize(
    ("features", "stored", "width"),
    [
        (np.arange(80.0)[:, None] ** [1, 2], "float32", 2),
        (np.arange(80), "float32", 1),
        (np.arange(80 * 12, dtype=np.uint8).reshape(80, 2, 3, 2), "float32", 12),
        (np.eye(80, dtype=bool), "float32", 80),
    ],
)
def test_any_numbers_of_any_number_of_dimensions_are_features(tmp_path, features, stored, width):
    _, report = checked(npz(tmp_path / "some.npz", features=features))
    assert (report.dtype, report.features, report.images) == (stored, width, 80)


def test_names_of_keras_are_known(tmp_path):
    given = arrays()
    test = given["test"]
    file = tmp_path / "mnist.npz"
    np.savez(file, **{f"{axis}_{part}": given[name][rows] for part, rows in (("train", ~test), ("test", test))
                      for axis, name in (("x", "features"), ("y", "labels"))})  # fmt: skip
    _, report = checked(file)
    assert (report.drawn, sum(report.test)) == (False, int(test.sum()))


@pytest.mark.parametrize("names", [np.array(CLASSES), np.array([name.encode() for name in CLASSES])])
def test_labels_may_be_names(tmp_path, names):
    given = arrays()
    _, report = checked(npz(tmp_path / "some.npz", labels=names[given["labels"]], classes=None))
    assert report.classes == list(CLASSES)


def test_a_test_part_is_drawn_where_none_is_given_without_copies_of_training_rows(tmp_path):
    features = np.repeat(arrays(40)["features"], 2, axis=0)
    labels = np.repeat(arrays(40)["labels"], 2)
    _, report = checked(npz(tmp_path / "some.npz", features=features, labels=labels, test=None, texts=None))
    assert report.drawn
    assert report.between.count == 0 < report.within.count


def test_rows_that_are_not_finite_or_not_labeled_are_left_out_and_counted(tmp_path):
    features, labels = arrays()["features"].astype(np.float64), arrays()["labels"].astype(np.int64)
    features[3, 1], features[7, 0], features[9, 2] = np.nan, np.inf, 1e300
    labels[11] = -1
    entry = own(npz(tmp_path / "some.npz", features=features, labels=labels), "some")
    report = import_store.report_of("some", paths.data_folder())
    assert entry.train_size + entry.test_size == 76
    assert (report.broken_count, report.unlabeled) == (3, 1)
    assert [row for row, _ in report.broken] == ["row 4", "row 8", "row 10"]
    assert any("3 rows cannot be used" in warning for warning in report.warnings)


def test_copies_and_constant_features_are_reported(tmp_path):
    features = arrays()["features"].copy()
    features[1], features[2], features[:, 5] = features[0], features[22], 1
    _, report = checked(npz(tmp_path / "some.npz", features=features))
    assert (report.between.count, report.two_classes.count, report.constant) == (1, 1, 1)
    assert report.between.groups == [["row 3 'text 2'", "row 23 'text 22'"]]


GIVEN = arrays()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": None}, "no array of features"),
        ({"labels": None}, "no array of labels"),
        ({"labels": GIVEN["labels"][:-1]}, "Expected 80 values in the array 'labels'"),
        ({"labels": GIVEN["labels"] + 1}, "Expected labels from 0 to 3"),
        ({"labels": np.eye(4)[GIVEN["labels"]]}, "one-hot"),
        ({"labels": GIVEN["labels"] + 0.5, "classes": None}, "bins"),
        ({"classes": np.array(["cat", "cat", "dog", "cup"])}, "different name for each class"),
        ({"features": np.array([["a"]] * 80)}, "Expected numbers"),
        ({"features": np.full((80, 2), np.nan)}, "missing or infinite"),
        ({"labels": np.zeros(80, int)}, "at least two classes"),
        ({"test": np.ones(80, bool)}, "at least two classes"),
        ({"test": np.zeros(80, bool)}, "no row for the test part"),
        ({"test": np.array(["left", "right"] * 40)}, "Expected the parts train and test but got 'left'"),
        ({"test": np.arange(80)}, "got the number 79"),
        ({"labels": np.arange(80), "classes": np.array(["x"] * 80)}, "different name"),
    ],
)
def test_arrays_that_do_not_fit_cost_one_sentence(tmp_path, changes, words):
    with pytest.raises(DatasetError) as error:
        checked(npz(tmp_path / "some.npz", **changes))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_pickled_objects_and_damaged_files_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", features=GIVEN["features"], labels=np.array(["cat", 3] * 40, object))
    np.save(tmp_path / "lone.npy", GIVEN["features"])
    (tmp_path / "short.npz").write_bytes(npz(tmp_path / "some.npz").read_bytes()[:-200])
    with pytest.raises(ArchiveError, match="pickle"):
        checked(tmp_path / "objects.npz")
    with pytest.raises(DatasetError, match=r"lone-labels\.npy"):
        checked(tmp_path / "lone.npy")
    with pytest.raises(ArchiveError):
        checked(tmp_path / "short.npz")
    assert not list((tmp_path / "data" / "own").glob("[!.]*"))
