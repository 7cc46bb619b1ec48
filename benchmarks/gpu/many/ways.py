"""The ways to train many runs, by name; each trains all runs of a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import torch

from benchmarks.gpu.graphs import Capture
from benchmarks.gpu.many.bench import Bench, Curves, Loop, Outcome
from benchmarks.gpu.many.steps import Steps
from hierapp.training.cuda_graph import GraphTrainState
from hierapp.training.evaluation import TrainState

EAGER, GRAPH = "one after another", "one after another, a graph each"


def eager(bench: Bench) -> Outcome:
    """hierapp's loop, one run after another: the reference."""
    return loops(bench, TrainState)


def hierapp_graphs(bench: Bench) -> Outcome:
    """hierapp's loop, one run after another, with its own graphs."""
    return loops(bench, GraphTrainState if bench.device.type == "cuda" else TrainState)


def loops(bench: Bench, kind: type[TrainState]) -> Outcome:
    bench.forget()
    each = [Loop(bench, seed, kind) for seed in range(bench.setting.runs)]
    found = bench.measure(lambda: [loop() for loop in each], lambda: [list(loop.reports) for loop in each])
    problems = [loop.train_state.problem for loop in each if isinstance(loop.train_state, GraphTrainState)]
    if any(problems):
        raise RuntimeError(f"trained without a graph: {problems[0]}")
    return found


def threads(bench: Bench) -> Outcome:
    """hierapp's loop in a thread for each run, with a stream of its own; the threads stay, and so does what cuDNN
    learned in each."""
    bench.forget()
    each = [Loop(bench, seed) for seed in range(bench.setting.runs)]
    streams = [torch.cuda.Stream() if bench.device.type == "cuda" else None for _ in each]

    def work(loop: Loop, stream: torch.cuda.Stream | None) -> None:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            loop()

    with Threads(len(each)) as crew:
        once = lambda: crew.all(lambda place: work(each[place], streams[place]))  # noqa: E731
        return bench.measure(once, lambda: [list(loop.reports) for loop in each])


class Threads:
    """One thread for each place, always the same."""

    def __init__(self, count: int) -> None:
        self._crew = [ThreadPoolExecutor(1) for _ in range(count)]

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._crew:
            one.shutdown()

    def all(self, work: Callable[[int], object]) -> None:
        """Do it at every place at once."""
        for future in [one.submit(work, place) for place, one in enumerate(self._crew)]:
            future.result()


def graphs_each(bench: Bench, unroll: int) -> list[Steps]:
    """All runs of a setting, each captured on its own stream."""
    # A graph for itself needs no stream for itself; streams come from a pool of 32.
    made = [Steps(bench, [seed]) for seed in range(bench.setting.runs)]
    for one in made:
        one.capture(unroll)
    return made


def replayed(bench: Bench, unroll: int, once: Callable[[list[Steps], int], object]) -> Outcome:
    """Graphs of the runs, launched in some order; `once` gets them and how many launches make an epoch."""
    runs: list[Steps] = bench.made(graphs_each, unroll)
    for one in runs:
        one.rewind()
    times = bench.setting.steps // unroll
    return bench.measure(lambda: once(runs, times), lambda: [one.curves()[0] for one in runs])


def graphs_in_turn(bench: Bench) -> Outcome:
    """One run after another, each step a graph."""
    return replayed(bench, 1, lambda runs, times: [one.epoch(launch(one), times) for one in runs])


def graphs_round_robin(bench: Bench) -> Outcome:
    """A step of each run in turn, by one thread, on the run's stream."""
    return replayed(bench, 1, round_robin)


def long_graphs_round_robin(bench: Bench) -> Outcome:
    """Several steps of each run in turn, by one thread, on the run's stream."""
    return replayed(bench, bench.setting.unroll, round_robin)


def graphs_by_threads(bench: Bench) -> Outcome:
    """A thread for each run, that replays on the run's stream."""

    def work(one: Steps, times: int) -> None:
        with one.on_stream():
            one.epoch(launch(one), times)

    with Threads(bench.setting.runs) as crew:
        return replayed(bench, 1, lambda runs, times: crew.all(lambda place: work(runs[place], times)))


def round_robin(runs: list[Steps], times: int) -> None:
    if runs[0].stream is None:
        for one in runs:
            one.epoch(launch(one), times)
        return
    before = torch.cuda.current_stream()
    try:
        for turn in range(times):
            for one in runs:
                torch.cuda.set_stream(one.stream)
                if turn == 0:
                    one.place.zero_()
                launch(one)()
    finally:
        torch.cuda.set_stream(before)


def launch(one: Steps) -> Capture:
    assert one.captured is not None
    return one.captured


def branches(bench: Bench) -> Outcome:
    """A step of all runs as one graph, in which each run is a branch."""

    def build(bench: Bench) -> tuple[list[Steps], Capture]:
        runs = [Steps(bench, [seed]) for seed in range(bench.setting.runs)]
        return runs, Capture(lambda: side_by_side(runs), bench.device)

    runs, captured = bench.made(build)
    for one in runs:
        one.rewind()

    def once() -> None:
        for one in runs:
            one.place.zero_()
        for _ in range(bench.setting.steps):
            captured()

    return bench.measure(once, lambda: [one.curves()[0] for one in runs])


def side_by_side(runs: list[Steps]) -> None:
    """A step of each on its own stream, all between two points of the current one."""
    # Of the 32 streams that there are, the current one may be a run's, too: all begin with what was there before.
    here = None if runs[0].stream is None else torch.cuda.current_stream()
    before = here.record_event() if here else None
    for one in runs:
        if before:
            one.stream.wait_event(before)
        with one.on_stream():
            one.step()
    for one in runs:
        if here:
            here.wait_stream(one.stream)


def stacked(bench: Bench, products: bool, graph: bool) -> Outcome:
    """All runs as one network whose weights have a dimension more."""
    one: Steps = bench.made(Steps, range(bench.setting.runs), True, products)
    if graph:
        one.capture()
    one.rewind()
    advance = launch(one) if graph else one.step
    return bench.measure(lambda: one.epoch(advance, bench.setting.steps), one.curves)


def stacked_eager(bench: Bench) -> Outcome:
    return stacked(bench, products=False, graph=False)


def stacked_graph(bench: Bench) -> Outcome:
    return stacked(bench, products=False, graph=True)


def products_eager(bench: Bench) -> Outcome:
    return stacked(bench, products=True, graph=False)


def products_graph(bench: Bench) -> Outcome:
    return stacked(bench, products=True, graph=True)


def prepare(bench: Bench, graphs: bool, seeds: Sequence[int], threads: int) -> Curves:
    """Make ready a process's part of the runs, and train them once."""
    torch.set_num_threads(threads)
    bench.going = []
    bench.forget()
    if not graphs:
        each = [Loop(bench, seed) for seed in seeds]
        bench.going = list(each)
        go(bench)
        return [list(loop.reports) for loop in each]
    runs = [Steps(bench, [seed]) for seed in seeds]
    for one in runs:
        one.capture()
        one.rewind()
    bench.going = [lambda one=one: one.epoch(launch(one), bench.setting.steps) for one in runs]
    go(bench)
    return [one.curves()[0] for one in runs]


def go(bench: Bench) -> None:
    """Train a process's part of the runs."""
    for one in bench.going:
        one()
    bench.wait()


THREADS = "threads, a stream each"


WAYS: dict[str, Callable[[Bench], Outcome]] = {
    EAGER: eager,
    GRAPH: graphs_in_turn,
    "graphs on streams, by one thread": graphs_round_robin,
    "graphs on streams, a thread each": graphs_by_threads,
    "graphs of several steps on streams, by one thread": long_graphs_round_robin,
    "one graph, a branch for each": branches,
    "stacked, one graph": stacked_graph,
    "stacked, as matrix products, one graph": products_graph,
    "one after another, hierapp's graphs": hierapp_graphs,
    "stacked": stacked_eager,
    "stacked, as matrix products": products_eager,
    THREADS: threads,
}


FEW = (
    EAGER,
    GRAPH,
    "graphs on streams, by one thread",
    "one graph, a branch for each",
    "stacked, one graph",
    "stacked, as matrix products, one graph",
    THREADS,
)
