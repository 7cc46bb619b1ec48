"""An uploaded picture is read in a process of its own, whatever it is."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hierapp.data import images, uploaded_picture
from hierapp.errors import ArchiveError
from hierapp.utils import processes
from hierapp.utils.file_validation import MOST_SIDE


def file_of(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_the_pixels_are_those_of_the_same_process():
    content = file_of(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)))
    for shape in ((32, 32, 3), (28, 28, 1)):
        found = uploaded_picture.read(content, "a.png", shape)
        np.testing.assert_array_equal(found, images.fitted(content, "a.png", shape))
        assert found.flags.writeable


@pytest.mark.parametrize("name", ["../../etc/passwd", "-c", "a\nb.png", "", "x" * 400, "a\0b", "\ud800.png"])
def test_what_cannot_be_read_is_told_in_its_own_words(name):
    with pytest.raises(
        ArchiveError, match=r"^The file .* is not a PNG, JPEG, GIF, BMP, WebP, TIFF, AVIF or PPM image.*\.$"
    ):
        uploaded_picture.read(b"no picture", name, (8, 8, 1))
    with pytest.raises(ArchiveError, match="a side of"):
        uploaded_picture.read(file_of(Image.new("1", (1, MOST_SIDE + 1))), name, (8, 8, 1))


@pytest.mark.parametrize(("limit", "value"), [("MEMORY", 2**20), ("SECONDS", 0.01)])
def test_a_process_that_ends_or_takes_too_long_is_told(monkeypatch, limit, value):
    if limit == "MEMORY":
        code = "from hierapp.data import uploaded_picture; uploaded_picture.MEMORY = 0; raise SystemExit(1)"
        monkeypatch.setattr(
            subprocess, "run", lambda command, run=subprocess.run, **named: run([sys.executable, "-c", code], **named)
        )
    else:
        monkeypatch.setattr(uploaded_picture, limit, value)
    with pytest.raises(ArchiveError, match="too much memory or time"):
        uploaded_picture.read(b"", "a.png", (8, 8, 1))


LIMITED = """
from hierapp.utils.memory import limit_memory
limit_memory(64 * 2**20)
try:
    bytearray(256 * 2**20)
except MemoryError:
    print("refused", len(bytearray(16 * 2**20)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_beyond_the_limit_is_refused():
    command = [sys.executable, "-c", LIMITED]
    done = subprocess.run(command, capture_output=True, text=True, env=processes.python_environment(), check=True)
    assert done.stdout == f"refused {16 * 2**20}\n"
