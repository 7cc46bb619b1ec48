"""Many small runs at once: in which way a GPU does most of them in the same time.

Each way trains LeNets on the same made-up images, each with its own weights and order, for the same steps. The
reference is hierapp's loop, one run after another; every way must follow its losses. One process goes through the ways
that need no more than one; a way that fails costs that process, and another one goes on. Processes at once are timed
from the moment when all of them are ready. `benchmarks/together.py` has the same on a CPU, with real images.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.gpu.many.bench import Outcome, Setting, used
from benchmarks.gpu.many.children import Child, FailedError
from benchmarks.gpu.many.report import Report
from benchmarks.gpu.many.ways import FEW, THREADS, WAYS, go, prepare
from benchmarks.gpu.session import Session

# Seconds that a way may take before it is given up.
LONGEST = 30.0


def run(session: Session) -> None:
    """Go through settings and ways, the most telling first."""
    # Streams share 8 hardware queues unless told otherwise; it is read when a process begins with the GPU.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    sizes = session.choose(
        {"steps": 50, "batch": 128, "rounds": 3, "unroll": 10}, {"steps": 4, "batch": 16, "rounds": 1, "unroll": 2}
    )
    counts = session.choose({"cross-entropy": (32, 8), "hierarchical": (8, 32)}, {"cross-entropy": (2,)})
    settings = [Setting(loss, runs, **sizes) for loss, each in counts.items() for runs in each]
    report = Report(session)
    in_one_process(session, report, settings, leave=session.choose(28.0, 10.0))
    in_processes(session, report, [each for each in settings if each.loss == "cross-entropy"])
    report.end()


def in_one_process(session: Session, report: Report, settings: Sequence[Setting], leave: float) -> None:
    """All ways that need one process, while there is more time than is to be left."""
    # All for the first setting, but the threads, which wait for each other; then what may be the best.
    all_but = [name for name in WAYS if name != THREADS] if not session.dry else list(WAYS)
    jobs = [(setting, name) for setting in settings for name in (all_but if setting is settings[0] else FEW)]
    child = None
    for place, (setting, name) in enumerate(jobs):
        if session.seconds_left() < leave:
            report.leave_out(jobs[place:])
            break
        child = child or Child()
        try:
            child.ask(setting, WAYS[name])
            report.add(setting, name, child.answer(min(session.seconds_left(), LONGEST)))
        except FailedError as failure:
            report.fail(setting, name, failure)
            child.end()
            child = None
    if child:
        child.end()


def in_processes(session: Session, report: Report, settings: Sequence[Setting]) -> None:
    """The runs shared among 2, 4, 8 and 16 processes at once, as far as there are cores; each does its part in turn."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = [count for count in (2, 4, 8, 16) if count <= cores]
    jobs = [
        (setting, count, graphs)
        for setting in settings
        for count in at_once
        for graphs in (False, True)
        if setting.runs % count == 0
    ]
    names = [(setting, f"{count} processes{', a graph each' if graphs else ''}") for setting, count, graphs in jobs]
    least = session.choose(20.0, 6.0)
    if session.seconds_left() < least or not jobs:
        return report.leave_out(names)
    # They come to the GPU when they are first asked.
    children = [Child() for _ in range(max(at_once))]
    try:
        for place, ((setting, name), (_, count, graphs)) in enumerate(zip(names, jobs, strict=True)):
            if session.seconds_left() < least / 2:
                return report.leave_out(names[place:])
            try:
                threads = max(1, cores // count)
                outcome = shared_out(children[:count], setting, graphs, threads, session.seconds_left)
                # After the first setting, processes that have nothing to do hold memory, too.
                report.add(setting, name, outcome if setting is settings[0] else replace(outcome, memory=None))
            except FailedError as failure:
                report.fail(setting, name, failure)
                return report.leave_out(names[place + 1 :])
    finally:
        for child in children:
            child.end()


def shared_out(
    children: Sequence[Child], setting: Setting, graphs: bool, threads: int, left: Callable[[], float]
) -> Outcome:
    """One way with processes."""
    each = setting.runs // len(children)
    for place, child in enumerate(children):
        child.ask(setting, prepare, graphs, range(place * each, (place + 1) * each), threads)
    curves = [curve for child in children for curve in child.answer(left())]
    children[0].ask(setting, used)
    memory, seconds = children[0].answer(left()), []
    for _ in range(setting.rounds):
        started = time.perf_counter()
        for child in children:
            child.ask(setting, go)
        for child in children:
            child.answer(left())
        seconds.append(time.perf_counter() - started)
    return Outcome(seconds, curves, memory)
