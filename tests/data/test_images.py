"""Strangers' pictures in a network's shape, and small images enlarged."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hierapp.data import images
from hierapp.errors import ArchiveError
from hierapp.utils import processes


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_the_middle_of_a_picture_is_taken_in_colors_or_gray():
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("red", (30, 0, 60, 30))
    found = images.fitted(file_of(wide), "wide.png", (8, 8, 3))
    assert (found.shape, found.dtype) == ((8, 8, 3), np.uint8)
    np.testing.assert_allclose(found[:, 2:-2], np.broadcast_to([255, 0, 0], (8, 4, 3)), atol=12)
    gray = images.fitted(file_of(wide), "wide.png", (8, 8, 1))
    np.testing.assert_allclose(gray[:, 2:-2], 0.299 * 255, atol=5)
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
    with pytest.raises(ArchiveError, match=r"^The file .* is not a PNG, JPEG, GIF, BMP, WebP, TIFF"):
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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "CMYK"])
def test_a_large_picture_is_shrunk_in_strips_to_the_same_colors(monkeypatch, mode):
    across, down = np.mgrid[:160, :160][::-1]
    pixels = np.dstack([across, down, 255 - across]).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(down.astype(np.uint8)))
    elif mode == "I;16":
        image = Image.fromarray((across * 400).astype(np.uint16))
    elif mode == "P":
        image = image.quantize(16)
        image.info["transparency"] = 3
    else:
        image = image.convert(mode)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    whole = images.middle(images.in_colors(image), 10, 10)
    seen: list[bytes] = []
    monkeypatch.setattr(images, "LARGE", 100)
    monkeypatch.setattr(images, "STRIP", 3_000)
    small = images.shrunk(image, 40, lambda part: seen.append(bytes(part)))
    assert min(small.size) == 40
    np.testing.assert_allclose(np.asarray(images.middle(small, 10, 10)), np.asarray(whole), atol=6)
    assert len(seen) > 5
    turned_back = Image.frombytes("RGB", (160, 160), b"".join(seen)).transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(np.asarray(turned_back), np.asarray(images.in_colors(image)))


def test_a_sliver_is_shrunk_too(monkeypatch):
    monkeypatch.setattr(images, "LARGE", 100)
    assert images.shrunk(Image.new("RGB", (1, 5_000), "red"), 24).size == (1, 5_000)
    assert images.shrunk(Image.new("RGB", (5_001, 50), "red"), 24).size == (2_501, 25)


PEAK = """
import resource, sys
from pathlib import Path
from hierapp.data.imports import pictures

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

small, large, decoded_size = *map(Path, sys.argv[1:3]), int(sys.argv[3])
pictures.read(small, 32)
before = peak()
pictures.read(large, 32)
print((peak() - before) / decoded_size)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "I;16"])
def test_reading_a_large_picture_takes_little_more_than_its_decoded_size(tmp_path, mode):
    files = [tmp_path / "small.png", tmp_path / "large.png"]
    for file, side in zip(files, (8, 5_000), strict=True):
        Image.new(mode, (side, side)).save(file, compress_level=1)
    size = 4 * 5_000**2
    command = [sys.executable, "-c", PEAK, *map(str, files), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, env=processes.python_environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.6  # it was 5 for RGBA
