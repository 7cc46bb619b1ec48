"""What is told of the machine: with the real psutil, and with an NVIDIA driver that is made up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest

from hierapp import health, nvml
from hierapp.config import RunConfig
from hierapp.store import Store
from hierapp.tree_library import load
from tests.store_states import end

GIB = 1024**3


class NVMLError(Exception):
    """Stands in for pynvml's."""


class FakeDriver(ModuleType):
    """pynvml as far as it is used; what stands in `broken` raises its word."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.broken: dict[str, str] = {}
        self.asked_for: list[object] = []

    def _answer(self, name: str, value: object) -> object:
        if name in self.broken:
            raise NVMLError(self.broken[name])
        return value

    def nvmlInit(self):
        self._answer("init", None)

    def nvmlDeviceGetHandleByIndex(self, index):
        assert isinstance(index, int)
        self.asked_for.append(index)
        return self._answer("handle", index)

    def nvmlDeviceGetHandleByUUID(self, name):
        self.asked_for.append(name)
        return self._answer("handle", name)

    def nvmlDeviceGetName(self, handle):
        return f"NVIDIA H{handle}"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return self._answer("memory", SimpleNamespace(total=80 * GIB, used=20 * GIB, free=60 * GIB))

    def nvmlDeviceGetUtilizationRates(self, handle):
        return self._answer("load", SimpleNamespace(gpu=37, memory=5))

    def nvmlSystemGetDriverVersion(self):
        return "580.65.06"

    def nvmlSystemGetCudaDriverVersion(self):
        return 13020


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """A machine with two GPUs, one named by its number and one by its UUID."""
    fake = FakeDriver()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(nvml, "cards", lambda: ("1", "GPU-8f6a"))
    return fake


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "cards", lambda: ())


@pytest.mark.usefixtures("no_gpu")
def test_the_cpu_is_told_with_its_memory_and_what_it_did_since_the_last_look(monkeypatch):
    watch = health.Watch()
    (cpu,) = (device for device in watch.devices() if device.kind == "cpu")
    assert cpu.name
    assert 0 < cpu.memory_used < cpu.memory_total <= psutil.virtual_memory().total
    assert 0 <= cpu.load <= 1

    # Since then ten seconds of the cores, of which 6 idle and 1 waiting for a disk; a guest's time is the user's too.
    before = watch._last
    spent = {"user": 2.0, "guest": 2.0, "system": 1.0, "idle": 6.0, "iowait": 1.0}
    monkeypatch.setattr(health, "_core_seconds", lambda: {way: before[way] + spent.get(way, 0.0) for way in before})
    assert watch.devices()[-1].load == pytest.approx(0.3)


@pytest.mark.usefixtures("no_gpu")
def test_a_look_right_after_another_tells_the_same_load(monkeypatch):
    watch = health.Watch()
    load = watch.devices()[-1].load
    later = {way: seconds + (0.01 if way == "user" else 0.0) for way, seconds in watch._last.items()}
    monkeypatch.setattr(health, "_core_seconds", lambda: later)
    assert watch.devices()[-1].load == load


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("limit", "expected"),
    [(str(2 * GIB), (GIB // 2, 2 * GIB)), ("max", None), (str(2**62), None)],
    ids=["less than the machine has", "no limit", "more than the machine has"],
)
def test_the_memory_of_a_control_group_is_told_where_it_is_less(limit, expected, tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\nactive_file 7\ninactive_file {GIB // 2}\n")
    monkeypatch.setattr(health, "CGROUP", tmp_path)
    cpu = health.Watch().devices()[-1]
    machine = psutil.virtual_memory().total
    if expected is None:
        assert cpu.memory_total == machine
    else:
        assert machine > 2 * GIB, "this test needs a machine of more than 2 GiB"
        assert (cpu.memory_used, cpu.memory_total) == expected


def test_gpus_are_told_by_their_driver(driver):
    first, second, cpu = health.Watch().devices()
    assert first == health.Device("cuda", "NVIDIA H1", 20 * GIB, 80 * GIB, 0.37)
    assert second.name == "NVIDIA HGPU-8f6a"
    assert driver.asked_for == [1, "GPU-8f6a"]
    assert cpu.kind == "cpu"


@pytest.mark.parametrize("step", ["init", "handle"])
def test_a_driver_that_fails_is_told_in_a_word(step, driver):
    driver.broken[step] = "Driver/library version mismatch"
    first = health.Watch().devices()[0]
    assert first == health.Device("cuda", "NVIDIA GPU 1", problem="Driver/library version mismatch")
    if step == "init":
        assert health.versions()["NVIDIA driver"] == "Driver/library version mismatch"


@pytest.mark.usefixtures("driver")
def test_a_machine_without_the_package_that_asks_the_driver_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    first = health.Watch().devices()[0]
    assert first == health.Device("cuda", "NVIDIA GPU 1", problem="the package nvidia-ml-py is not installed")
    assert health.versions()["NVIDIA driver"] == "the package nvidia-ml-py is not installed"


def test_a_part_of_a_gpu_has_memory_and_no_load_of_its_own(driver):
    driver.broken["load"] = "Not Supported"
    first = health.Watch().devices()[0]
    assert (first.memory_used, first.load, first.problem) == (20 * GIB, None, "load: Not Supported")


def test_versions_name_the_driver_where_there_is_one(driver):
    versions = health.versions()
    assert versions["NVIDIA driver"] == "580.65.06"
    assert versions["CUDA of the driver"] == "13.2"


@pytest.mark.usefixtures("no_gpu")
def test_versions_name_what_a_report_of_a_fault_needs():
    versions = health.versions()
    assert {"hierapp", "Python", "torch", "torchvision", "streamlit", "SQLite", "system"} <= versions.keys()
    assert "NVIDIA driver" not in versions
    assert all(versions.values())
    assert health.installed("no-such-package-anywhere") is None


def test_nothing_heavy_is_imported_to_tell_it(tmp_path):
    code = (
        "import sys\n"
        "from hierapp import health, logs, nvml\n"
        "from hierapp.store import Store\n"
        "nvml.cards = lambda: ()\n"
        "health.Watch().devices(), health.versions(), health.storage(Store()), logs.known(Store())\n"
        "print([name for name in ('torch', 'streamlit', 'pynvml', 'ray') if name in sys.modules])\n"
    )
    environment = {"HIERAPP_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


def test_what_is_stored_is_counted_by_state_in_the_order_of_a_runs_life(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "not" / "there" / "yet"))
    store = Store(tmp_path / "home")
    empty = health.storage(store)
    assert (empty.store_bytes, empty.runs) == (0, {})
    assert not store.folder.exists()
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")
    store.add([config] * 3, load("digits"))
    end(store, store.claim().id, "finished")
    stored = health.storage(store)
    assert list(stored.runs.items()) == [("queued", 2), ("finished", 1)]
    files = [Path(f"{stored.store_file}{suffix}") for suffix in ("", "-wal")]
    assert stored.store_bytes == sum(file.stat().st_size for file in files)
    assert files[1].stat().st_size > 0
    assert stored.home.total == stored.data.total > 0
