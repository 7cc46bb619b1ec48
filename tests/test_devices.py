"""Which GPUs there are, on machines that are made up of a few files and a driver's library."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from hierapp import devices


class FakeLibrary:
    """The driver's library as ctypes gives it."""

    def __init__(self, count: int, code: int = 0) -> None:
        self.count, self.code, self.asked = count, code, 0

    def nvmlInit_v2(self):
        self.asked += 1
        return self.code

    def nvmlDeviceGetCount_v2(self, pointer):
        pointer._obj.value = self.count
        return 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine without a GPU, and the ways to put some in."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    listed, files = tmp_path / "gpus", tmp_path / "dev"
    files.mkdir()
    # Of the control panel, of managed memory, of parts of GPUs: none of them is a GPU.
    for name in ("nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps", "null"):
        (files / name).touch()
    monkeypatch.setattr(devices, "DRIVER", listed)
    monkeypatch.setattr(devices, "DEV", files)
    monkeypatch.setattr(devices, "NVML", str(tmp_path / "no-such-library.so"))
    devices._told_by_nvml.cache_clear()

    def lists(count: int) -> None:
        for number in range(count):
            (listed / f"0000:{number:02}:00.0").mkdir(parents=True)

    def has_files(*numbers: int) -> None:
        for number in numbers:
            (files / f"nvidia{number}").touch()

    def has_library(library: FakeLibrary) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: library)

    yield SimpleNamespace(lists=lists, has_files=has_files, has_library=has_library)
    devices._told_by_nvml.cache_clear()


def test_a_machine_without_a_gpu_has_none_whatever_is_allowed(machine, monkeypatch):
    assert devices.cards() == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert devices.cards() == ()
    assert "cuda" not in devices.kinds()


def test_the_driver_lists_its_gpus(machine):
    machine.lists(3)
    assert devices.cards() == ("0", "1", "2")
    machine.has_files(0, 1, 2)
    assert devices.cards() == ("0", "1", "2")


def test_device_files_tell_where_the_driver_lists_none(machine):
    machine.has_files(0)
    assert devices.cards() == ("0",)
    assert devices.kinds() == ("cuda", "cpu")


def test_a_container_with_one_gpu_of_a_machine_of_eight_has_one(machine):
    machine.lists(8)
    machine.has_files(5)
    assert devices.cards() == ("0",), "CUDA counts those that it may use"


def test_the_drivers_library_is_asked_once_where_there_is_nothing_else(machine):
    library = FakeLibrary(2)
    machine.has_library(library)
    assert devices.cards() == devices.cards() == ("0", "1")
    assert library.asked == 1


@pytest.mark.parametrize("library", [FakeLibrary(2, code=9), object()], ids=["it fails", "it is another"])
def test_a_library_that_does_not_answer_has_no_gpu(machine, library):
    machine.has_library(library)
    assert devices.cards() == ()


@pytest.mark.parametrize(
    ("allowed", "cards"),
    [
        ("0,1,2,3", "0123"),
        (" 2 , 0 ", "20"),
        ("3", "3"),
        ("", ""),
        ("-1", ""),
        ("none", ""),
        ("NoDevFiles", ""),
        ("1,-1,2", "1"),
        ("1,,2", "1"),
        ("2,4,0", "2"),
        ("9", ""),
        ("1gpu,+2", "12"),
        ("0,1,0", ""),
        ("1,01", ""),
        ("²", ""),
        ("1,GPU-8f6a", "1"),
    ],
)
def test_numbers_are_read_as_cuda_reads_them(machine, monkeypatch, allowed, cards):
    machine.lists(4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert devices.cards() == tuple(cards)


@pytest.mark.parametrize(
    ("allowed", "cards"),
    [
        ("GPU-8f6a,GPU-11", ("GPU-8f6a", "GPU-11")),
        ("GPU-8f6a,1,GPU-11", ("GPU-8f6a",)),
        ("GPU-8f6a,GPU-8f6a", ()),
        ("GPU-1,GPU-2,GPU-3", ("GPU-1", "GPU-2")),
        # Parts of one GPU: there are more of them than GPUs.
        ("MIG-1,MIG-2,MIG-3", ("MIG-1", "MIG-2", "MIG-3")),
        ("MIG-GPU-8f6a/1/0,GPU-8f6a", ("MIG-GPU-8f6a/1/0",)),
    ],
)
def test_gpus_may_be_named_by_their_uuids(machine, monkeypatch, allowed, cards):
    machine.lists(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert devices.cards() == cards


@pytest.mark.parametrize(
    "allowed", ["0,1", " 1 , 0", "", "-1", "1,-1", "0,0", "5,0", "0,5", "1x", "x1", "GPU-a,GPU-b", "GPU-a,0", "0,GPU-a"]
)
def test_torch_reads_the_same(machine, monkeypatch, allowed):
    """Its own reading, in Python, by which it counts before CUDA is begun."""
    from torch import cuda

    machine.lists(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    monkeypatch.setattr(cuda, "_raw_device_count_nvml", lambda: 2)
    monkeypatch.setattr(cuda, "_raw_device_uuid_nvml", lambda: ["GPU-a", "GPU-b"])
    assert len(devices.cards()) == cuda._device_count_nvml()
