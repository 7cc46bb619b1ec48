"""The backend for a Ray cluster: one actor per run, on a node that hierapp chooses to keep the order of the queue."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from hierapp.execution import settings, slots
from hierapp.execution.backend import Slot
from hierapp.execution.ray.cluster import Cluster, Unreachable
from hierapp.execution.ray.store_actor import Node
from hierapp.execution.ray.worker_actor import Job, RunActor
from hierapp.runs import Run, Store
from hierapp.version import code_version

SETTLE_SECONDS = 2.0  # from a worker's first report until the cluster has certainly counted its resources
SILENCE_SECONDS = 60.0  # without an answer of the cluster, until its runs count as lost
LEFT_SECONDS = 15.0  # for the worker of a finished attempt to exit
MOST_STARTS = 3
EPSILON = 1e-6


class RayBackend:
    """Starts runs on the nodes of a cluster and records how they end.

    Args:
        store: the store of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cluster = Cluster(store, self._chosen())
        self._version = code_version()
        self._handles: dict[str, object] = {}
        self._starts: dict[str, int] = {}  # failed starts per run
        # Monotonic times: when a worker's first report, a leftover actor and the cluster's silence were first seen.
        self._taken: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._silent: float | None = None
        self._told = ""

    def free_slots(self, running: Sequence[Run]) -> list[Slot]:
        """Return a place on each node with room: GPUs first, and the least used nodes first."""
        if self.cluster.chosen != self._chosen():
            if any(run.launcher == settings.RAY for run in running):
                return []  # let them end before runs start on another cluster
            self.cluster.close()
            self.cluster = Cluster(self.store, self._chosen())
        try:
            nodes = self.cluster.nodes()
            self._remove_leftovers(running)
        except Unreachable as error:
            self._say(str(error))
            return []
        has_gpus = any(node.gpus for node in nodes)
        asked = {"cuda": ("cuda", "auto"), "cpu": ("cpu",) if has_gpus else ("cpu", "auto", "cuda", "mps")}
        found = []
        for node in sorted(nodes, key=lambda node: (node.gpus, -node.free_cpus, node.id)):
            found += [Slot(asked["cpu"], f"cpu on {node.name}")] if self._fits("cpu", node, running) else []
        for node in sorted(nodes, key=lambda node: node.free_gpus):
            found[:0] = [Slot(asked["cuda"], f"cuda on {node.name}")] if self._fits("cuda", node, running) else []
        return found

    def start(self, run: Run) -> None:
        """Start the worker of a run on its assigned node."""
        kind = (run.assigned_device or "").partition(" ")[0]
        with suppress(Unreachable):  # the run then never starts, and returns to the queue
            node = next(
                (node for node in self.cluster.nodes() if run.assigned_device == f"{kind} on {node.name}"), None
            )
            if node is not None:
                cpus, gpus = self._needs(kind, node)
                job = Job(run, self._version, threads=int(cpus) or 1)
                self._handles[_name(run)] = self.cluster.start(_name(run), RunActor, job, node, cpus, gpus)

    def never_started(self, run: Run) -> bool:
        """Return whether no worker has taken the run and none will; False after several failed starts."""
        if run.process is not None or run.cancel_requested is not None or self._is_there(run):
            return False
        self._starts[run.id] = self._starts.get(run.id, 0) + 1
        if self._starts[run.id] == MOST_STARTS:
            return False  # `lost_reason` reports why
        self._say(f"run {run.id} is queued again: {self._why(run)}")
        return True

    def lost_reason(self, run: Run) -> str | None:
        """Return why the worker of a run is gone; None while it lives, waits for its place, or may still live."""
        if self._is_there(run):
            return None
        if self._silent is not None:
            return f"{self._told} The run was on {_node(run)}."
        self._starts.pop(run.id, None)
        self._taken.pop(_name(run), None)
        return self._why(run)

    def kill(self, run: Run) -> None:
        """End the worker of a run at once."""
        with suppress(Unreachable):
            self.cluster.kill(_name(run))

    def close(self) -> None:
        """Remove the store actor and the workers of finished attempts."""
        self.cluster.close()

    def _chosen(self) -> str:
        """Return the chosen cluster, or the last one if runs are now executed on this machine."""
        chosen = settings.chosen(self.store)
        return settings.last_ray(self.store) if chosen == settings.LOCAL else chosen

    def _is_there(self, run: Run) -> bool:
        """Return whether the run has a worker, or may have one while the cluster does not answer."""
        name = _name(run)
        try:
            there = name in self.cluster.actors()
            self._silent = None
            if there and name not in self._handles:  # an earlier scheduler started it
                self._handles[name] = self.cluster.handle(name)
        except Unreachable as error:
            self._say(str(error))
            self._silent = self._silent or time.monotonic()
            return time.monotonic() - self._silent < SILENCE_SECONDS
        return there

    def _why(self, run: Run) -> str:
        node, began = _node(run), run.process is not None
        handle = self._handles.pop(_name(run), None)
        try:
            death = self.cluster.death(handle) if handle else ""
            there = any(node == found.name for found in self.cluster.nodes())
        except Unreachable:
            death, there = "", True
        if not there:
            return f"The node {node} left the cluster."
        if "memory" in death and "OOM" in death.upper():
            return (
                f"The node {node} ran out of memory, and Ray terminated the run's worker; run fewer at once, or make"
                " the batch or the model smaller."
            )
        if not began:
            return f"No worker could be started on the node {node}{_reason(death)}."
        return f"The run's worker on the node {node} is gone; it was terminated externally or crashed."

    def _fits(self, kind: str, node: Node, running: Sequence[Run]) -> bool:
        """Return whether a node has room for one more run, counting runs sent there that Ray does not count yet."""
        cpus, gpus = self._needs(kind, node)
        for run in running:
            if _node(run) == node.name and not self._is_settled(run):
                cpus_taken, gpus_taken = self._needs((run.assigned_device or "").partition(" ")[0], node)
                node = replace(node, free_cpus=node.free_cpus - cpus_taken, free_gpus=node.free_gpus - gpus_taken)
        return node.free_cpus + EPSILON >= cpus and node.free_gpus + EPSILON >= gpus

    def _needs(self, kind: str, node: Node) -> tuple[float, float]:
        """Return the cores and GPUs that a run needs on a node. A run on a GPU requests no core, so that CPU runs never
        block it. Without a setting for the CPU slots, a run needs one core."""
        if kind == "cuda":
            # Rounded down to Ray's resolution, so that the set number of runs fits.
            return 0, math.floor(1e4 / slots.slots(self.store, "cuda")) / 1e4
        share = slots.chosen(self.store, "cpu")
        return (max(1, int(node.cpus) // share) if share else 1), 0

    def _is_settled(self, run: Run) -> bool:
        if run.process is None:
            return False
        since = self._taken.setdefault(_name(run), time.monotonic())
        return time.monotonic() - since > SETTLE_SECONDS

    def _remove_leftovers(self, running: Sequence[Run]) -> None:
        """End workers of finished attempts that do not exit."""
        left = {name for name in self.cluster.actors() if name.startswith("run-")} - {_name(run) for run in running}
        now = time.monotonic()
        self._left = {name: self._left.get(name, now) for name in left}
        for name, since in self._left.items():
            if now - since > LEFT_SECONDS:
                self.cluster.kill(name)

    def _say(self, trouble: str) -> None:
        """Write a message to the scheduler's log, without repeating it."""
        if trouble != self._told:
            print(f"{time.strftime('%H:%M:%S')} {trouble}", flush=True)
        self._told = trouble


def _name(run: Run) -> str:
    return f"run-{run.id}-{run.attempt}"


def _node(run: Run) -> str:
    return (run.assigned_device or "").partition(" on ")[2]


def _reason(death: str) -> str:
    """Return the last line of Ray's report on a dead actor, which contains the error."""
    lines = [line.strip() for line in death.splitlines() if line.strip()]
    return f" ({lines[-1][:200].rstrip('.')})" if lines else ""
