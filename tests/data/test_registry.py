"""The catalogue, the state of its files, loading and splitting."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from hierapp.data import dataset, registry as datasets
from hierapp.data.dataset import File
from hierapp.data.image_set import ImageSet
from hierapp.errors import ConfigError, DatasetError
from hierapp.trees import library as tree_library

# The catalogue


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_entry_is_consistent(name: str) -> None:
    entry = datasets.find(name)
    assert entry.name == name
    assert entry.title
    assert entry.default_tree
    assert entry.source.endswith(".")
    assert len(entry.class_names) == len(set(entry.class_names)) >= 2
    assert all(side > 0 for side in entry.input_shape)
    assert entry.train_size > entry.test_size > 0
    assert entry.download_bytes == sum(archive.size for archive in entry.archives)
    assert bool(entry.files) == bool(entry.archives) | bool(entry.by_hand)
    assert bool(entry.archives) == (bool(entry.torchvision_class) | bool(entry.url))
    assert bool(entry.debian_package) == bool(entry.debian_folder)
    if len(entry.files) > 1:
        assert {file.part for file in entry.files} >= {"train", "test"}
    every = [*entry.files, *entry.archives]
    assert len({file.path for file in every}) == len(every)
    for file in every:
        assert file.size > 0
        assert len(bytes.fromhex(file.md5)) == 16
        assert not Path(file.path).is_absolute()


def test_the_order_of_the_catalogue() -> None:
    assert list(datasets.DATASETS) == [
        *("digits", "fashion-mnist", "cifar10", "cifar100", "cifar100-coarse", "20newsgroups", "abalone")
    ]


def test_classes_have_an_order_if_the_data_set_is_ordered_and_has_these() -> None:
    rings = datasets.find("abalone").class_names
    assert datasets.order_of("abalone", rings[::-1]) == rings
    assert datasets.order_of("abalone", rings[1:]) is None
    assert datasets.order_of("digits", datasets.find("digits").class_names) is None
    assert datasets.order_of("predictions of others", rings) is None


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "cifar100-coarse"])
def test_cifar_agrees_with_torchvision(name: str) -> None:
    import torchvision

    entry = datasets.find(name)
    theirs = getattr(torchvision.datasets, str(entry.torchvision_class))
    expected = {f"{theirs.base_folder}/{file}": (md5, "train") for file, md5 in theirs.train_list}
    expected |= {f"{theirs.base_folder}/{file}": (md5, "test") for file, md5 in theirs.test_list}
    expected |= {f"{theirs.base_folder}/{theirs.meta['filename']}": (theirs.meta["md5"], None)}
    assert {file.path: (file.md5, file.part) for file in entry.files} == expected
    assert [(archive.path, archive.md5) for archive in entry.archives] == [(theirs.filename, theirs.tgz_md5)]


def test_fashion_mnist_agrees_with_torchvision() -> None:
    from torchvision.datasets import FashionMNIST

    entry = datasets.find("fashion-mnist")
    assert list(entry.class_names) == FashionMNIST.classes
    packed = [(f"FashionMNIST/raw/{file}", md5) for file, md5 in FashionMNIST.resources]
    assert [(archive.path, archive.md5) for archive in entry.archives] == packed
    assert [f"{file.path}.gz" for file in entry.files] == [path for path, _ in packed]


def test_find_lists_the_names() -> None:
    with pytest.raises(
        DatasetError, match=r"^Unknown data set 'mnist'; choose one of digits, fashion-mnist, cifar10, "
    ):
        datasets.find("mnist")


def test_pages_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from hierapp.data import registry as datasets, download as downloads\n"
        f"for name in datasets.DATASETS: datasets.status(name, {str(tmp_path)!r})\n"
        f"for name in datasets.DATASETS: datasets.content_hashes(name, {str(tmp_path)!r})\n"
        f"datasets.best_ready({str(tmp_path)!r}), downloads.progress_of('cifar10', {str(tmp_path)!r})\n"
        "print('imported:', *{'torch', 'torchvision', 'sklearn', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "imported:\n"


# Status


def test_status_of_an_absent_set_says_how_to_get_it(tmp_path: Path) -> None:
    now = datasets.status("cifar100", tmp_path / "nowhere")
    assert now.state == "absent"
    assert "click Download on the Start page" in now.detail
    assert "`python -m hierapp data get cifar100`" in now.detail


def test_digits_are_always_ready(tmp_path: Path) -> None:
    assert datasets.status("digits", tmp_path / "nowhere").state == "ready"


def test_status_needs_no_reading(tiny_cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_cifar.write(tmp_path)
    monkeypatch.setattr(dataset, "open_content", None)
    assert datasets.status("cifar10", tmp_path).state == "ready"


@pytest.mark.parametrize("path", ["data_batch_2", "test_batch", "batches.meta"])
@pytest.mark.parametrize("fault", ["missing", "short", "folder"])
def test_status_names_the_broken_file(tiny_cifar, tmp_path: Path, path: str, fault: str) -> None:
    file = tiny_cifar.write(tmp_path) / "cifar-10-batches-py" / path
    content = file.read_bytes()
    file.unlink()
    if fault == "short":
        file.write_bytes(content[:-1])
    if fault == "folder":
        file.mkdir()
    now = datasets.status("cifar10", tmp_path)
    assert now.state == "broken"
    assert str(file) in now.detail
    assert f"{len(content) - 1:,} bytes instead of {len(content):,}" in now.detail or fault != "short"
    assert "download it again" in now.detail


def test_the_data_folder_is_the_default(tiny_cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path))
    assert datasets.status("cifar10").state == "absent"
    tiny_cifar.write(tmp_path)
    assert datasets.status("cifar10").state == "ready"
    assert datasets.best_ready() == "cifar10"
    assert len(datasets.load("cifar10", "test")) == 10


def test_best_ready(tiny_cifar, tiny_fashion, tmp_path: Path) -> None:
    assert datasets.best_ready(tmp_path) == "digits"
    tiny_fashion.write(tmp_path)
    assert datasets.best_ready(tmp_path) == "fashion-mnist"
    tiny_cifar.write(tmp_path)
    assert datasets.best_ready(tmp_path) == "cifar10"
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(b"half")
    assert datasets.best_ready(tmp_path) == "fashion-mnist"


# Loading


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kind", ["tiny_cifar", "tiny_fashion"])
def test_load_gives_every_image_in_order(kind: str, part, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tiny = request.getfixturevalue(kind)
    loaded = datasets.load(tiny.entry.name, part, tiny.write(tmp_path))
    assert np.array_equal(loaded.images.numpy(), tiny.images[part])
    assert loaded.labels.tolist() == tiny.labels[part].tolist()
    assert loaded.class_names == tiny.entry.class_names
    assert loaded.images.permute(0, 3, 1, 2).is_contiguous(memory_format=torch.channels_last)
    images, labels = datasets.arrays(tiny.entry.name, part, tmp_path)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert np.array_equal(images, tiny.images[part])
    assert np.array_equal(labels, tiny.labels[part])


@pytest.mark.parametrize("kind", ["tiny_cifar", "tiny_fashion"])
def test_load_leaves_the_other_part_alone(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tiny = request.getfixturevalue(kind)
    for wanted, other in (("train", "test"), ("test", "train")):
        folder = tiny.write(tmp_path / wanted)
        for file in tiny.entry.files:
            if file.part == other:
                (folder / file.path).unlink()  # opening it would fail
        assert len(datasets.load(tiny.entry.name, wanted, folder)) == len(tiny.labels[wanted])
        with pytest.raises(DatasetError, match=r"cannot be read \(No such file or directory\)"):
            datasets.load(tiny.entry.name, other, folder)


@pytest.mark.parametrize("kind", ["tiny_cifar", "tiny_fashion"])
def test_a_broken_file_is_named(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tiny = request.getfixturevalue(kind)
    file = tiny.write(tmp_path) / tiny.entry.files[1].path
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert datasets.status(tiny.entry.name, tmp_path).state == "ready", "its size is right, so only its MD5 tells"
    with pytest.raises(DatasetError, match="is broken") as caught:
        datasets.load(tiny.entry.name, "train", tmp_path)
    assert str(file) in str(caught.value)
    assert f"`python -m hierapp data get {tiny.entry.name}`" in str(caught.value)


def test_a_foreign_pickle_is_not_executed(tiny_cifar, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "executed",)

    file = tiny_cifar.write(tmp_path) / "cifar-10-batches-py/data_batch_1"
    file.write_bytes(pickle.dumps(Attack()))
    with pytest.raises(DatasetError, match="is broken"):
        datasets.load("cifar10", "train", tmp_path)
    assert not (tmp_path / "executed").exists()


def test_arrays_need_no_torch(tiny_cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it raises
    assert len(datasets.arrays("cifar10", "test", tiny_cifar.write(tmp_path))[1]) == 10


def test_load_of_an_absent_set_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"not on this machine; to get it, click Download .* data get cifar10`"):
        datasets.load("cifar10", "train", tmp_path)


def test_load_refuses_another_part(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Unknown part 'validation' of the data set 'digits'; choose train or test"):
        datasets.load("digits", "validation", tmp_path)


def test_the_number_of_images_must_be_right(tiny_cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_cifar.write(tmp_path)
    monkeypatch.setitem(datasets.DATASETS, "cifar10", replace(tiny_cifar.entry, train_size=31))
    with pytest.raises(DatasetError, match="has 30 images and 30 labels instead of 31"):
        datasets.load("cifar10", "train", tmp_path)


def test_fashion_mnist_is_read_from_the_installed_package(tiny_fashion, tmp_path: Path) -> None:
    data, debian = tmp_path / "data", tmp_path / "debian"
    debian.mkdir()
    for path, content in tiny_fashion.content.items():
        assert datasets.status("fashion-mnist", data).state == "absent", "until the package is whole"
        (debian / f"{Path(path).name}.gz").write_bytes(gzip.compress(content))
    assert datasets.status("fashion-mnist", data).state == "ready"
    loaded = datasets.load("fashion-mnist", "test", data)
    assert np.array_equal(loaded.images.numpy(), tiny_fashion.images["test"])

    for file in debian.iterdir():
        torn = bytearray(file.read_bytes())
        torn[len(torn) // 2] ^= 255
        file.write_bytes(torn)
    with pytest.raises(
        DatasetError, match=r"debian/t10k-images-idx3-ubyte\.gz of the data set 'fashion-mnist' is broken"
    ):
        datasets.load("fashion-mnist", "test", data)

    # What lies in the data folder goes first, and is what the status speaks of.
    tiny_fashion.write(data)
    assert len(datasets.load("fashion-mnist", "test", data)) == 10
    (data / "FashionMNIST/raw/t10k-labels-idx1-ubyte").unlink()
    assert datasets.status("fashion-mnist", data).state == "broken"


def test_digits_are_whole_and_stratified(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    entry = datasets.find("digits")
    train, test = datasets.load("digits", "train", tmp_path), datasets.load("digits", "test", tmp_path)
    assert (len(train), len(test)) == (entry.train_size, entry.test_size) == (1438, 359)
    pixels, labels = load_digits(return_X_y=True)

    def rows(values: np.ndarray, marks: np.ndarray) -> list[tuple[int, ...]]:
        return sorted((int(mark), *row) for mark, row in zip(marks, values.reshape(-1, 64).tolist(), strict=True))

    got = torch.cat([train.images, test.images]).numpy(), torch.cat([train.labels, test.labels]).numpy()
    assert rows(*got) == rows(np.rint(pixels * 255 / 16).astype(int), labels)
    assert int(train.images.max()) == 255
    share = test.labels.bincount() / torch.from_numpy(labels).bincount()
    assert share.tolist() == pytest.approx([0.2] * 10, abs=1 / 170)
    again = datasets.load("digits", "test", tmp_path)
    assert torch.equal(test.images, again.images)


def test_coarse_labels_are_taken_by_the_names_in_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = datasets.find("cifar100-coarse")
    shifted = [*entry.class_names[1:], entry.class_names[0]]  # an order that is not the catalogue's
    rows = {b"data": np.zeros((3, 3072), np.uint8), b"fine_labels": [7, 8, 9], b"coarse_labels": [0, 19, 4]}
    content = {
        "cifar-100-python/train": pickle.dumps(rows, 2),
        "cifar-100-python/meta": pickle.dumps({b"coarse_label_names": [name.encode() for name in shifted]}, 2),
    }
    files = tuple(
        File(path, len(data), hashlib.md5(data).hexdigest(), "train" if path.endswith("train") else None)
        for path, data in content.items()
    )
    monkeypatch.setitem(datasets.DATASETS, entry.name, replace(entry, files=files, train_size=3))
    (tmp_path / "cifar-100-python").mkdir()
    for path, data in content.items():
        (tmp_path / path).write_bytes(data)
    _, labels = datasets.arrays(entry.name, "train", tmp_path)
    assert [entry.class_names[label] for label in labels] == [shifted[0], shifted[19], shifted[4]]
    assert datasets.class_counts("digits")["test"].sum() == datasets.find("digits").test_size


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("part", ["train", "test"])
def test_the_real_superclass_of_every_image_is_the_shipped_trees(part, real_data_folder: Path) -> None:
    tree, coarse = tree_library.load("cifar100"), datasets.load("cifar100-coarse", part, real_data_folder)
    fine = datasets.load("cifar100", part, real_data_folder)
    pairs = set(zip(fine.labels.tolist(), coarse.labels.tolist(), strict=True))
    assert len(pairs) == 100
    for one, above in pairs:
        parent = tree.parents[tree.nodes.index(fine.class_names[one])]
        assert tree.nodes[parent] == coarse.class_names[above]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_real_cifar_is_what_torchvision_reads(name: str, part, real_data_folder: Path) -> None:
    import torchvision

    entry = datasets.find(name)
    theirs = getattr(torchvision.datasets, str(entry.torchvision_class))(real_data_folder, train=part == "train")
    loaded = datasets.load(name, part, real_data_folder)
    assert np.array_equal(loaded.images.numpy(), theirs.data)
    assert loaded.labels.tolist() == theirs.targets
    assert list(loaded.class_names) == theirs.classes
    assert len(set(loaded.labels.bincount().tolist())) == 1, "every class has as many images"


# ImageSet


IMAGES = torch.zeros(4, 2, 2, 3, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 1])


def test_an_image_set_knows_its_length() -> None:
    assert len(ImageSet(IMAGES, LABELS, ("a", "b", "c"))) == 4


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.float(), LABELS, r"contiguous uint8 tensor \[n, H, W, C\], .* but got torch.float32 \[4, 2, 2, 3\]"),
        (IMAGES[0], LABELS, r"got torch.uint8 \[2, 2, 3\]"),
        (torch.zeros(4, 3, 2, 2, dtype=torch.uint8).permute(0, 2, 3, 1), LABELS, "contiguous"),
        (IMAGES, LABELS.int(), r"Expected 4 labels as an int64 tensor, one per image, but got torch.int32 \[4\]"),
        (IMAGES, LABELS[:3], r"got torch.int64 \[3\]"),
        (IMAGES, LABELS + 1, "Expected labels from 0 to 2, one for each class name, but got 1 to 3"),
        (IMAGES, LABELS - 1, "got -1 to 1"),
    ],
)
def test_an_image_set_refuses_what_does_not_fit(images: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        ImageSet(images, labels, ("a", "b", "c"))


# Splitting

LABEL_LISTS = st.lists(st.integers(0, 6), max_size=120)


@given(LABEL_LISTS, st.floats(0, 0.99), st.integers(0, 5))
def test_a_split_covers_everything_once(labels: list[int], fraction: float, seed: int) -> None:
    train, validation = datasets.split(labels, fraction, seed)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(len(labels)))
    assert train.dtype == validation.dtype == np.int64
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    kept = {labels[i] for i in train}
    assert all(cls in kept for cls in labels if labels.count(cls) >= 2)
    again = datasets.split(labels, fraction, seed)
    assert np.array_equal(again[0], train)


@given(LABEL_LISTS, st.floats(0, 0.5))
def test_a_split_is_stratified_and_its_total_exact(labels: list[int], fraction: float) -> None:
    _, validation = datasets.split(labels, fraction)
    assert len(validation) == round(len(labels) * fraction)
    drawn = [labels[i] for i in validation]
    for cls in set(labels):
        assert abs(drawn.count(cls) - labels.count(cls) * fraction) < 1


def test_the_largest_remainders_are_rounded_up() -> None:
    labels = [0] * 5 + [1] * 8 + [2] * 7  # shares of 1.25, 2 and 1.75 make 5 images
    _, validation = datasets.split(labels, 0.25)
    assert [int((np.array(labels)[validation] == cls).sum()) for cls in range(3)] == [1, 2, 2]


def test_small_classes_keep_one_for_training() -> None:
    train, validation = datasets.split([0, 0, 1, 1, 2], 0.9)
    assert (len(train), len(validation)) == (2, 3)
    assert train[0] in (0, 1)
    assert train[1] in (2, 3)


def test_the_seed_changes_the_draw() -> None:
    labels = torch.arange(10).repeat(20)
    first, second = datasets.split(labels, seed=0)[1], datasets.split(labels, seed=1)[1]
    assert len(first) == len(second) == 40
    assert first.tolist() != second.tolist()
    assert labels[torch.from_numpy(first)].bincount().tolist() == [4] * 10


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="at least 0 and below 1"):
        datasets.split([0, 1], fraction)


@pytest.mark.parametrize("labels", [[[0, 1]], [0.5, 1.0]])
def test_labels_that_are_none_are_refused(labels: list[object]) -> None:
    with pytest.raises(ConfigError, match="one-dimensional array of integers"):
        datasets.split(labels, 0.2)
