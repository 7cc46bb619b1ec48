"""Real runs by the real launcher: processes, slots, cancel and resume, a worker that is killed, memory that is short.

Everything goes the way of the app: runs are submitted to a store in a folder of its own, the launcher's process starts
workers, and what happened is read from the store. Nothing here needs streamlit and the like, and no torch is imported
in this process, which never holds the GPU.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.gpu.session import Session
from benchmarks.gpu.watched import PATIENCE, Late, OutOfTime, Watched, environment
from hierapp import execution
from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.options import Options
from hierapp.execution import failures, scheduler, system_status
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import devices, nvml, processes

if TYPE_CHECKING:
    from torch import nn

STEP_SECONDS = 6.0  # with less left no step begins
MIB = 2**20
NOT_NEEDED = ("streamlit", "plotly", "optuna", "rich", "authlib", "torchvision")
GUARD = f"""
import sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_NEEDED!r}:
            raise ImportError(f"{{name}} is not to be imported here")

sys.meta_path.insert(0, Guard())
"""
CHECKPOINT = "checkpoint.safetensors"  # `checkpoints` imports torch
PICTURES = "made-up"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILTERS, LAYERS = 256, 128


def run(session: Session) -> None:
    """The part of the benchmark: a row for each check."""
    with tempfile.TemporaryDirectory(prefix="hierapp-gpu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        variables: dict[str, str | None] = {
            "HIERAPP_HOME": str(folder / "home"),
            "HIERAPP_DATA": str(folder / "data"),
            "HIERAPP_SLOTS": None,
            "HIERAPP_LAUNCHER": None,
            # The environment of a forked process cannot be read from outside; workers with a GPU are not forked anyway.
            "HIERAPP_FORK_SERVER": "0",
        }
        if session.dry:
            # Where these packages are installed, as they are for the tests, the processes must do without them too.
            (folder / "guard").mkdir()
            (folder / "guard" / "sitecustomize.py").write_text(GUARD)
            before = os.environ.get("PYTHONPATH")
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder / "guard"), before]))
        with environment(variables):
            Checks(session, folder).all()


class Checks(Watched):
    """The steps, one after another, on one store."""

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__(session, Store(folder / "home"))
        self.folder, self.cards = folder, devices.cards()
        counting = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
        # It goes on beside the first run, and holds no GPU.
        self.torch = None if session.dry else subprocess.Popen(counting, stdout=subprocess.PIPE, text=True)
        self.epochs = session.choose(250, 14)  # for runs that take some seconds

    def all(self) -> None:
        """Every step that there is time for; one that fails does not end the others."""
        if self.kind == "cpu" and not self.session.dry:
            self.session.note("hierapp sees no GPU here: the runs were made on the CPU.")
        try:
            for step in (self.one_slot, self.status_page, self.two_slots):
                title = step.__name__.replace("_", " ")
                if self.session.seconds_left() < STEP_SECONDS:
                    self.session.note(f"Left out for want of time: {title}.")
                    continue
                try:
                    step()
                except OutOfTime as cut:
                    self.session.note(f'For want of time the step "{title}" was cut while it {cut}.')
                    self.end_runs(self.store)
                except Exception as error:
                    traceback.print_exc()
                    what = str(error) if isinstance(error, Late) else f"{type(error).__name__}: {error}"
                    self.session.fault(f"{title.capitalize()}: {what}")
                    self.print_logs()
                    self.end_runs(self.store)
        finally:
            self.end_runs(self.store)
            if self.torch and self.torch.poll() is None:
                self.torch.kill()

    # The steps

    def one_slot(self) -> None:
        """A run of the digits from the submit to the end, and after it, for there is one slot, one whose batch fits no
        GPU; beside them a run for a GPU where there is none."""
        self.import_pictures()
        self.set_slots(1)
        digits, pictures = tree_library.load("digits"), tree_library.load(PICTURES)
        device = "auto" if self.kind == "cuda" else "cpu"
        fits = self.digits(**self.session.choose({"epochs": 30}, {"epochs": 6, "batch_size": 32}), device=device)
        too_large = self.pictures(model=f"{__name__}:too_large", batch_size=100_000, precision="float32", epochs=1)
        elsewhere = Store(self.folder / "no-gpu")
        before, begun = self.memory_used(), time.monotonic()
        (run,) = execution.submit(self.store, [fits], digits)
        (large,) = execution.submit(self.store, [too_large], pictures)
        with environment({"CUDA_VISIBLE_DEVICES": ""}):
            (absent,) = execution.submit(elsewhere, [self.digits(device="cuda")], digits)
        try:
            small = self.follow(run, begun)
            if self.kind == "cuda":
                self.check_card(small, before)
            begun = time.monotonic()
            failed = self.ended(large)
            told = (failed.state, failed.error) == ("failed", failures.MEMORY)
            found = f"{failed.state}: {failed.error}" + ("" if self.kind == "cuda" else " (made up: no GPU)")
            self.check("a batch that cannot fit", told, found, time.monotonic() - begun)
            waited = (failed.claimed or 0.0) >= (small.ended or 0.0)
            self.check("one slot: one after the other", waited, "it waited" if waited else "it did not wait")
            if self.kind == "cuda" and any(card.memory_used is not None for card in nvml.read()):
                self.check_given_back(before)
            none = self.ended(absent, elsewhere)
            right = none.state == "failed" and (none.error or "").startswith("The device 'cuda' is not available")
            self.check("a run for a GPU where there is none", right, f"{none.state}: {none.error}")
        finally:
            self.end_runs(elsewhere)

    def two_slots(self) -> None:
        """Two slots: two runs go at once; one is cancelled, the other's worker is killed; both go on and finish."""
        self.import_pictures()
        self.set_slots(2)
        configs = [self.pictures(seed=seed, epochs=self.epochs) for seed in (0, 1)]
        begun = time.monotonic()
        ids = execution.submit(self.store, configs, tree_library.load(PICTURES))
        both = self.until(lambda: self.at_work(ids), "two runs at once")
        seconds = time.monotonic() - begun
        places = [str(run.assigned_device) for run in both]
        several = self.kind == "cuda" and len(self.cards) > 1
        right = len(set(places)) == (2 if several else 1)
        self.check("two slots: both run at one moment", right, f"placed {' and '.join(places)}", seconds)
        self.cancel_and_kill(*both)
        begun = time.monotonic()
        for run in ids:
            execution.resume(self.store, run)
        self.until(lambda: self.at_work(ids, since=2), "an epoch of both after the resume")
        self.check("both resumed: to their next epochs", True, "both run at one moment", time.monotonic() - begun)
        for run, what in zip(ids, ("the cancelled run", "the killed run"), strict=True):
            end = self.ended(run)
            points = [epoch for epoch, _ in self.store.metrics([run])[run].get("val_accuracy", [])]
            accuracy = (end.test or {}).get("accuracy", 0.0)
            whole = points == list(range(1, self.epochs + 1)) and accuracy > 0.5
            # In a dry run nobody waits for the killed one's first checkpoint.
            went_on = (end.note or "").startswith("Training resumes from epoch ") or self.session.dry
            found = f"{end.state}; {end.note or 'It started again.'} {len(points)} epochs, accuracy {accuracy:.3f}"
            right = (end.state, end.attempt) == ("finished", 2) and whole and went_on
            self.check(f"{what}, resumed: to the end", right, found, time.monotonic() - begun)
        each = 1000 * self.store.run(ids[0]).last["epoch_seconds"]
        self.session.note(
            f"The last epoch of 2 at once over {self.session.choose(1440, 288):,} pictures: {each:.0f} ms."
        )

    def status_page(self) -> None:
        """What the Settings page asks for, without the page."""
        watch = system_status.Watch()
        begun = time.monotonic()
        found = watch.devices()
        seconds = time.monotonic() - begun
        told = "; ".join(f"{each.name}: {_memory(each)}" for each in found)
        right = [each.kind for each in found].count("cuda") == len(self.cards) and found[-1].kind == "cpu"
        self.check("settings: devices", right, told, seconds)
        versions = system_status.versions()
        shown = {name: versions.get(name) for name in ("torch", "NVIDIA driver", "CUDA of the driver")}
        right = bool(versions.get("torch")) and ("NVIDIA driver" in versions) == bool(self.cards)
        self.check("settings: versions", right, ", ".join(f"{name} {at}" for name, at in shown.items() if at))
        counts = system_status.storage(self.store).runs
        self.check("settings: what is stored", bool(counts), ", ".join(f"{n} {state}" for state, n in counts.items()))
        self.count()
        loaded = [name for name in ("torch", *NOT_NEEDED) if name in sys.modules]
        self.check("what this process imported", not loaded, ", ".join(loaded) or "no torch, no streamlit, ...")

    # Parts of the steps

    def follow(self, run: str, begun: float) -> Run:
        """The digits' run, from its worker's first word to its end."""
        self.until(lambda: self.store.run(run).process, "the worker's first word")
        self.check_environment(self.store.run(run))
        self.until(lambda: self.store.metrics([run], "train_loss")[run], "the first report")
        self.check("digits: submit to the first report", True, "reported", time.monotonic() - begun)
        end = self.ended(run)
        seconds = time.monotonic() - begun
        self.check("digits: submit to the end", end.state == "finished", f"{end.state} {end.error or ''}", seconds)
        accuracy = (end.test or {}).get("accuracy", 0.0)
        self.check("digits: test accuracy", accuracy > 0.85, f"{accuracy:.3f}")
        place = f"cuda:{self.cards[0]}" if self.kind == "cuda" else "cpu"
        found = f"device {end.device}, placed {end.assigned_device}"
        self.check("digits: where", (end.device, end.assigned_device) == (self.kind, place), found)
        if not self.session.dry and "epoch_seconds" in end.last:
            # On a GPU an epoch of the pictures takes as long, for it has as many steps and reports.
            self.epochs = min(1_000, max(100, round(5 / end.last["epoch_seconds"])))
        return end

    def count(self) -> None:
        """hierapp's way of counting GPUs beside torch's."""
        begun = time.perf_counter()
        cards = devices.cards()
        seconds = time.perf_counter() - begun
        torchs = self.torch.communicate(timeout=PATIENCE)[0].strip() if self.torch else "not asked"
        seen = f"{len(cards)} ({', '.join(cards) or 'none'}); torch: {torchs}; a look takes {seconds * 1e3:.2f} ms"
        self.check("GPUs that hierapp sees", self.torch is None or torchs == str(len(cards)), seen)

    def check_environment(self, run: Run) -> None:
        """The worker's own variables."""
        its = psutil.Process(run.pid).environ()
        card = (run.assigned_device or "").partition(":")[2]
        wanted = {"HIERAPP_HOME": str(self.store.folder), "CUDA_VISIBLE_DEVICES": card}
        shown = f"CUDA_VISIBLE_DEVICES={its.get('CUDA_VISIBLE_DEVICES')!r}"
        if "CUDA_DEVICE_ORDER" in its:
            shown += f", CUDA_DEVICE_ORDER={its['CUDA_DEVICE_ORDER']}"
        self.check("digits: the worker's environment", wanted.items() <= its.items(), shown)

    def check_card(self, end: Run, before: int) -> None:
        """NVML's name of the card beside torch's, and the memory that a run takes and gives back."""
        card = nvml.read()[0]
        if card.problem == nvml.NO_PACKAGE:
            self.session.note(f"Nothing was asked of NVML: {nvml.NO_PACKAGE}.")
            return
        made_by = json.loads(_words_of(end.folder / "model.safetensors")["conditions"])
        self.check("NVML: the card", card.name == made_by.get("gpu"), f"{card.name}; torch: {made_by.get('gpu')}")
        known = card.problem is None and card.memory_total is not None and card.load is not None
        load = "unknown" if card.load is None else f"{card.load:.0%}"
        self.check("NVML: memory and load", known, f"{_memory(card)}, load {load} {card.problem or ''}")
        took = self.peak - before
        self.check("NVML: memory while the run went", took > 64 * MIB, f"{took / MIB:,.0f} MiB more than before")

    def check_given_back(self, before: int) -> None:
        """The driver frees a process's memory some moments after its end."""
        with suppress(Late):
            self.until(lambda: self.memory_used() - before < 64 * MIB, "the memory", patience=3.0)
        left = self.memory_used() - before
        self.check("NVML: memory after the runs", left < 64 * MIB, f"{left / MIB:,.0f} MiB more than before")

    def at_work(self, ids: list[str], since: int = 1) -> list[Run] | None:
        """The runs, if each has done something in this attempt or a later one, and is running at this moment."""
        runs = self.store.runs(ids)
        for run in runs:
            if not run.is_open:
                raise Late(f"run {run.id} was {run.state} before both were seen at work: {run.error}")
        # Of a run that goes on the note is the first word.
        told = [run for run in runs if run.attempt >= since and run.started and (since == 1 or run.note)]
        done = len(told) == len(runs) and all(run.progress > run.progress_before for run in runs)
        return runs if done and all(run.state == "running" and run.pid for run in runs) else None

    def cancel_and_kill(self, one: Run, other: Run) -> None:
        """Ask one run to stop and kill the other's worker."""
        assert other.pid is not None
        if not self.session.dry:
            self.until(lambda: (other.folder / CHECKPOINT).exists(), "a checkpoint")
        begun = time.monotonic()
        os.kill(other.pid, signal.SIGKILL)
        self.store.request_cancel(one.id)
        end = self.ended(one.id)
        seconds = time.monotonic() - begun
        kept = (end.folder / CHECKPOINT).exists()
        found = f"{end.state} at {end.progress:.0%}, {'a' if kept else 'no'} checkpoint"
        self.check("cancelled", end.state == "cancelled" and kept and end.error is None, found, seconds)
        end = self.ended(other.id)
        told = end.state == "interrupted" and "terminated by signal 9 (Killed)" in (end.error or "")
        found = f"{end.state} at {end.progress:.0%}: {(end.error or '').partition(' Its log ends')[0]}"
        self.check("a worker killed (kill -9)", told, found, time.monotonic() - begun)
        self.until(lambda: not processes.alive(one.process), "the end of the cancelled run's worker")

    # Configurations and data

    def digits(self, **values: Any) -> RunConfig:
        return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": 1, **values})

    def pictures(self, **values: Any) -> RunConfig:
        rest = {"data": PICTURES, "tree": PICTURES, "loss": "hierarchical", "device": self.kind}
        return RunConfig.make(**{**rest, **values})

    def import_pictures(self) -> None:
        """Pictures of CIFAR's size, imported as a user's are; those of a class have a pattern in common."""
        if (self.folder / "pictures").exists():
            return
        begun = time.monotonic()
        count = self.session.choose(200, 40)
        draw = np.random.default_rng(0)
        for name in CLASSES:
            (self.folder / "pictures" / name).mkdir(parents=True)
            pattern = draw.uniform(64, 192, (4, 4, 3)).repeat(8, 0).repeat(8, 1)
            for number in range(count):
                pixels = (pattern + draw.normal(0, 40, pattern.shape)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(self.folder / "pictures" / name / f"{number:04}.png")
        token = import_job.begin(import_job.Request("pictures", Options(), str(self.folder / "pictures")))
        import_job.work(token)
        entry = finalize.finalize(token, PICTURES)
        size, shape = entry.train_size + entry.test_size, " x ".join(map(str, entry.image_shape))
        whole = size == count * len(CLASSES)
        self.check("pictures imported", whole, f"{size:,} of {shape}", time.monotonic() - begun)

    def set_slots(self, count: int) -> None:
        """By the variable, which a launcher reads when it starts: so the one before must be gone."""
        self.until(lambda: not scheduler.is_at_work(self.store), "the end of the launcher")
        os.environ["HIERAPP_SLOTS"] = f"{self.kind}={count}"


def too_large(image_shape: tuple[int, int, int], num_outputs: int) -> nn.Module:
    """A network whose activations fit no GPU for a batch of a thousand images: 1 GB a layer, and another for its ReLU.
    Where there is no GPU it says what PyTorch says on one."""
    import torch
    from torch import Tensor, nn

    class OnGpuOnly(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            if images.device.type != "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory. (Made up: there is no GPU here.)")
            return images

    layers: list[nn.Module] = [OnGpuOnly(), nn.Conv2d(image_shape[2], FILTERS, 3, padding=1)]
    for _ in range(LAYERS if torch.cuda.is_available() else 1):
        layers += [nn.ReLU(), nn.Conv2d(FILTERS, FILTERS, 3, padding=1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FILTERS, num_outputs))


def _memory(device: system_status.Device | nvml.Card) -> str:
    if device.memory_used is None or device.memory_total is None:
        return device.problem or "memory unknown"
    return f"{device.memory_used / 2**30:.1f} of {device.memory_total / 2**30:.1f} GiB"


def _words_of(file: Path) -> dict[str, str]:
    """What stands beside the tensors of a safetensors file."""
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    words: dict[str, str] = header["__metadata__"]
    return words
