"""Files of strangers: pictures that are none, pictures that are too large, pickles under any name."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from PIL import Image

from hierapp.errors import ArchiveError
from hierapp.utils.file_validation import IMAGE_FORMATS, MOST_SIDE, check_image, decoded, refuse_pickle
from tests import strategies as profile  # noqa: F401 - no deadline

MOST = 1_000_000


def picture(format: str, size: tuple[int, int] = (40, 30)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


def told(check, *arguments) -> str:
    with pytest.raises(ArchiveError) as caught:
        check(*arguments)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


# Pictures


@pytest.mark.parametrize("format", IMAGE_FORMATS)
def test_a_sound_picture_passes_whatever_its_name(tmp_path, format):
    file = tmp_path / "picture.txt"
    file.write_bytes(picture(format))
    check_image(file, MOST)


@pytest.mark.parametrize("format", IMAGE_FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_picture_that_was_cut_short_is_refused(tmp_path, format, share):
    file = tmp_path / "picture.png"
    whole = picture(format)
    file.write_bytes(whole[: int(len(whole) * share)])
    told(check_image, file, MOST)


@pytest.mark.parametrize("format", ["ICO", "PCX", "TGA", "SGI"])
def test_another_format_is_refused_though_it_is_named_png(tmp_path, format):
    file = tmp_path / "picture.png"
    file.write_bytes(picture(format))
    assert "is not a PNG" in told(check_image, file, MOST)


@pytest.mark.parametrize("content", [b"", b"hello", b"<svg/>", b"%!PS-Adobe", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    file = tmp_path / "two\nlines.png"
    file.write_bytes(content)
    assert "two lines.png" in told(check_image, file, MOST)


def test_a_picture_of_more_pixels_than_allowed_is_refused(tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(picture("PNG", (40, 30)))
    check_image(file, 1200)
    assert "more than 1,199 pixels" in told(check_image, file, 1199)


def test_a_picture_of_a_long_side_is_refused_before_it_is_decoded(tmp_path):
    """1 x 49,000,000 pixels are within the usual limit, and took 2.9 GB."""
    file = tmp_path / "long.png"
    Image.new("1", (1, MOST_SIDE)).save(file)
    check_image(file, MOST)
    Image.new("1", (1, MOST_SIDE + 1)).save(file)
    assert "a side of 30,001 pixels" in told(check_image, file, MOST)


def test_too_little_memory_is_told_as_such(tmp_path, monkeypatch):
    file = tmp_path / "picture.png"
    file.write_bytes(picture("PNG"))

    def load(image):
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert "needs more memory" in told(check_image, file, MOST)


def test_a_large_jpeg_is_made_smaller_while_it_is_decoded(tmp_path):
    file = tmp_path / "picture"
    file.write_bytes(picture("JPEG", (800, 640)))
    with decoded(file, MOST, least=150) as small, decoded(file, MOST) as whole:
        assert (small.size, whole.size) == ((200, 160), (800, 640))


@pytest.mark.parametrize("side", [10_000, 30_000, 2**31 - 1])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_a_decompression_bomb_is_refused_by_pillows_limit_as_well(tmp_path, side, action):
    """Pillow only warns of up to twice its limit, which is some 89 million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    file = tmp_path / "bomb.png"
    header = struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))))
    with warnings.catch_warnings():
        warnings.simplefilter(action, Image.DecompressionBombWarning)
        assert "pixels" in told(check_image, file, 10**19)


@given(st.sampled_from(IMAGE_FORMATS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mutated_picture_passes_or_is_refused_in_a_sentence(tmp_path_factory, format, changes):
    data = bytearray(picture(format))
    for at, value in changes:
        data[at % len(data)] = value
    file = tmp_path_factory.getbasetemp() / "mutated"
    file.write_bytes(bytes(data))
    try:
        check_image(file, MOST)
    except ArchiveError as error:
        said = str(error)
    else:
        said = "."
    assert said.endswith(".")


# Pickles


class Evil:
    def __reduce__(self) -> object:
        return print, ("evil",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["weights.bin", "picture.png", "labels.txt"])
def test_a_pickle_that_calls_something_is_refused_under_any_name(tmp_path, protocol, name):
    file = tmp_path / name
    file.write_bytes(pickle.dumps(Evil(), protocol) + b"and more behind it")
    assert "can run arbitrary code" in told(refuse_pickle, file)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_of_plain_data_is_refused_too(tmp_path, protocol):
    file = tmp_path / "data_batch_1"
    for held in ({"data": bytes(200_000), "labels": [1, 2, 3]}, [1], None, "text"):
        file.write_bytes(pickle.dumps(held, protocol))
        told(refuse_pickle, file)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".PT", ".pth", ".ckpt", ".joblib"])
def test_a_file_that_is_named_as_a_pickle_is_refused(tmp_path, suffix):
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(b"")
    told(refuse_pickle, file)


def test_what_torch_saves_is_refused_in_both_its_formats(tmp_path):
    file = tmp_path / "weights.safetensors"
    for new in (True, False):
        torch.save({"w": torch.zeros(50_000)}, file, _use_new_zipfile_serialization=new)
        told(refuse_pickle, file)


def test_an_array_of_objects_is_refused_and_one_of_numbers_is_not(tmp_path):
    file = tmp_path / "array.npy"
    for fine in (np.zeros((3, 4)), np.array(["a", "b"]), np.zeros(2, [("x", "f4"), ("y", "u1")])):
        np.save(file, fine)
        refuse_pickle(file)
    for bad in (np.array([{}, None], dtype=object), np.zeros(2, [("x", "f4"), ("y", "O")])):
        np.save(file, bad, allow_pickle=True)
        told(refuse_pickle, file)
    with file.open("wb") as out:
        np.lib.format.write_array(out, np.array([Evil()], dtype=object), version=(3, 0))
    told(refuse_pickle, file)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b".", b"0.", b"cat\ndog\n0.5", b"cat\ndog\n.", b"iris\nrose\n0.5", b"cat\ndog\nR.", b"I like cats."),
        *(
            b"\x80",
            b"\x80\x02",
            b"\x80\x03\xff" * 40_000,
            b"\x80\x03\xff\xfe",
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00\x14\x00{'descr': '<f8', 'sha",  # an open bracket is an error of Python's tokenizer
            b"PK\x03\x04",
            b"{}",
            b"name,class\n1.png,cat\n",
        ),
        *map(picture, IMAGE_FORMATS),
    ],
)
def test_texts_and_pictures_are_no_pickles(tmp_path: Path, content: bytes):
    file = tmp_path / "file"
    file.write_bytes(content)
    refuse_pickle(file)


@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from(list(b"(.0cRi\n\x80\x02}q]sabN")), max_size=40).map(bytes)
    )
)
def test_no_content_ends_in_a_traceback(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(content)
    try:
        refuse_pickle(file)
    except ArchiveError:
        said = True
    else:
        said = False
    assert said or not content.startswith(b"\x80\x02N.")
