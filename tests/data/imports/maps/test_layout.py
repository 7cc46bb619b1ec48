"""Pairs of pictures and label maps by the names of folders and files."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from hierapp.data.imports.maps import layout
from hierapp.data.imports.maps.layout import Layout


def find(text: str) -> Layout:
    return layout.find([PurePosixPath(path).parts for path in text.split()])


LAYOUTS = {
    "parts above": "train/images/1.jpg train/labels/1.png test/images/2.jpg test/labels/2.png",
    "parts below": "images/train/1.jpg labels/train/1.png images/test/2.jpg labels/test/2.png",
    "wrapped": "set/train/images/1.jpg set/train/masks/1.png set/test/images/2.jpg set/test/masks/2.png",
    "SegNet's CamVid": "train/1.png trainannot/1.png test/2.png testannot/2.png",
    "Kaggle's CamVid": "CamVid/train/1.png CamVid/train_labels/1_L.png CamVid/test/2.png CamVid/test_labels/2_L.png",
    "ADE": "images/training/1.jpg annotations/training/1.png images/validation/2.jpg annotations/validation/2.png",
    "Cityscapes": "leftImg8bit/train/aachen/1_leftImg8bit.png gtFine/train/aachen/1_gtFine_labelIds.png"
    " gtFine/train/aachen/1_gtFine_color.png leftImg8bit/val/bonn/2_leftImg8bit.png"
    " gtFine/val/bonn/2_gtFine_labelIds.png leftImg8bit/test/ulm/3_leftImg8bit.png"
    " gtFine/test/ulm/3_gtFine_labelIds.png",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    assert layout.has_maps(LAYOUTS[name].split())
    found = find(LAYOUTS[name])
    pairs = [pair for pair in found.pairs if pair.picture and pair.map]
    by_number = {PurePosixPath(pair.picture[-1]).stem[0]: pair for pair in pairs if pair.picture}
    assert (by_number["1"].part, by_number["2"].part) == ("train", "test")
    assert all(pair.map and pair.map[-1][0] == number for number, pair in by_number.items())


def test_cityscapes_validation_is_the_test_part() -> None:
    found = find(LAYOUTS["Cityscapes"])
    assert found.cityscapes == "ids"
    assert "validation part is the test part" in found.words
    assert not any(pair.map and "color" in pair.map[-1] for pair in found.pairs)


def test_without_parts_the_test_part_is_drawn() -> None:
    found = find("images/1.jpg labels/1.png images/2.jpg labels/2.png")
    assert [pair.part for pair in found.pairs] == [None, None]


def test_validation_beside_test_is_for_training() -> None:
    found = find(
        "train/images/1.jpg train/labels/1.png val/images/3.jpg val/labels/3.png test/images/2.jpg test/labels/2.png"
    )
    assert sorted((pair.shown, pair.part) for pair in found.pairs) == [
        ("test/images/2.jpg", "test"),
        ("train/images/1.jpg", "train"),
        ("val/images/3.jpg", "train"),
    ]


def test_missing_pictures_and_maps_are_kept_as_half_pairs() -> None:
    pairs = find("images/1.jpg labels/1.png images/2.jpg labels/3.png").pairs
    assert [(pair.picture is None, pair.map is None) for pair in pairs] == [
        (False, False),
        (False, True),
        (True, False),
    ]


@pytest.mark.parametrize(
    "paths",
    [
        "train/cat/1.jpg train/dog/1.jpg",
        "rose/images/1.png rose/masks/1.png tulip/images/1.png tulip/masks/1.png",
        "with_mask/1.jpg without_mask/1.jpg",
        "images/1.jpg images/2.jpg",
        "images/1.jpg labels/1.txt",
    ],
)
def test_other_pictures_have_no_maps(paths: str) -> None:
    assert not layout.has_maps(paths.split())
