"""The pictures of a confusion matrix's cell."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hierapp.analysis.cell_images import sheet
from hierapp.data import registry as datasets
from hierapp.data.contact_sheet import GAP, LINE, TILE, captioned
from hierapp.errors import DatasetError
from hierapp.training.predictions import Outputs


@pytest.fixture
def said(tiny_cifar, tmp_path):
    """Outputs of the ten test images, classes in reverse order; the likeliest is always the first one."""
    tiny_cifar.write(tmp_path)
    _, labels = datasets.arrays("cifar10", "test", tmp_path)
    p = np.full((10, 10), 0.05, np.float16)
    p[:, 0] = 0.55
    return Outputs(p, (9 - labels).astype(np.int32), datasets.find("cifar10").class_names[::-1], "cifar10", 1)


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_the_pictures_are_those_of_the_rows(said, tiny_cifar, tmp_path):
    picture = opened(sheet(said, [7, 2], folder=tmp_path)).convert("RGB")
    for place, row in enumerate((7, 2)):
        shown = picture.crop((place * (TILE + 3 * GAP), 0, place * (TILE + 3 * GAP) + TILE, TILE)).resize((32, 32), 0)
        assert np.abs(np.asarray(shown, int) - tiny_cifar.images["test"][row]).mean() < 20


def test_a_data_set_that_has_changed_is_refused(said, tmp_path):
    changed = replace(said, target=(said.target + 1) % 10)
    with pytest.raises(DatasetError, match="train again"):
        sheet(changed, [0], folder=tmp_path)


def test_words_stand_under_each_picture_in_the_color_of_the_theme():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    for theme, bright in (("light", False), ("dark", True)):
        picture = opened(captioned(images, [("a", "b")] * 3, theme))
        below = np.asarray(picture)[TILE + GAP : TILE + GAP + 2 * LINE]
        ink = below[below[..., 3] > 200][:, :3]
        assert len(ink)
        assert (ink.mean() > 128) == bright


def test_rows_wrap_at_the_width():
    images = np.zeros((5, 8, 8, 3), np.uint8)
    one = opened(captioned(images, [("a",)] * 5, width=2 * (TILE + 3 * GAP)))
    assert one.size == (2 * (TILE + 3 * GAP), 3 * (TILE + LINE + 3 * GAP))
