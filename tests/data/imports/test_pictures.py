"""One picture of any kind becomes a square of colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hierapp.data.imports import pictures
from hierapp.errors import ArchiveError
from tests.data.imports.conftest import noise, png


def read(tmp_path, picture, side=16, **save):
    file = tmp_path / "picture"
    if isinstance(picture, bytes):
        file.write_bytes(picture)
    else:
        picture.save(file, save.pop("format", "PNG"), **save)
    return pictures.read(file, side)


def test_a_picture_of_the_size_comes_through_pixel_by_pixel(tmp_path):
    picture = noise(0, (16, 16))
    square = read(tmp_path, picture)
    assert np.array_equal(square.pixels, np.asarray(picture))
    assert (square.grey, square.mode, square.size) == (False, "RGB", (16, 16))


def test_the_middle_is_cut_out_and_the_aspect_kept(tmp_path):
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    square = read(tmp_path, wide, side=8)
    assert square.pixels.shape == (8, 8, 3)
    assert np.array_equal(square.pixels[:, 1:-1], np.full((8, 6, 3), (0, 0, 255)))
    assert square.pixels[..., 2].min() > 200, "at the border the neighbours shine through a little"


def test_what_is_transparent_is_white(tmp_path):
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 8, 16))
    pixels = read(tmp_path, clear).pixels
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 15].tolist() == [255, 255, 255]
    grey = Image.new("LA", (16, 16), (0, 0))
    assert read(tmp_path, grey).pixels.min() == 255
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert read(tmp_path, palette, transparency=1).pixels.min() == 255


def test_palettes_have_their_colours(tmp_path):
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    square = read(tmp_path, palette)
    assert square.pixels[3, 3].tolist() == [10, 20, 30]
    assert (square.mode, square.grey) == ("P", False)
    assert read(tmp_path, palette, format="GIF").pixels[3, 3].tolist() == [10, 20, 30]


def test_sixteen_bits_become_eight(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    square = read(tmp_path, Image.fromarray(ramp))
    assert square.grey
    assert square.pixels[..., 0].ravel().tolist() == list(range(256))


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_greys_are_told_from_colours(tmp_path, mode):
    square = read(tmp_path, noise(0, (16, 16)).convert(mode))
    assert square.grey
    assert (square.pixels[..., 0] == square.pixels[..., 2]).all()


def test_cmyk_is_read(tmp_path):
    square = read(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format="JPEG")
    assert square.mode == "CMYK"
    assert square.pixels[0, 0, 0] > 200 > 60 > square.pixels[0, 0, 1]


def test_photographs_are_turned_upright(tmp_path):
    lying = Image.new("RGB", (16, 16), "black")
    lying.paste("white", (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    pixels = read(tmp_path, lying, exif=exif).pixels
    assert pixels[0, 15].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == [0, 0, 0]


def test_the_hash_is_of_the_pixels_and_not_of_the_file(tmp_path):
    one = read(tmp_path, noise(0))
    again = read(tmp_path, noise(0), compress_level=0)
    other = noise(0)
    other.putpixel((0, 0), (1, 2, 3))
    assert one.content == again.content
    assert read(tmp_path, noise(0), format="BMP").content == one.content
    assert read(tmp_path, other).content != one.content
    black = Image.new("RGB", (4, 6)), Image.new("RGB", (6, 4))
    assert read(tmp_path, black[0]).content != read(tmp_path, black[1]).content


def test_what_is_no_picture_or_too_large_is_refused(tmp_path, monkeypatch):
    for bad in (b"", b"no picture", png(noise(0))[:60]):
        with pytest.raises(ArchiveError):
            read(tmp_path, bad)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(ArchiveError, match="more than 100 pixels"):
        read(tmp_path, noise(0))


def test_a_picture_ten_thousand_pixels_wide_is_read(tmp_path):
    assert read(tmp_path, Image.new("RGB", (10_000, 40), "red")).pixels[0, 0].tolist() == [255, 0, 0]
