"""Many small runs at once: in which way a GPU does most of them in the same time.

Each way trains LeNets on the same made-up images, each with its own weights and order, for the same steps. The
reference is hierapp's loop, one run after another; every way must follow its losses. One process goes through the ways
that need no more than one; a way that fails costs that process, and another one goes on. Processes at once are timed
from the moment when all of them are ready. benchmarks/together.py has the same on a CPU, with real images.
"""

from __future__ import annotations

import functools
import gc
import itertools
import math
import multiprocessing
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch._inductor.config  # for the children: torch imports it when it is asked for determinism
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.gpu.graphs import Capture
from benchmarks.gpu.session import Session
from hierapp.losses import make_loss
from hierapp.training import RunConfig, device as compute, models
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.cuda_graph import GraphTrainState
from hierapp.training.evaluation import TrainState
from hierapp.training.optimizers import make_optimizer
from hierapp.training.recorder import Recorder
from hierapp.training.trainer import REPORTS_PER_EPOCH, train_epoch
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")
EAGER, GRAPH = "one after another", "one after another, a graph each"
# How far a run's losses may be from those of hierapp's loop, as a share, in the mean over its reports. In bfloat16 they
# are .005 from those in float32; those of other seeds are some .1 away.
TOLERANCE = 0.03
# Seconds that a way may take before it is given up.
LONGEST = 30.0
# Times as fast as one after another that 32 runs should be.
AIM = 8

Curves = list[list[float]]


@dataclass(frozen=True)
class Setting:
    """What is trained, how often, and how many steps the graphs of several steps have."""

    loss: str
    runs: int
    steps: int
    batch: int
    rounds: int
    unroll: int


@dataclass(frozen=True)
class Outcome:
    """Seconds of each round, each run's reported losses in the round before, and the GPU's memory in use, in GB."""

    seconds: list[float]
    curves: Curves
    memory: float | None


class FailedError(Exception):
    """What went wrong in a process, in one sentence."""


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


class Report:
    """The table: a row for each way, as soon as both references of its setting are known."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.outcomes: dict[Setting, dict[str, Outcome]] = {}
        self.waiting: dict[Setting, list[str]] = {}
        self.left_out: list[str] = []

    def add(self, setting: Setting, name: str, outcome: Outcome) -> None:
        known = self.outcomes.setdefault(setting, {})
        known[name] = outcome
        self.waiting.setdefault(setting, []).append(name)
        if (away := self._deviation(setting, name)) is not None and not away <= TOLERANCE:
            self.session.fault(
                f"{setting.runs} runs, {setting.loss}, {name}: the losses are {away:.1%} away from hierapp's loop."
            )
        if EAGER in known and GRAPH in known:
            self._flush(setting)

    def fail(self, setting: Setting, name: str, failure: FailedError) -> None:
        self.session.fault(f"{setting.runs} runs, {setting.loss}, {name}: {failure}")

    def leave_out(self, jobs: Iterable[tuple[Setting, str]]) -> None:
        self.left_out += [f"{setting.runs} x {setting.loss}: {name}" for setting, name in jobs]

    def end(self) -> None:
        """What waits for a reference that did not come, and what the rows amount to."""
        for setting in self.waiting:
            self._flush(setting)
        for setting, known in self.outcomes.items():
            if EAGER not in known:
                continue
            sound = [name for name in known if (self._deviation(setting, name) or 0.0) <= TOLERANCE]
            best = min(sound, key=lambda name: statistics.median(known[name].seconds))
            apart = [difference(*pair) for pair in itertools.combinations(known[EAGER].curves, 2)]
            self.session.note(
                f'{setting.runs} runs, {setting.loss}: fastest is "{best}", {self._times(setting, best, EAGER):.3g}'
                f" times as fast as hierapp's loop without graphs, one after another (the aim for 32: {AIM}). Losses of"
                f" runs with different seeds are {min(apart):.1%} to {max(apart):.1%} apart."
            )
        if self.left_out:
            self.session.note("Left out for lack of time: " + "; ".join(self.left_out) + ".")

    def _flush(self, setting: Setting) -> None:
        known = self.outcomes[setting]
        for name in self.waiting[setting]:
            self.session.add(
                f"LeNet, {setting.loss}, batch {setting.batch}, {setting.steps} steps a run",
                {
                    "way": name,
                    "runs": setting.runs,
                    "seconds, median": statistics.median(known[name].seconds),
                    "least": min(known[name].seconds),
                    "most": max(known[name].seconds),
                    "times as fast as one after another": self._times(setting, name, EAGER),
                    "as one after another with graphs": self._times(setting, name, GRAPH),
                    "GPU memory, GB": known[name].memory,
                    "losses off by at most, share": self._deviation(setting, name),
                },
            )
        self.waiting[setting] = []

    def _times(self, setting: Setting, name: str, reference: str) -> float | None:
        known = self.outcomes[setting]
        if reference not in known:
            return None
        return statistics.median(known[reference].seconds) / statistics.median(known[name].seconds)

    def _deviation(self, setting: Setting, name: str) -> float | None:
        known = self.outcomes[setting]
        if EAGER not in known or name == EAGER:
            return None
        pairs = zip(known[name].curves, known[EAGER].curves, strict=True)
        return max(difference(mine, reference) for mine, reference in pairs)


def difference(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Of two runs' reports, as a share of them."""
    return sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) / sum(theirs)


class Child:
    """A process that does what it is asked, one thing after another, and ends with the first that fails."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork" if may_fork() else "spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def ask(self, setting: Setting, function: Callable[..., Any], *arguments: object) -> None:
        try:
            self.pipe.send((setting, function, arguments))
        except OSError:
            raise FailedError("the process is gone") from None

    def answer(self, seconds: float) -> Any:
        if not self.pipe.poll(max(seconds, 1.0)):
            raise FailedError(f"no answer within {seconds:.0f} s")
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(5)
            raise FailedError(f"the process ended with exit code {self.process.exitcode}") from None
        if isinstance(answer, FailedError):
            raise answer
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@functools.cache
def may_fork() -> bool:
    """Whether children of this process may use the GPU, as they may as long as it has not asked for one itself: then
    they need not import torch again."""
    child = os.fork()
    if child == 0:
        os._exit(int(torch.cuda._is_in_bad_fork()))
    return os.waitpid(child, 0)[1] == 0


def serve(pipe: Connection) -> None:
    """The child's side."""
    bench = None
    with compute.determinism("auto", compute.choose_device("auto")):
        while True:
            try:
                setting, function, arguments = pipe.recv()
            except EOFError:
                return
            try:
                if bench is None or bench.setting != setting:
                    bench = None
                    free()
                    bench = Bench(setting)
                answer = function(bench, *arguments)
            except Exception as error:
                traceback.print_exc()
                pipe.send(FailedError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"))
                return
            pipe.send(answer)


class Bench:
    """What a process trains: images, and how a run is made of a seed."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.device = setting, compute.choose_device("auto")
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # of a dry run, which may have a busy machine
        self.part = made_up(setting.steps * setting.batch, self.device)
        self.precision = compute.choose_precision("auto", self.device, setting.batch * 32 * 32 * 3)
        self.going: list[Callable[[], object]] = []
        self._made: tuple[object, Any] = (None, None)

    def config(self, seed: int) -> RunConfig:
        return RunConfig.make(
            data="cifar10", tree="cifar10", loss=self.setting.loss, batch_size=self.setting.batch, seed=seed
        )

    def train_state(self, seed: int, kind: type[TrainState] = TrainState) -> TrainState:
        """What a run of hierapp trains, made as it makes it."""
        config = self.config(seed)
        torch.manual_seed(seed)
        loss = make_loss(config.loss, TREE).to(self.device, torch.float32)
        model = models.find(config.model).build((32, 32, 3), loss.num_outputs)
        network = nn.Sequential(Normalizer(self.part.images), model).to(self.device)
        network = network.to(memory_format=torch.channels_last)
        return kind(network, loss, make_optimizer(config, network.parameters()), self.precision)

    def loader(self, seed: int) -> BatchLoader:
        return BatchLoader(self.part, self.config(seed), len(TREE.leaves))

    def made(self, build: Callable[..., Any], *arguments: object) -> Any:
        """What several ways in a row share; only the last of such things is kept."""
        if self._made[0] != (build, arguments):
            self._made = (None, None)
            free()
            self._made = ((build, arguments), build(self, *arguments))
        return self._made[1]

    def forget(self) -> None:
        """Give back the memory of the ways before."""
        self._made = (None, None)
        free()

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def measure(self, once: Callable[[], object], curves: Callable[[], Curves]) -> Outcome:
        """A round that warms up and is compared, then those that are timed."""
        self.wait()
        once()
        self.wait()
        found, seconds = curves(), []
        for _ in range(self.setting.rounds):
            started = time.perf_counter()
            once()
            self.wait()
            seconds.append(time.perf_counter() - started)
        return Outcome(seconds, found, used(self))


def made_up(count: int, device: torch.device) -> DeviceDataset:
    """Images that a network learns to tell apart, slowly: .4 of each is its leaf's pattern, the rest is noise."""
    generator = torch.Generator().manual_seed(0)
    leaves = torch.randint(len(TREE.leaves), (count,), generator=generator)
    patterns = torch.rand(len(TREE.leaves), 32, 32, 3, generator=generator)
    noise = torch.rand(count, 32, 32, 3, generator=generator)
    images = (255 * (0.4 * patterns[leaves] + 0.6 * noise)).to(torch.uint8)
    return DeviceDataset(images.to(device), leaves.to(device))


def free() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def used(bench: Bench) -> float | None:
    """GB of the GPU's memory that are in use, contexts and other processes' included."""
    if bench.device.type != "cuda":
        return None
    left, total = torch.cuda.mem_get_info()
    return (total - left) / 1e9


class Loop(Recorder):
    """hierapp's own loop over one run; its recorder, which keeps the reports."""

    def __init__(self, bench: Bench, seed: int, kind: type[TrainState] = TrainState) -> None:
        super().__init__()
        self.config, self.loader, self.train_state = (
            bench.config(seed),
            bench.loader(seed),
            bench.train_state(seed, kind),
        )
        self.reports: list[float] = []

    def __call__(self) -> None:
        train_epoch(self.train_state, self.loader, self.config, TrainingProgress(), self)

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self.reports.append(values["train_loss"])


class Steps:
    """The same steps over tensors that stay where they are, as a graph needs it: the next batch is looked up there.

    One run, or all runs of a setting stacked: one network whose weights have a dimension more. Adam on it is Adam on
    each.

    Args:
        bench: what is trained.
        seeds: of the runs.
        products: of a stack, convolve by products of matrices in place of cuDNN's grouped convolutions.
        stacked: whether it is a stack.
    """

    def __init__(self, bench: Bench, seeds: Sequence[int], stacked: bool = False, products: bool = False) -> None:
        self.part, self.precision, self.runs = bench.part, bench.precision, len(seeds)
        train_states = [bench.train_state(seed) for seed in seeds]
        self.train_state, self.optimizer = train_states[0], train_states[0].optimizer
        self.stream = torch.cuda.Stream() if bench.device.type == "cuda" else None
        self.captured: Capture | None = None
        self.outputs = self.train_state.logits
        if stacked:
            parameters, _ = stack_module_state([each.network[1] for each in train_states])
            self.optimizer = make_optimizer(bench.config(seeds[0]), parameters.values())
            normalizer, model = self.train_state.network
            for module in model.modules() if products else ():
                if isinstance(module, nn.Conv2d):
                    module.__class__ = ProductConv2d

            def one(own: dict[str, Tensor], pixels: Tensor) -> Tensor:
                found: Tensor = functional_call(model, own, (pixels,))
                return found

            def outputs(images: Tensor) -> Tensor:
                # Under vmap not all of autocast's operations are cast; so it is done here, and to the same effect.
                kind = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
                own = {name: weight.to(kind) for name, weight in parameters.items()}
                pixels = normalizer(images).to(kind)
                return vmap(one)(own, pixels.view(self.runs, -1, *pixels.shape[1:])).float().flatten(0, 1)

            self.outputs = outputs
        self.stacked = stacked
        for group in self.optimizer.param_groups:
            group["capturable"], group["lr"] = True, torch.tensor(float(group["lr"]), device=bench.device)
        orders = []
        for seed in seeds:
            loader = bench.loader(seed)
            loader.begin(1)
            orders.append(torch.stack([loader.indices(place) for place in range(len(loader))]))
        self.order = torch.stack(orders, dim=1)
        self.losses = torch.zeros(bench.setting.steps, self.runs, device=bench.device)
        self.place = torch.zeros(1, dtype=torch.int64, device=bench.device)
        self._weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        self._initial = [weight.detach().clone() for weight in self._weights]

    def step(self) -> None:
        batch = self.order.index_select(0, self.place).flatten()
        leaves = self.part.leaves.index_select(0, batch)
        logits = self.outputs(self.part.images.index_select(0, batch))
        self.optimizer.zero_grad()
        if self.stacked:
            values = self.train_state.loss(logits, leaves, reduction="none").view(self.runs, -1).mean(1)
            values.sum().backward()
        else:
            values = self.train_state.loss(logits, leaves)
            values.backward()
        self.optimizer.step()
        self.losses.index_copy_(0, self.place, values.detach().view(1, -1))
        self.place.add_(1)

    @torch.no_grad()
    def rewind(self) -> None:
        """To the weights before the first step."""
        for weight, initial in zip(self._weights, self._initial, strict=True):
            weight.copy_(initial)
        for state in self.optimizer.state.values():
            for values in state.values():
                values.zero_()
        self.place.zero_()

    def capture(self, steps: int = 1) -> None:
        """Make a graph of so many steps."""

        def several() -> None:
            for _ in range(steps):
                self.step()

        self.captured = Capture(several, self.place.device, self.stream)

    def epoch(self, advance: Callable[[], object], times: int) -> None:
        self.place.zero_()
        for _ in range(times):
            advance()

    def curves(self) -> Curves:
        """The losses as hierapp reports them."""
        count = len(self.losses)
        ends = sorted({math.ceil(count * part / REPORTS_PER_EPOCH) for part in range(1, REPORTS_PER_EPOCH + 1)})
        parts = torch.stack([self.losses[low:high].mean(0) for low, high in zip([0, *ends], ends, strict=False)], 1)
        found: Curves = parts.tolist()
        return found

    def on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)


class ProductConv2d(nn.Conv2d):
    """A convolution as one product of matrices: under vmap a batched one, where cuDNN would get a grouped one."""

    def forward(self, images: Tensor) -> Tensor:
        (high, wide), (above, beside) = self.kernel_size, self.padding
        padded = F.pad(images, (beside, beside, above, above)).permute(0, 2, 3, 1)
        # Not by F.unfold, which launches a kernel for each image.
        places = padded.unfold(1, high, 1).unfold(2, wide, 1)
        found = F.linear(places.flatten(3), self.weight.flatten(1), self.bias)
        return found.permute(0, 3, 1, 2)


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
