"""The contact sheet: the right pictures under each class's place, for any size and number of classes."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hierapp.data import Dataset, contact_sheet, registry as datasets


def of(monkeypatch: pytest.MonkeyPatch, images: np.ndarray, labels: list[int], names: tuple[str, ...]) -> Dataset:
    """A data set in the catalogue with these training images."""
    entry = replace(
        datasets.find("digits"),
        name="made",
        class_names=names,
        image_shape=images.shape[1:],
        train_size=len(images),
        read=lambda dataset, part, folder: (images, np.array(labels, np.int64)),
    )
    monkeypatch.setitem(datasets.DATASETS, "made", entry)
    return entry


def sheet(*arguments: object) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(contact_sheet.render(*arguments))))


def test_each_class_has_its_own_pictures(monkeypatch):
    colors = np.array([[250, 0, 0], [0, 250, 0], [0, 0, 250]], np.uint8)
    images = np.repeat(colors, 2, 0)[:, None, None].repeat(32, 1).repeat(32, 2)
    of(monkeypatch, images, [0, 0, 1, 1, 2, 2], ("a", "b", "c"))
    pixels = sheet("made")
    step = contact_sheet.PICTURES * (contact_sheet.CELL + contact_sheet.GAP) + 4 * contact_sheet.GAP
    for place, color in enumerate(colors.tolist()):
        strip = pixels[contact_sheet.LABEL + 5, place * step : place * step + 2 * contact_sheet.CELL]
        assert strip[10].tolist() == strip[-1].tolist() == [*color, 255]
        assert pixels[contact_sheet.LABEL + 5, place * step + 2 * (contact_sheet.CELL + contact_sheet.GAP) + 1, 3] == 0


def test_words_are_in_the_themes_ink(monkeypatch):
    of(monkeypatch, np.zeros((2, 8, 8, 1), np.uint8), [0, 1], ("MMM", "W" * 300))
    for theme, dark in (("light", True), ("dark", False)):
        words = sheet("made", theme)[: contact_sheet.LABEL]
        inked = words[words[..., 3] > 250]
        assert len(inked) > 20
        assert (inked[:, :3].mean() < 128) == dark


def test_many_classes_take_several_sheets(monkeypatch):
    names = tuple(f"c{i}" for i in range(205))
    of(monkeypatch, np.zeros((205, 8, 8, 3), np.uint8), list(range(205)), names)
    assert contact_sheet.sheets("made") == 3
    assert contact_sheet.shown_classes("made", 2) == names[200:]
    assert sheet("made", "light", 2).shape[0] < sheet("made", "light", 0).shape[0]


@pytest.mark.parametrize("side", [8, 28, 64, 256])
def test_pictures_of_any_size_fit(monkeypatch, side):
    of(monkeypatch, np.full((3, side, side, 1), 200, np.uint8), [0, 0, 1], ("a", "b"))
    assert sheet("made").shape[1] <= contact_sheet.WIDTH * 1.2


def test_pictures_are_spread_evenly_and_always_the_same():
    assert contact_sheet._spread(np.arange(100)) == [0, 12, 25, 37, 50, 62, 75, 87]
    assert contact_sheet._spread(np.arange(3)) == [0, 1, 2]
    assert contact_sheet.render("digits") == contact_sheet.render("digits")
