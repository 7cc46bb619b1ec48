"""Content hashes: what they depend on, where they come from, and that they follow the files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hierapp.data import content, registry as datasets
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.data.imports import store as import_store
from tests.own_data import own


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of this test's own."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_every_pixel_label_and_shape_counts():
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), np.array([0, 1])
    same = content.of_arrays(images.copy(), labels.copy())
    assert content.of_arrays(images, labels) == same
    other = images.copy()
    other[1, 1, 1, 2] += 1
    found = {
        same,
        content.of_arrays(other, labels),
        content.of_arrays(images, labels[::-1]),
        content.of_arrays(images.reshape(2, 4, 1, 3), labels),
    }
    assert len(found) == 4
    assert content.with_classes(same, ["cat", "dog"]) != content.with_classes(same, ["dog", "cat"])


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (ContentHashes("a", "b"), ContentHashes("a", "b"), False),
        (ContentHashes("a", "b"), ContentHashes("c", "b"), True),
        (ContentHashes("a", "b"), ContentHashes("a", "c"), True),
        (ContentHashes("a", None), ContentHashes(None, "b"), False),
        (ContentHashes("a", "b"), UNKNOWN, False),
    ],
)
def test_what_is_unknown_differs_from_nothing(one, other, differ):
    assert one.differ(other) is other.differ(one) is differ


def test_published_sets_are_known_without_their_files(tiny_cifar, monkeypatch):
    before = datasets.content_hashes("cifar10")
    assert None not in before
    assert before.train != before.test
    files = [replace(file, md5="0" * 32) if file.part == "test" else file for file in tiny_cifar.entry.files]
    monkeypatch.setitem(datasets.DATASETS, "cifar10", replace(tiny_cifar.entry, files=tuple(files)))
    after = datasets.content_hashes("cifar10")
    assert (after.train == before.train, after.test == before.test) == (True, False)


def test_sets_of_the_same_files_with_other_classes_are_different():
    assert datasets.content_hashes("cifar100").differ(datasets.content_hashes("cifar100-coarse"))


def test_the_digits_are_those_of_every_installation():
    # Another value means that scikit-learn's file, or NumPy's draw of the test part, has changed.
    assert datasets.content_hashes("digits") == ("cdf9762e351e46ab5693e8172e668ca1", "f16812f8a7324372ef2d95f800d1ad6e")


def test_the_hash_of_a_loaded_part_is_that_of_the_catalogue():
    own("swap", 1)
    for name in ("digits", "swap"):
        loaded = ContentHashes(*(datasets.load(name, part).content_hash for part in import_store.PARTS))
        assert loaded == datasets.content_hashes(name)
        assert None not in loaded


def test_other_pictures_under_a_name_are_told_and_the_former_ones_are_known_again():
    own("swap", 1)
    before = datasets.content_hashes("swap")
    own("swap", 2)
    assert datasets.content_hashes("swap").differ(before)
    own("swap", 1)
    assert datasets.content_hashes("swap") == before


def test_a_set_that_is_not_there_is_unknown(data):
    assert datasets.content_hashes("nothing") == UNKNOWN
    own("swap", 1)
    (data / "own" / "swap" / "test-images.npy").write_bytes(b"broken")
    assert datasets.content_hashes("swap").test is None
    assert datasets.content_hashes("swap").train is not None


def test_pictures_changed_by_hand_are_told(data):
    own("swap", 1)
    before = datasets.content_hashes("swap")
    file = data / "own" / "swap" / "train-images.npy"
    images = np.load(file)
    images[0] = 0
    np.save(file, images)
    os.utime(file, (1, 1))
    after = datasets.content_hashes("swap")
    assert (after.train == before.train, after.test == before.test) == (False, True)


@pytest.mark.parametrize("kept", [None, "no JSON", "[]", '{"train": 3, "test": {}}'])
def test_a_set_imported_by_an_older_version_gets_its_hashes(data, kept):
    own("swap", 1)
    before, file = datasets.content_hashes("swap"), data / "own" / "swap" / "hashes.json"
    file.unlink()
    if kept is not None:
        file.write_text(kept)
    assert datasets.content_hashes("swap") == before
    assert set(import_store._kept_hashes(file.parent)) == {"train", "test"}


def test_hashes_are_stored_at_import_and_not_computed_again(data, monkeypatch):
    own("swap", 1)
    before = datasets.content_hashes("swap")

    def read(*given: object) -> None:
        raise AssertionError("the pictures were read")

    monkeypatch.setattr(import_store, "_read_files", read)
    assert datasets.content_hashes("swap") == before


def test_a_copied_data_folder_has_the_same_content(data, tmp_path):
    own("swap", 1)
    shutil.copytree(data, tmp_path / "copy", copy_function=shutil.copyfile)  # with other times
    assert datasets.content_hashes("swap", tmp_path / "copy") == datasets.content_hashes("swap")


def test_the_digits_are_read_where_scikit_learn_keeps_them_elsewhere(tmp_path):
    code = (
        "from hierapp.data import registry\n"
        "from hierapp.data.shipped import digits\n"
        "digits.find_spec = lambda name: None\n"
        "import sys; print(*registry.content_hashes('digits'), 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*datasets.content_hashes("digits"), "True"]
