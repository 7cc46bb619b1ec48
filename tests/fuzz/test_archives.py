"""Damaged and hostile archives and pictures: read as a whole or refused in one sentence, and never a file outside."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from hierapp.data.images import fitted
from hierapp.errors import ArchiveError, HierappError
from hierapp.utils import archives
from hierapp.utils.file_validation import check_image
from tests.fuzz.values import name
from tests.fuzz.watch import Watch

FEW = archives.Limits(entries=200, size=2_000_000)
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
MODES = {"PNG": ("RGB", "RGBA", "L", "P", "1", "I;16"), "JPEG": ("RGB", "L", "CMYK"), "GIF": ("P", "L"),
         "BMP": ("RGB", "L", "1"), "WEBP": ("RGB", "RGBA")}  # fmt: skip


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.fuzz)])
def test_hostile_archives_are_unpacked_whole_or_refused(count, watch: Watch, tmp_path: Path):
    generator, unpacked = Random(23), 0
    folder = tmp_path / "inside" / "archives"
    folder.mkdir()
    for number in range(count):
        content = generator.choice((a_zip, a_tar))(generator)
        if generator.random() < 0.4:
            content = damaged(generator, content)
        file = folder / "some"
        file.write_bytes(content)
        target = folder / f"unpacked-{number}"
        with watch.call(number):
            try:
                archives.unpack(file, target, FEW)
                unpacked += 1
                said = ""
            except ArchiveError as error:
                said = str(error)
        assert "\n" not in said, number
        assert target.exists() == (not said), number
        left = {each.name for each in folder.iterdir()} - {"some", target.name}
        assert not {each for each in left if not each.startswith("unpacked-")}, number
        for each in target.rglob("*") if target.exists() else ():
            assert each.is_dir() or (each.is_file() and not each.is_symlink()), number
    print(f"archives: {count}, {unpacked} of them unpacked")
    assert 0 < unpacked < count


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.fuzz)])
def test_damaged_pictures_are_read_or_refused(count, watch: Watch, tmp_path: Path):
    generator, read = Random(24), 0
    file = tmp_path / "inside" / "picture"
    for number in range(count):
        content = a_picture(generator)
        if generator.random() < 0.85:
            content = damaged(generator, content)
        file.write_bytes(content)
        for look in (
            lambda: check_image(file, 100_000),
            lambda content=content: fitted(content, "picture\n.png", generator.choice(((8, 8, 3), (16, 8, 1)))),
        ):
            with watch.call(number):
                read += told(look, number)
    print(f"pictures: {count}, read {read} of {2 * count} times")
    assert 0 < read < 2 * count


def told(look: Callable[[], object], number: int) -> bool:
    try:
        look()
    except HierappError as error:
        said = str(error)
    else:
        return True
    assert "\n" not in said, number
    return False


def damaged(generator: Random, content: bytes) -> bytes:
    """Change some bytes, cut some out, or cut the end."""
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 5, 20))):
        if not changed:
            break
        at = generator.randrange(len(changed))
        kind = generator.random()
        if kind < 0.6:
            changed[at] = generator.choice((0, 255, 1, 0x80, generator.randrange(256)))
        elif kind < 0.8:
            changed[at : at + 4] = generator.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
        elif kind < 0.9:
            del changed[at : at + generator.randrange(1, 50)]
        else:
            del changed[at:]
    return bytes(changed)


def entry(generator: Random) -> str:
    kind = generator.random()
    if kind < 0.9:
        return f"class {generator.randrange(3)}/{generator.randrange(1000)}.png"
    drawn = name(generator)[:200]
    return drawn if kind < 0.95 else f"{generator.choice(('../', '/', 'a/../../', './', 'a//', chr(92)))}{drawn}"


def a_zip(generator: Random) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", generator.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as out:
        for _ in range(generator.randrange(1, 6)):
            info = zipfile.ZipInfo("x")
            info.filename = entry(generator).encode("utf-8", "replace").decode() or "x"
            info.external_attr = generator.choice((0o644,) * 9 + (0o120777, 0o10644, 0o60644)) << 16
            try:
                out.writestr(info, os.urandom(0) + bytes(generator.randrange(0, 300)))
            except (ValueError, UserWarning):
                continue  # zipfile writes no such name twice
    return made.getvalue()


def a_tar(generator: Random) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=generator.choice(("w", "w:gz", "w:bz2", "w:xz"))) as out:
        for _ in range(generator.randrange(1, 6)):
            info = tarfile.TarInfo(entry(generator).encode("utf-8", "replace").decode() or "x")
            info.type = generator.choice((tarfile.REGTYPE,) * 40 + (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE,
                                                                   tarfile.CHRTYPE, tarfile.DIRTYPE))  # fmt: skip
            info.linkname = generator.choice(("/etc/passwd", "../../x", "class 0"))
            info.size = generator.randrange(0, 300) if info.isreg() else 0
            out.addfile(info, io.BytesIO(bytes(info.size)))
    return made.getvalue()


def a_picture(generator: Random) -> bytes:
    form = generator.choice(FORMATS)
    height, width = generator.randrange(1, 40), generator.randrange(1, 40)
    noise = np.random.default_rng(generator.randrange(1000)).integers(0, 256, (height, width, 3), np.uint8)
    made = io.BytesIO()
    Image.fromarray(noise).convert("L" if (mode := generator.choice(MODES[form])) == "I;16" else mode).save(made, form)
    return made.getvalue()
