"""Fixtures for more than one test file."""

from __future__ import annotations

import fcntl
import hashlib
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hierapp.data import Dataset, registry as datasets
from hierapp.data.dataset import File

REPOSITORY = Path(__file__).resolve().parent.parent
MAIN = sys.modules["__main__"]
# The mark of every test in a folder; `make test-fast` leaves all of them out.
MARKS = {"tests/e2e": "browser", "tests/execution/ray": "ray", "tests/faults": "slow"}


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for folder, mark in MARKS.items():
            if item.path.is_relative_to(REPOSITORY / folder):
                item.add_marker(mark)
        # Servers, browsers and training processes may be slower than any patience on a machine that others use, too.
        if any(item.get_closest_marker(mark) for mark in ("browser", "ray", "slow")):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(autouse=True)
def own_main_module() -> None:
    """Put `__main__` back: an app under test takes its place, and spawned processes would run that app's file."""
    sys.modules["__main__"] = MAIN


@pytest.fixture(scope="session")
def real_data_folder() -> Path:
    """A data folder with the whole CIFAR-10 and CIFAR-100, restored once from shared/data beside the repository."""
    restore = REPOSITORY.parent / "shared" / "data" / "restore.py"
    if not restore.exists():
        pytest.skip(f"the real data is not on this machine: {restore} is missing")
    folder = REPOSITORY / ".cache" / "data"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "restore.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may begin at once
        if any(datasets.status(name, folder).state != "ready" for name in ("cifar10", "cifar100")):
            subprocess.run([sys.executable, str(restore), str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


@dataclass(frozen=True)
class Tiny:
    """A small data set that stands in for a real one: the catalogue's entry, and the content of its files by path."""

    entry: Dataset
    content: dict[str, bytes]
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    def write(self, folder: Path) -> Path:
        """Put all files into a data folder."""
        for path, content in self.content.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder


def _draw(counts: dict[str, int], shape: tuple[int, int, int]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    images = {part: generator.integers(0, 256, (n, *shape)).astype(np.uint8) for part, n in counts.items()}
    return images, {part: generator.integers(0, 10, n) for part, n in counts.items()}


def _files(content: dict[str, bytes], parts: dict[str, str | None]) -> tuple[File, ...]:
    return tuple(File(path, len(data), hashlib.md5(data).hexdigest(), parts[path]) for path, data in content.items())


def _pickle_of_python_2(**values: object) -> bytes:
    """A dict with byte strings as keys, as Python 2 wrote the CIFAR files; Python 3 writes no such pickle by itself."""
    body = b"".join(
        b"U" + bytes([len(key)]) + key.encode() + pickle.dumps(value, 2)[2:-1] for key, value in values.items()
    )
    return b"\x80\x02}(" + body + b"u."


@pytest.fixture
def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """cifar10 in the catalogue replaced by 30 training images in two files and 10 test images."""
    images, labels = _draw({"train": 30, "test": 10}, (32, 32, 3))
    rows = {part: pixels.transpose(0, 3, 1, 2).reshape(-1, 3072) for part, pixels in images.items()}
    base = "cifar-10-batches-py/"
    content = {
        base + "data_batch_1": _pickle_of_python_2(data=rows["train"][:20], labels=labels["train"][:20].tolist()),
        base + "data_batch_2": _pickle_of_python_2(labels=labels["train"][20:].tolist(), data=rows["train"][20:]),
        base + "test_batch": _pickle_of_python_2(data=rows["test"], labels=labels["test"].tolist()),
        base + "batches.meta": _pickle_of_python_2(label_names=list(datasets.DATASETS["cifar10"].class_names)),
    }
    parts = dict(zip(content, ("train", "train", "test", None), strict=True))
    entry = replace(
        datasets.DATASETS["cifar10"], train_size=30, test_size=10, files=_files(content, parts), archives=()
    )
    monkeypatch.setitem(datasets.DATASETS, "cifar10", entry)
    return Tiny(entry, content, images, labels)


@pytest.fixture
def tiny_fashion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tiny:
    """fashion-mnist in the catalogue replaced by 20 training and 10 test images; Debian's folder is tmp_path/debian."""
    images, labels = _draw({"train": 20, "test": 10}, (28, 28, 1))
    content, parts = {}, {}
    for part, stem in (("train", "train"), ("test", "t10k")):
        pixels, marks = f"FashionMNIST/raw/{stem}-images-idx3-ubyte", f"FashionMNIST/raw/{stem}-labels-idx1-ubyte"
        shape = b"".join(n.to_bytes(4, "big") for n in (len(labels[part]), 28, 28))
        content[pixels] = b"\x00\x00\x08\x03" + shape + images[part].tobytes()
        content[marks] = b"\x00\x00\x08\x01" + shape[:4] + labels[part].astype(np.uint8).tobytes()
        parts |= {pixels: part, marks: part}
    entry = replace(
        datasets.DATASETS["fashion-mnist"],
        train_size=20,
        test_size=10,
        files=_files(content, parts),
        archives=(),
        debian_folder=str(tmp_path / "debian"),
    )
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", entry)
    return Tiny(entry, content, images, labels)
