"""Pictures that are drawn for the tests, in folders and archives, and empty folders to import them into."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HIERAPP_HOME and HIERAPP_DATA of this test's own; the data folder."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def noise(seed: int, size: tuple[int, int] = (12, 10), color: tuple[int, int, int] = (128, 128, 128)) -> Image.Image:
    """A picture unlike that of any other seed."""
    pixels = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3)) + color
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write(folder: Path, files: Mapping[str, bytes | Image.Image]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else png(content))
    return folder


def pack(archive: Path, files: Mapping[str, bytes | Image.Image]) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content if isinstance(content, bytes) else png(content))
    return archive


def classes(count: int = 10, names: tuple[str, ...] = tuple(COLORS), top: str = "") -> dict[str, Image.Image]:
    """So many pictures of each class, all different."""
    return {
        f"{top}{name}/{i}.png": noise(1000 * c + i + 77 * len(top), color=COLORS.get(name, (128, 128, 128)))
        for c, name in enumerate(names)
        for i in range(count)
    }


def odd_lot() -> dict[str, bytes | Image.Image]:
    """300 pictures in 3 folders; of them one is broken, one 10,000 pixels wide, one RGBA, one gray."""
    files: dict[str, bytes | Image.Image] = dict(classes(100))
    files["red/1.png"] = noise(1, (10_000, 30), COLORS["red"])
    files["red/2.png"] = png(noise(2))[:150]
    see_through = noise(3, color=COLORS["green"]).convert("RGBA")
    see_through.putalpha(100)
    files["green/1.png"] = see_through
    files["blue/1.png"] = noise(4).convert("L")
    return files
