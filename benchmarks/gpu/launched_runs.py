"""Many small runs by the launcher, from the queue to the last test image: a process each, or one for a whole GPU."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gpu.launcher import CLASSES
from benchmarks.gpu.session import Session
from benchmarks.gpu.watched import environment
from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.options import Options
from hierapp.execution import scheduler
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees.library import load as load_tree
from hierapp.utils import devices, processes

DATA = "gpu-pictures"
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Way:
    """How the runs are started, how many there are, and how many go at once."""

    title: str
    runs: int
    at_once: int
    is_shared: bool
    graphs: str = "auto"


WAYS = (
    Way("one process for all, CUDA graphs", 8, 8, True),
    Way("a process each, CUDA graphs (default)", 8, 8, False),
    Way("a process each, CUDA graphs (default)", 3, 1, False),
    Way("one process for all, CUDA graphs", 32, 32, True),
    Way("one process for all, CUDA graphs", 8, 1, True),
    Way("a process each, eager", 8, 8, False, "off"),
    Way("a process each, eager", 3, 1, False, "off"),
)


def run(session: Session) -> None:
    with tempfile.TemporaryDirectory(prefix="hierapp-gpu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        variables = {
            "HIERAPP_HOME": str(folder / "home"),
            "HIERAPP_DATA": str(folder / "data"),
            "HIERAPP_LAUNCHER": None,
        }
        with environment(variables):
            import_pictures(folder / "pictures", session.choose(400, 20))
            for number, way in enumerate(WAYS):
                if session.dry and number:
                    continue
                if session.seconds_left() < session.choose(15, 0):
                    session.note(f"Left out for lack of time: {way.title}, {way.runs} runs, {way.at_once} at once.")
                    continue
                measure(session, way, Store(folder / f"home-{number}"))


def import_pictures(folder: Path, count: int) -> None:
    """A data set of pictures of CIFAR's size; those of a class have a pattern in common."""
    draw = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        pattern = draw.uniform(96, 160, (4, 4, 3)).repeat(8, 0).repeat(8, 1)
        for number in range(count):
            pixels = (pattern + draw.normal(0, 60, pattern.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:04}.png")
    token = import_job.begin(import_job.Request("pictures", Options(), str(folder)))
    import_job.work(token)
    finalize.finalize(token, DATA)


def measure(session: Session, way: Way, store: Store) -> None:
    """All runs of a way from the queue to their ends."""
    runs, epochs = session.choose(way.runs, 2), session.choose(60, 1)
    has_gpu = bool(devices.cards())
    os.environ["HIERAPP_SLOTS"] = str(session.choose(way.at_once, 2))
    os.environ["HIERAPP_SHARE_GPU"] = str(int(way.is_shared))
    cards = devices.cards
    if not has_gpu:
        devices.cards = lambda: ("0",)  # the same code; the runs train on the CPU
    started = time.monotonic()
    try:
        configs = [
            RunConfig.make(
                data=DATA, tree=DATA, loss=("cross-entropy", "hierarchical")[seed % 2], seed=seed, epochs=epochs,
                schedule="constant", cuda_graphs=way.graphs,
            )
            for seed in range(runs)
        ]  # fmt: skip
        ids = store.add(configs, load_tree(DATA))
        launcher, first, peak = Scheduler(store, scheduler.backends()), None, 0
        now = store.runs(ids)
        while any(run.is_open for run in now):
            launcher.step()
            first = first or (time.monotonic() - started if any(run.progress > 0 for run in now) else None)
            peak = max(peak, sum(run.state == "running" and run.progress > 0 for run in now))
            if session.seconds_left() < 3:
                end(store, now)
                session.note(f"Cut for lack of time: {way.title}, {runs} runs, {way.at_once} at once.")
                return
            time.sleep(POLL_SECONDS)
            now = store.runs(ids)
        seconds = time.monotonic() - started
        launcher.close()
    finally:
        devices.cards = cards
        del os.environ["HIERAPP_SLOTS"], os.environ["HIERAPP_SHARE_GPU"]
    ends = store.runs(ids)
    failed = [run for run in ends if run.state != "finished"]
    if failed:
        session.fault(f"{way.title}: {len(failed)} of {runs} runs did not finish; the first: {failed[0].error}")
        session.fault("The end of its log: " + " | ".join(failed[0].log_file.read_text().splitlines()[-25:]))
        return
    images = [store.metrics([run.id], "images_per_second")[run.id]["images_per_second"][-1][1] for run in ends]
    session.add(
        f"LeNet, {epochs} epochs of small pictures each, by the launcher",
        {
            "way": way.title,
            "runs": runs,
            "slots": session.choose(way.at_once, 2),
            "training at one moment": peak,
            "first report after, s": first,
            "all ended after, s": seconds,
            "runs a minute": 60 * runs / seconds,
            "images a second of a run, median": statistics.median(images),
            "test accuracy, mean": statistics.mean(run.test["accuracy"] for run in ends if run.test),
        },
    )


def end(store: Store, runs: list[Run]) -> None:
    for each in runs:
        if each.is_open:
            store.request_cancel(each.id)
            processes.kill(each.process)
