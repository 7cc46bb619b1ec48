"""The default backend: one process per run, on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hierapp import paths
from hierapp.execution import fork_server, settings, slots
from hierapp.execution.backend import LOG, Slot
from hierapp.execution.fork_server import ForkedWorker
from hierapp.execution.gpu_worker import can_share
from hierapp.runs import Run, Store, data_folders
from hierapp.utils import devices, processes
from hierapp.utils.own_log import say

START_SECONDS = 20.0  # for a worker to report that it has started
SILENCE_SECONDS = 30.0  # without a heartbeat, until a worker that is not visible from here counts as gone
LOG_END = 200  # characters
OF_ANOTHER_FOLDER = (
    "The run's process belongs to another folder, of which this one is a copy; resume the run to continue it here."
)
# How often an idle PyTorch thread polls for work before it sleeps. LeNet in bfloat16 on two cores: with the default,
# 7,200 images per second alone and 350 at a load of 6, because a polling thread occupies a core that others need;
# with this value, 5,800 and 1,700.
SPINS = os.environ.get("GOMP_SPINCOUNT", "1000")


class LocalBackend:
    """Starts workers as processes and records how those that it started end.

    Args:
        store: the store of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._workers: dict[tuple[str, int], subprocess.Popen[bytes] | ForkedWorker] = {}
        self._of_gpu: dict[str, subprocess.Popen[bytes]] = {}  # GPU workers by GPU
        self._handed: set[tuple[str, int]] = set()  # attempts given to a GPU worker that was already running
        self._oom_kills = processes.oom_kills()
        # The last observed state of a run, and when, on this process's monotonic clock.
        self._seen: dict[tuple[str, int], tuple[object, float]] = {}

    def free_slots(self, running: Sequence[Run]) -> list[Slot]:
        """Return a place on each device with a free slot, the GPU with the fewest runs first."""
        used = [run.assigned_device for run in running]
        # A run for a device that this machine does not have goes to the CPU, where it fails with a clear error.
        absent = {"cuda", "mps"} - set(devices.kinds())
        found = []
        for kind in devices.kinds():
            asked = (kind, *(["auto"] if kind == devices.kind_of("auto") else []), *(absent if kind == "cpu" else []))
            places = [f"cuda:{card}" for card in devices.cards()] if kind == "cuda" else [kind]
            free = [place for place in places if used.count(place) < slots.slots(self.store, kind)]
            found += [Slot(asked, place) for place in sorted(free, key=used.count)]
        return found

    def start(self, run: Run) -> None:
        """Start a worker that sees only its own GPU, or has its share of the cores."""
        environment = {"HIERAPP_HOME": str(self.store.folder), "GOMP_SPINCOUNT": SPINS}
        data_folder = data_folders.of(self.store, run.id)
        if data_folder is not None:
            environment["HIERAPP_DATA"] = str(data_folder)
        is_elsewhere = data_folder not in (None, paths.data_folder().absolute())
        kind, _, card = (run.assigned_device or "").partition(":")
        if kind == "cuda":
            environment["CUDA_VISIBLE_DEVICES"] = card
            if "CUDA_VISIBLE_DEVICES" not in os.environ:
                # The number is the driver's; CUDA by default numbers the fastest GPU first.
                environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        elif run.config.device == "cpu":
            # Otherwise PyTorch allocates half a gigabyte on a GPU when the GPU's random state is read.
            environment["CUDA_VISIBLE_DEVICES"] = ""
        if kind != "cuda" and slots.slots(self.store, "cpu") > 1:
            # Runs that share the cores are slower if each uses as many threads as there are cores.
            environment["OMP_NUM_THREADS"] = str(slots.threads(self.store))
        key = (run.id, run.attempt)
        if kind == "cuda" and settings.shares_gpu(self.store) and can_share(run.config) and not is_elsewhere:
            self._workers[key] = self._hand_over(run, card, environment)
        else:
            self._workers[key] = self._fork(run, environment) or processes.spawn(
                ["hierapp.execution.worker", run.id, str(run.attempt)], run.log_file, environment
            )

    def _fork(self, run: Run, environment: Mapping[str, str]) -> ForkedWorker | None:
        """Fork a worker that uses no GPU; return None where that is not possible."""
        if (run.assigned_device or "").startswith("cuda") or not fork_server.is_available() or fork_server.is_stale():
            return None
        try:
            return fork_server.fork(run.id, run.attempt, run.log_file, environment)
        except (OSError, EOFError) as error:
            say(f"the fork server does not answer ({error}); run {run.id} starts without it")
            return None

    def _hand_over(self, run: Run, card: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Give a run to the worker of a GPU; start the worker if it is not running."""
        line = f"{run.id} {run.attempt}\n".encode()
        worker = self._of_gpu.get(card)
        if worker is not None and worker.poll() is None and _tell(worker, line):
            self._handed.add((run.id, run.attempt))
        else:
            if worker is not None:
                _close(worker)
            worker = processes.spawn(
                ["hierapp.execution.gpu_worker"], self.store.folder / LOG, environment, with_input=True
            )
            self._of_gpu[card] = worker
            _tell(worker, line)
        return worker

    def never_started(self, run: Run) -> bool:
        """Return whether the scheduler that claimed the run died before its worker started, or the GPU worker that was
        given the run had ended."""
        worker = self._workers.get((run.id, run.attempt))
        if run.process is not None:
            return False
        if worker is None:
            return self._unchanged(run, START_SECONDS)
        return (run.id, run.attempt) in self._handed and worker.poll() is not None

    def lost_reason(self, run: Run) -> str | None:
        """Return why the run's process is gone; None while it lives or that is not known yet."""
        worker = self._workers.get((run.id, run.attempt))
        code = worker.poll() if worker else None
        if worker and code is None:
            return None
        if not worker and run.process is None:
            return None
        if not worker and run.process and processes.is_foreign(run.process):
            if not self._unchanged(run, SILENCE_SECONDS):
                return None
            return "The run's process, on another machine or in another container, no longer reports."
        if not worker and processes.alive(run.process, self.store.folder):
            return None
        if not worker and processes.alive(run.process):
            return OF_ANOTHER_FOLDER
        self._workers.pop((run.id, run.attempt), None)
        killed_for_memory = code == -signal.SIGKILL and processes.oom_kills() > self._oom_kills
        self._oom_kills = processes.oom_kills()
        return f"{_why(code, killed_for_memory)}{_log_end(run.log_file)}"

    def kill(self, run: Run) -> None:
        """End the worker and its children at once. Other runs of the same process return to the queue and continue from
        their checkpoints."""
        processes.kill(run.process, self.store.folder)
        for card, worker in list(self._of_gpu.items()):
            if worker.pid == run.pid:
                _close(self._of_gpu.pop(card))
        for other in self.store.runs(states=("running",)):
            if other.process == run.process and other.id != run.id:
                self.store.lose(
                    other, f"The process that it shared with run {run.id} had to be terminated.", again=True
                )

    def close(self) -> None:
        """Close the input of the GPU workers, so that they exit; other workers are independent processes."""
        for worker in self._of_gpu.values():
            _close(worker)

    def _unchanged(self, run: Run, seconds: float) -> bool:
        """Return whether this scheduler has seen no heartbeat of the run for that many seconds."""
        key, sign = (run.id, run.attempt), (run.process, run.heartbeat)
        before, since = self._seen.get(key, (None, 0.0))
        if before != sign:
            self._seen[key] = (sign, time.monotonic())
            return False
        return time.monotonic() - since > seconds


def _tell(worker: subprocess.Popen[bytes], line: bytes) -> bool:
    """Write a line to a process; return whether the process accepted it."""
    assert worker.stdin is not None
    try:
        worker.stdin.write(line)
        worker.stdin.flush()
    except OSError:
        return False
    return True


def _close(worker: subprocess.Popen[bytes]) -> None:
    """Close the input of a process."""
    assert worker.stdin is not None
    with suppress(OSError):
        worker.stdin.close()


def _why(code: int | None, killed_for_memory: bool = False) -> str:
    """Describe how a worker ended without a report; the code is None if another scheduler started it."""
    if killed_for_memory:
        return (
            "The machine ran out of memory, and the system terminated the run's process; run fewer at once, or make"
            " the batch or the model smaller."
        )
    if code is None:
        return "The run's process is gone; the machine or the process was stopped externally."
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        return f"The run's process was terminated by signal {number} ({signal.strsignal(number)})."
    return f"The run's process ended with exit code {code} before the run was done; the run's log has the details."


def _log_end(log: Path) -> str:
    """Return the last line of a log as a sentence to append."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4 * LOG_END))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" Its log ends: {last[-LOG_END:]}" if last else ""
