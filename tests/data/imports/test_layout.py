# ruff: noqa: E501
"""Layouts of published sets of pictures: read as what they are, or refused with a question; no class by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp.data.imports import sources
from hierapp.data.imports.options import Options
from hierapp.errors import DatasetError
from tests.data.imports.conftest import noise, png, write

# Files; then the classes, and for each part the number of its pictures; then the number of pictures without a label.
LAYOUTS: dict[str, tuple[str, list[str], dict[str | None, int], int]] = {
    "doubled folders of parts": (
        "my_train/my_train/rose/1 my_train/my_train/tulip/1 my_test/my_test/rose/1 my_test/my_test/tulip/1",
        ["rose", "tulip"], {"train": 2, "test": 2}, 0,
    ),
    "doubled folders of the usual names": (
        "train/train/rose/1 train/train/tulip/1 test/test/rose/1", ["rose", "tulip"], {"train": 2, "test": 1}, 0,
    ),
    "Intel scenes, with unlabeled pictures": (
        "seg_train/seg_train/sea/1 seg_train/seg_train/forest/1 seg_test/seg_test/sea/2 seg_pred/seg_pred/9",
        ["forest", "sea"], {"train": 2, "test": 1}, 0,
    ),
    "cats and dogs": (
        "training_set/training_set/cats/1 training_set/training_set/dogs/1 test_set/test_set/cats/2",
        ["cats", "dogs"], {"train": 2, "test": 1}, 0,
    ),
    "train and eval": ("train/rose/1 train/tulip/1 eval/rose/2", ["rose", "tulip"], {"train": 2, "test": 1}, 0),
    "camel case": ("TrainImages/a/1 TrainImages/b/1 TestImages/a/2", ["a", "b"], {"train": 2, "test": 1}, 0),
    "parts inside the classes": (
        "rose/train/1 rose/test/2 tulip/train/1 tulip/test/2 tulip/val/3",
        ["rose", "tulip"], {"train": 3, "test": 2}, 0,
    ),
    "a training part alone inside the classes": ("rose/train/1 tulip/train/1", ["rose", "tulip"], {None: 2}, 0),
    "parts inside the classes of groups": (
        "flowers/rose/train/1 flowers/rose/test/2 trees/oak/train/1 trees/oak/test/2",
        ["rose", "oak"], {"train": 2, "test": 2}, 0,
    ),
    "Tiny ImageNet": (
        "tiny/train/n01/images/1 tiny/train/n02/images/1 tiny/val/images/1 tiny/val/images/2 tiny/test/images/1"
        " tiny/val/val_annotations.txt tiny/train/n01/n01_boxes.txt tiny/words.txt",
        ["n01", "n02"], {None: 2}, 3,
    ),
    "images of classes": ("rose/images/1 tulip/images/1 tulip/images/2", ["rose", "tulip"], {None: 3}, 0),
    "traffic signs": (
        "GTSRB/Final_Training/Images/00000/1.ppm GTSRB/Final_Training/Images/00001/1.ppm GTSRB/Final_Test/Images/1.ppm"
        " GTSRB/Readme.txt",
        ["00000", "00001"], {None: 2}, 1,
    ),
    "dogs with annotations": (
        "Images/n1-dog/1 Images/n2-wolf/1 Annotation/n1-dog/1.xml lists/train.mat", ["n1-dog", "n2-wolf"], {None: 2}, 0,
    ),
    "food with meta files": ("food/images/pie/1 food/images/cake/1 food/meta/a.txt", ["cake", "pie"], {None: 2}, 0),
    "flat test pictures": ("train/cat/1 train/dog/1 test/1 test/2", ["cat", "dog"], {None: 2}, 2),
    "test pictures in a folder of their own": ("train/cat/1 train/dog/1 test/unknown/1", ["cat", "dog"], {None: 2}, 1),
    "an unlabeled folder beside the training part": ("train/cat/1 train/dog/1 unlabeled/1", ["cat", "dog"], {None: 2}, 0),
    "parts that differ in case and Unicode form": (
        "Train/Mo\u0308hre/1 Train/Lauch/1 test/m\u00f6hre/2 test/lauch/2", ["Lauch", "M\u00f6hre"], {"train": 2, "test": 2}, 0,
    ),
    "classes with names of parts": ("train/1 bus/1 test tube/1", ["bus", "test tube", "train"], {None: 3}, 0),
    "groups with names of parts": ("steam_train/a/1 steam_train/b/1 bus/c/1", ["c", "a", "b"], {None: 3}, 0),
    "images as a class": ("images/1 drawings/1", ["drawings", "images"], {None: 2}, 0),
}  # fmt: skip


def lay(root: Path, names: str) -> Path:
    files = {name if "." in name.rsplit("/", 1)[-1] else f"{name}.png": b"" for name in names.split(" ") if name}
    return write(root, files)


@pytest.mark.parametrize("case", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("top", ["", "around/"])
def test_published_layouts(case: tuple[str, list[str], dict[str | None, int], int], top: str, tmp_path: Path) -> None:
    names, classes, parts, unlabeled = case
    names = names.replace("test tube", "test_tube")
    source = sources.find(lay(tmp_path / top, names) and tmp_path, Options())
    assert [name.replace("_", " ") if name == "test_tube" else name for name in source.classes] == classes
    counts: dict[str | None, int] = {}
    for picture in source.pictures:
        counts[picture.part] = counts.get(picture.part, 0) + 1
    assert counts == parts
    assert len(source.no_class) == unlabeled


ASKED = {
    "a training folder beside others": ("train/cat/1 train/dog/1 other/fox/1", "may be the training part, or a group"),
    "only some classes with parts": ("rose/train/1 rose/test/2 tulip/1", "has no parts; give all classes"),
    "masks": ("rose/images/1 rose/masks/1 tulip/images/1 tulip/masks/1", "as images and masks do"),
    "masks without classes": ("images/1 masks/1", "as images and masks do"),
    "a class and a group": ("a/1 a/b/1 c/1", "would be a class and a group"),
    "no classes": ("images/1 images/2", "are not in class folders"),
}


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED)
def test_what_fits_several_layouts_is_asked_about(case: tuple[str, str], tmp_path: Path) -> None:
    names, said = case
    with pytest.raises(DatasetError, match=said) as asked:
        sources.find(lay(tmp_path, names), Options())
    assert str(asked.value).count("\n") == 0


def test_files_without_a_known_suffix_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    picture = png(noise(0))
    files = {
        "set/README": b"Hello",
        "set/a/LICENSE": b"MIT",
        "set/a/1": picture,
        "set/b/x.0001": picture,
        "set/b/c.csv": b"1",
    }
    source = sources.find(write(tmp_path, files), Options())
    assert [picture.shown for picture in source.pictures] == ["set/a/1", "set/b/x.0001"]
    assert source.left_out.names == ["set/a/LICENSE", "set/b/c.csv", "set/README"]


def test_what_lies_beside_the_parts_is_counted_and_named(tmp_path: Path) -> None:
    source = sources.find(lay(tmp_path, "train/a/1 train/b/1 test/a/2 extra/1 extra/2 list.txt"), Options())
    assert source.classes == ["a", "b"]
    assert (source.left_out.count, source.left_out.names) == (3, ["list.txt", "extra/1.png", "extra/2.png"])


def test_classes_that_differ_in_case_only_are_one_and_are_told(tmp_path: Path) -> None:
    source = sources.find(lay(tmp_path, "Rose/1 rose/2 tulip/1"), Options())
    assert (source.classes, len(source.pictures)) == (["Rose", "tulip"], 3)
    assert source.merged == ["Rose", "rose"]
