"""Overlays, mistakes by distance, and grids of pictures with a legend."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from hierapp.data import map_pictures

COLORS = np.array([[200, 0, 0], [0, 100, 0]], np.uint8)
IMAGE = np.full((2, 2, 1), 100, np.uint8)
LABELS = np.array([[0, 1], [255, 0]])


def test_colors_of_classes_differ() -> None:
    assert len({tuple(color) for color in map_pictures.class_colors(150).tolist()}) == 150
    assert map_pictures.class_colors(0).shape == (0, 3)


def test_overlays() -> None:
    assert (map_pictures.overlay(IMAGE, LABELS, COLORS, 0.0) == 100).all()
    found = map_pictures.overlay(IMAGE, LABELS, COLORS, 0.5)
    assert found[0, 0].tolist() == [150, 50, 50]
    assert found[0, 1].tolist() == [50, 100, 50]
    assert found[1, 0].tolist() == [100, 100, 100]


def test_mistakes_are_colored_by_their_distance() -> None:
    distances = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]])
    found = map_pictures.mistakes(IMAGE, np.array([[0, 0], [0, 3]]), np.array([[0, 1], [2, 1]]), distances)
    assert found[0, 0].tolist() == [35, 35, 35]
    assert found[1, 0].tolist() == list(map_pictures.FAR)
    assert found[0, 1].tolist() == ((np.array(map_pictures.NEAR) + map_pictures.FAR) / 2).round().astype(int).tolist()
    assert found[1, 1].tolist() == [35, 35, 35]  # void


def test_a_grid_fits_its_width_and_has_a_legend() -> None:
    picture = map_pictures.overlay(np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), int), COLORS)
    plain, full = (
        Image.open(io.BytesIO(map_pictures.grid([[picture] * 3] * 2, titles, legend, width=300)))
        for titles, legend in (((), ()), (("a", "b", "c"), [(f"class {i}", (i, 0, 0)) for i in range(9)]))
    )
    assert plain.width <= 310
    assert full.height > plain.height


def test_a_picture_of_a_width() -> None:
    found = Image.open(io.BytesIO(map_pictures.png(np.zeros((3, 4, 3), np.uint8), 100)))
    assert found.size == (100, 75)
