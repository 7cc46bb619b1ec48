"""Strangers' pictures in a network's shape, and small images enlarged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hierapp.data import images
from hierapp.errors import ArchiveError


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_the_middle_of_a_picture_is_taken_in_colours_or_grey():
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("red", (30, 0, 60, 30))
    found = images.fitted(file_of(wide), "wide.png", (8, 8, 3))
    assert (found.shape, found.dtype) == ((8, 8, 3), np.uint8)
    np.testing.assert_allclose(found[:, 2:-2], np.broadcast_to([255, 0, 0], (8, 4, 3)), atol=12)
    grey = images.fitted(file_of(wide), "wide.png", (8, 8, 1))
    np.testing.assert_allclose(grey[:, 2:-2], 0.299 * 255, atol=5)
    assert images.fitted(file_of(wide), "wide.png", (8, 24, 3))[4, 1].tolist() == [0, 0, 0]


def test_a_picture_of_the_right_size_keeps_its_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(images.fitted(file_of(Image.fromarray(pixels)), "x", (32, 32, 3)), pixels)


def test_transparent_is_white_and_a_camera_held_sideways_is_upright():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert (images.fitted(file_of(clear), "clear.png", (8, 8, 3)) == 255).all()
    sideways = Image.new("RGB", (16, 16), "black")
    sideways.paste("white", (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to see it
    turned = images.fitted(file_of(sideways, "JPEG", exif=exif, quality=100), "a.jpg", (16, 16, 1))
    assert turned[:, 12:].mean() > 250
    assert turned[:, :4].mean() < 5


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\nb.png", "", "x" * 400, "a\0b"])
def test_what_is_no_picture_is_told_whatever_its_name(name):
    with pytest.raises(ArchiveError, match=r"^The file .* is not a PNG, JPEG, GIF, BMP or WebP"):
        images.fitted(b"no picture", name, (8, 8, 1))
    good = file_of(Image.new("RGB", (64, 64)))
    assert images.fitted(good, name, (8, 8, 1)).shape == (8, 8, 1)


def test_a_picture_that_is_cut_short_or_too_large_is_told(monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    with pytest.raises(ArchiveError, match="broken or truncated"):
        images.fitted(file_of(noise)[:3000], "half.png", (8, 8, 1))
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    with pytest.raises(ArchiveError, match="more than 1,000 pixels"):
        images.fitted(file_of(noise), "large.png", (8, 8, 1))


def test_enlarged_pixels_are_squares():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    found = images.enlarged(image, 7)
    assert found.shape == (6, 6, 3)
    assert (found[:3, 3:] == image[0, 1]).all()
    np.testing.assert_array_equal(images.enlarged(image, 1), image)
