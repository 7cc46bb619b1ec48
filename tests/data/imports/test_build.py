"""From pictures to arrays, a report and a tree: against what was put in."""

from __future__ import annotations

import json
import math
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hierapp import LabelTree
from hierapp.data.imports import build, pictures
from hierapp.data.imports.options import Options
from hierapp.data.imports.report import Report
from hierapp.errors import ArchiveError, DatasetError, HierappError
from tests.data.imports.conftest import classes, noise, odd_lot, pack, png, write


def built(tmp_path: Path, files: Mapping[str, object], archive: bool = False, **options: object) -> tuple[Report, Path]:
    source = pack(tmp_path / "source.zip", files) if archive else write(tmp_path / "source", files)
    out = tmp_path / "out"
    return build.build(source, source.name, out, Options(**options), lambda done, total, what: None), out


def told(error: type[HierappError], tmp_path: Path, files: Mapping[str, object], **options: object) -> str:
    with pytest.raises(error) as caught:
        built(tmp_path, files, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def arrays(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / f"{part}-images.npy"), np.load(folder / f"{part}-labels.npy")


def test_every_picture_is_kept_once_with_its_label(tmp_path):
    files = classes(10)
    report, out = built(tmp_path, files, side=16)
    assert (report.classes, report.train, report.test) == (["blue", "green", "red"], [8] * 3, [2] * 3)
    expected = sorted(
        (name.split("/")[0], pictures.read(tmp_path / "source" / name, 16).pixels.tobytes()) for name in files
    )
    kept = []
    for part in ("train", "test"):
        images, labels = arrays(out, part)
        assert (images.dtype, images.shape[1:], labels.dtype) == (np.uint8, (16, 16, 3), np.int64)
        kept += [(report.classes[label], image.tobytes()) for image, label in zip(images, labels, strict=True)]
    assert sorted(kept) == expected
    assert sorted(path.name for path in out.iterdir()) == [
        *("hashes.json", "report.json", "staged.json", "test-images.npy", "test-labels.npy"),
        *("train-images.npy", "train-labels.npy", "tree.json"),
    ]


def test_the_test_part_is_drawn_the_same_every_time(tmp_path):
    one, other = (built(tmp_path / name, classes(20), test_share=0.3)[1] for name in "ab")
    assert np.array_equal(arrays(one, "test")[0], arrays(other, "test")[0])
    assert np.bincount(arrays(one, "test")[1]).tolist() == [6, 6, 6]


def test_the_odd_lot_is_read_and_told_of(tmp_path):
    report, _ = built(tmp_path, odd_lot(), archive=True)
    assert report.images == 299
    assert [file for file, _ in report.broken] == ["red/2.png"]
    assert report.modes == {"RGB": 297, "RGBA": 1, "L": 1}
    assert report.sizes == {"12 x 10": 298, "10000 x 30": 1}
    assert (report.smallest, report.largest) == ((12, 10), (10_000, 30))
    assert (report.resized, report.cropped, report.channels, report.drawn) == (299, 299, 3, True)
    assert report.warnings == ["1 file cannot be used and is left out, 'red/2.png' for example."]


def test_a_report_comes_back_from_json(tmp_path):
    report, out = built(tmp_path, {**odd_lot(), "empty/.keep": b"", "red/copy.png": noise(2000 + 5)})
    assert Report.from_dict(json.loads((out / "report.json").read_text())) == report


def test_grays_alone_have_one_channel(tmp_path):
    report, out = built(tmp_path, {name: picture.convert("L") for name, picture in classes(10).items()})
    images, _ = arrays(out, "train")
    assert report.channels == 1
    assert images.shape == (24, 32, 32, 1)
    assert images.std() > 0


def test_an_empty_class_is_left_out_and_named(tmp_path):
    files = {**classes(12), "lost/.keep": b"", "ruined/1.png": b"no picture"}
    report, out = built(tmp_path, files)
    assert report.classes == ["blue", "green", "red"]
    assert report.empty == ["lost", "ruined"]
    assert "Classes without a training image: 'lost', 'ruined'; left out." in report.warnings
    assert LabelTree.load(out / "tree.json").positions_of(report.classes) is not None


def test_classes_of_the_test_folder_alone_are_left_out_with_their_pictures(tmp_path):
    files = {**classes(12, top="train/"), **classes(3, ("red", "new"), top="test/")}
    report, out = built(tmp_path, files)
    assert (report.empty, report.left_out) == (["new"], 3)
    assert report.test == [0, 0, 3]
    assert report.untested == ["blue", "green"]
    assert any("left out, with 3 test images." in warning for warning in report.warnings)
    assert arrays(out, "test")[1].tolist() == [2, 2, 2]
    assert not report.drawn


def test_tiny_classes_are_named(tmp_path):
    report, _ = built(tmp_path, {**classes(20, ("red", "blue")), **classes(3, ("green",))})
    assert report.tiny == ["green"]
    assert any("fewer than 10 training images: 'green';" in warning for warning in report.warnings)


def test_copies_are_found_by_their_pixels(tmp_path):
    same, twice, torn = noise(9001), noise(9002), noise(9003)
    files = {**classes(10, top="train/"), **classes(4, top="test/")}
    files |= {"train/red/a.png": same, "test/red/b.png": same}
    files |= {"train/blue/a.png": twice, "train/blue/b.png": twice}
    files |= {"train/blue/c.png": torn, "train/green/c.png": torn}
    report, _ = built(tmp_path, files)
    assert [sorted(files) for files in report.between.groups] == [["test/red/b.png", "train/red/a.png"]]
    assert report.within.groups == [["train/blue/a.png", "train/blue/b.png"]]
    assert [sorted(files) for files in report.two_classes.groups] == [["train/blue/c.png", "train/green/c.png"]]
    assert report.warnings[0].startswith("1 image is in both the training and the test set")


def test_no_copy_of_a_training_picture_is_drawn_for_the_test(tmp_path):
    files = {f"{name}/{i}.png": noise(100 * c + i // 2) for c, name in enumerate(("a", "b")) for i in range(40)}
    report, out = built(tmp_path, files)
    assert report.between.count == 0
    train = {image.tobytes() for image in arrays(out, "train")[0]}
    assert not train & {image.tobytes() for image in arrays(out, "test")[0]}
    assert sum(report.test) > 0


def test_faces_become_ordered_classes_with_a_tree_of_neighbors(tmp_path):
    files = {f"{age}_0_0_{i}.jpg": noise(age * 10 + i) for age in (5, 15, 25, 35) for i in range(5)}
    report, out = built(tmp_path, files, utkface=True, bin=10)
    assert report.classes == ["0-9", "10-19", "20-29", "30-39"]
    tree = LabelTree.load(out / "tree.json")
    assert tree.leaves == ("0-9", "10-19", "20-29", "30-39")
    distances = tree.distances("edges")
    assert distances[0, 1] == distances[2, 3] < distances[0, 2]
    assert json.loads((out / "staged.json").read_text())["ordinal"]


def test_group_folders_become_the_tree(tmp_path):
    names = ("animals/cat", "animals/dog", "things/car", "things/bus")
    report, out = built(tmp_path, classes(5, names))
    tree = LabelTree.load(out / "tree.json")
    assert tree.nodes == ("root", "animals", "cat", "dog", "things", "bus", "car")
    assert sorted(report.classes) == sorted(tree.leaves)


# Refusals


def test_what_cannot_be_trained_on_is_refused(tmp_path):
    assert "Only 'red' has images" in told(DatasetError, tmp_path / "a", classes(5, ("red",)))
    assert "None of the 1 images can be read" in told(DatasetError, tmp_path / "b", {"a/1.png": b"", "b/.k": b""})
    only_test = {"train/a/.k": b"", "train/b/.k": b"", **classes(2, ("a", "b"), top="test/")}
    assert "No class has an image" in told(DatasetError, tmp_path / "c", only_test)
    no_test = {**classes(2, ("a", "b"), top="train/"), "test/a/.k": b""}
    assert "no image for the test set" in told(DatasetError, tmp_path / "d", no_test)
    assert "too few images to draw 20%" in told(DatasetError, tmp_path / "e", classes(1, ("a", "b")))


def test_more_than_fits_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MOST_BYTES", 10_000)
    monkeypatch.setattr(pictures, "read", None)
    assert "choose a smaller side" in told(DatasetError, tmp_path, classes(10))


@pytest.mark.slow
def test_a_bomb_is_refused(tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as opened:
        for number in range(3):
            opened.writestr(f"a/{number}.png", bytes(30_000_000))
    with pytest.raises(ArchiveError, match=r"bomb\.zip unpacks to more than 200 times its size"):
        build.build(bomb, "bomb.zip", tmp_path / "out", Options(), lambda *progress: None)


def test_names_that_lead_out_are_refused(tmp_path):
    names = pack(tmp_path / "out.zip", {"../../evil.png": noise(0), "a/1.png": noise(1)})
    with pytest.raises(ArchiveError, match="points outside its folder"):
        build.build(names, "out.zip", tmp_path / "in", Options(), lambda *progress: None)
    assert not list(tmp_path.rglob("evil.png"))


def test_memory_does_not_grow_with_the_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "CHUNK_BYTES", 2**16)
    most: dict[int, float] = {}
    for turn, count in enumerate((20, 20, 20, 120, 120)):  # the first one imports what is needed
        source = write(tmp_path / str(turn), classes(count, ("a", "b")))
        tracemalloc.start()
        build.build(source, "x", tmp_path / f"out{turn}", Options(side=64), lambda *progress: None)
        # The least of several: threads that other tests have left may need memory meanwhile.
        most[count] = min(most.get(count, math.inf), tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[120] - most[20] < 100 * 2 * 64 * 64 * 3 / 4, "a quarter of what the further pictures take"


def deep(seed: int, least: int, most: int) -> bytes:
    """A PNG of 16 bits with values in a range."""
    values = np.random.default_rng(seed).integers(least, most, (16, 16), np.uint16, endpoint=True)
    return png(Image.fromarray(values))


def test_12_bits_in_pictures_of_16_are_scaled_together_and_told_of(tmp_path):
    files = {f"dark/{i}.png": deep(i, 0, 1000) for i in range(12)} | {
        f"light/{i}.png": deep(50 + i, 3000, 4095) for i in range(12)
    }
    report, out = built(tmp_path, files, side=16)
    assert report.narrow == {"4095": 24}
    assert any("24 images of more than 8 bits use only the range from 0 to 4095" in each for each in report.warnings)
    images, labels = arrays(out, "train")
    dark, light = (images[labels == label].mean() for label in (0, 1))
    assert 25 < dark < 40  # 500 of 4095
    assert 210 < light < 230  # 3548 of 4095


def test_16_bits_that_are_used_are_not_told_of(tmp_path):
    files = {f"{name}/{i}.png": deep(100 * ord(name) + i, 0, 65535) for name in "ab" for i in range(6)}
    assert built(tmp_path, files)[0].narrow == {}


def test_pictures_that_are_all_copies_are_refused_as_such(tmp_path):
    files = {f"{name}/{i}.png": noise(0) for name in "ab" for i in range(12)}
    assert "The 24 images are copies of each other, only 1 of them is different" in told(DatasetError, tmp_path, files)


def test_an_archive_with_names_of_other_systems(tmp_path):
    files: dict[str, object] = {}
    for i in range(6):
        files[f"set\\Mo\u0308hre\\{i}.png"] = noise(i)
        files[f"set/m\u00f6hre/{i}.png"] = noise(50 + i)
        files[f"set/Lauch/{i}.png"] = noise(100 + i)
    report, _ = built(tmp_path, files, archive=True)
    assert report.classes == ["Lauch", "M\u00f6hre"]
    assert report.images == 18
    assert report.merged == ["M\u00f6hre", "m\u00f6hre"]
    assert any("differ in case only are one class: 'M\u00f6hre', 'm\u00f6hre'" in each for each in report.warnings)


def test_unlabeled_pictures_are_counted_and_named(tmp_path):
    files = {**classes(10, top="train/"), "test/images/1.png": noise(1), "test/images/2.png": noise(2)}
    report, _ = built(tmp_path, files)
    assert (report.images, report.drawn, report.broken_count) == (30, True, 2)
    assert report.broken[0] == (
        "test/images/1.png",
        "It is in a part without class folders, so it has no label.",
    )
    assert "2 files cannot be used and are left out, 'test/images/1.png' for example." in report.warnings
