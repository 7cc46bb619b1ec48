"""One picture of any kind becomes a square of colors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, features

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
    assert (square.gray, square.mode, square.size) == (False, "RGB", (16, 16))


def test_the_middle_is_cut_out_and_the_aspect_kept(tmp_path):
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    square = read(tmp_path, wide, side=8)
    assert square.pixels.shape == (8, 8, 3)
    assert np.array_equal(square.pixels[:, 1:-1], np.full((8, 6, 3), (0, 0, 255)))
    assert square.pixels[..., 2].min() > 200, "at the border the neighbors shine through a little"


def test_what_is_transparent_is_white(tmp_path):
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 8, 16))
    pixels = read(tmp_path, clear).pixels
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 15].tolist() == [255, 255, 255]
    gray = Image.new("LA", (16, 16), (0, 0))
    assert read(tmp_path, gray).pixels.min() == 255
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert read(tmp_path, palette, transparency=1).pixels.min() == 255


def test_palettes_have_their_colors(tmp_path):
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    square = read(tmp_path, palette)
    assert square.pixels[3, 3].tolist() == [10, 20, 30]
    assert (square.mode, square.gray) == ("P", False)
    assert read(tmp_path, palette, format="GIF").pixels[3, 3].tolist() == [10, 20, 30]


def test_sixteen_bits_become_eight(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    square = read(tmp_path, Image.fromarray(ramp))
    assert square.gray
    assert square.pixels[..., 0].ravel().tolist() == list(range(256))


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_grays_are_told_from_colors(tmp_path, mode):
    square = read(tmp_path, noise(0, (16, 16)).convert(mode))
    assert square.gray
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


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


@pytest.mark.parametrize("format", ["TIFF", "PPM", "AVIF"])
def test_tiff_ppm_and_avif_are_read(format, tmp_path):
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    picture = Image.new("RGB", (12, 12), (200, 40, 90))  # AVIF keeps colors, not noise
    (tmp_path / "x").write_bytes(encoded(picture, format))
    pixels = pictures.read(tmp_path / "x", 12).pixels
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < (3 if format == "AVIF" else 0.01)


def test_a_tiff_of_several_pages_gives_its_first(tmp_path):
    first, second = noise(1, (8, 8)), noise(2, (8, 8))
    (tmp_path / "x.tif").write_bytes(encoded(first, "TIFF", save_all=True, append_images=[second]))
    assert np.array_equal(pictures.read(tmp_path / "x.tif", 8).pixels, np.asarray(first))


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.array([[0, 4000]], np.uint16), 4095.0),
        (np.array([[0, 1000]], np.uint16), 1023.0),
        (np.array([[0, 200]], np.uint16), 255.0),
        (np.array([[0, 65535]], np.uint16), 65535.0),
        (np.array([[0, 1.0]], np.float32), 1.0),
        (np.array([[0, np.nan, 250.0]], np.float32), 255.0),
    ],
)
def test_white_is_told_by_the_largest_value(values, white, tmp_path):
    Image.fromarray(values).save(tmp_path / "x.tif")
    found = pictures.brightest(tmp_path / "x.tif")
    assert found is not None
    assert pictures.white_of(*found) == white


def test_pictures_of_8_bits_and_broken_ones_have_no_range(tmp_path):
    noise(0).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert [pictures.brightest(tmp_path / name) for name in ("a.png", "b.png")] == [None, None]
