"""Where runs go on a cluster, and what is said of workers that are gone: with a cluster that the tests make up."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from hierapp import execution
from hierapp.errors import ConfigError
from hierapp.execution import settings, slots
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")

from hierapp.execution.ray import backend as backend_module
from hierapp.execution.ray.backend import RayBackend
from hierapp.execution.ray.cluster import Unreachable
from hierapp.execution.ray.store_actor import Node

DIGITS = tree_library.load("digits")


class FakeCluster:
    """Nodes and actors as the test says; actors take nothing from what is free."""

    def __init__(self, *there: Node) -> None:
        self.chosen = "ray"
        self.there, self.names, self.begun, self.killed = list(there), set(), [], []
        self.deaths, self.away, self.can_start = "", False, True

    def nodes(self) -> list[Node]:
        if self.away:
            raise Unreachable("The cluster is away.")
        return self.there

    def actors(self) -> set[str]:
        self.nodes()
        return set(self.names)

    def start(self, name, kind, job, node, cpus, gpus) -> object:
        self.nodes()
        self.begun.append((name, node.id, cpus, gpus, job.threads))
        self.names |= {name} if self.can_start else set()
        return object()

    def handle(self, name: str) -> object:
        return object()

    def death(self, handle: object) -> str:
        return self.deaths

    def kill(self, name: str) -> None:
        self.killed.append(name)
        self.names.discard(name)

    def close(self) -> None:
        self.names.clear()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(settings.VARIABLE, "ray")
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr("hierapp.execution.scheduler.ensure_scheduler", lambda store: None)
    return Store(tmp_path)


def node(
    id: str, cpus: float = 0, gpus: float = 0, free_cpus: float | None = None, free_gpus: float | None = None
) -> Node:
    return Node(
        id=id * 8,
        host=f"host-{id}",
        cpus=cpus,
        gpus=gpus,
        free_cpus=cpus if free_cpus is None else free_cpus,
        free_gpus=gpus if free_gpus is None else free_gpus,
    )


def at(store: Store, *there: Node) -> tuple[RayBackend, FakeCluster, Scheduler]:
    backend = RayBackend(store)
    backend.cluster = cluster = FakeCluster(*there)
    return backend, cluster, Scheduler(store, {"ray": lambda store: backend})


def add(store: Store, count: int = 1, device: str = "auto") -> list[str]:
    values = {"data": "digits", "tree": "digits", "loss": "cross-entropy", "device": device}
    return store.add([RunConfig.make(seed=seed, **values) for seed in range(count)], DIGITS)


def test_only_as_many_runs_leave_the_queue_as_there_are_cores(store):
    _, cluster, launcher = at(store, node("a", cpus=2), node("b", cpus=3, free_cpus=1))
    ids = add(store, 10)
    for _ in range(3):
        launcher.step()
    assert [(name, on) for name, on, *_ in cluster.begun] == [
        ("run-1-1", "aaaaaaaa"),
        ("run-2-1", "aaaaaaaa"),
        ("run-3-1", "bbbbbbbb"),
    ]
    assert [run.id for run in store.queue()] == ids[3:]
    assert store.run("3").assigned_device == "cpu on host-b bbbbbbbb"


def test_what_is_free_is_counted_once_when_workers_have_settled(store, monkeypatch):
    _, cluster, launcher = at(store, node("a", cpus=2))
    add(store, 3)
    launcher.step()
    assert len(cluster.begun) == 2
    for run in ("1", "2"):
        store.writer(run).take(1, "host boot namespace 1 5")
    cluster.there = [node("a", cpus=2, free_cpus=1)]
    launcher.step()
    assert len(cluster.begun) == 2, "the core may be one that a run which just began is about to take"
    monkeypatch.setattr(backend_module, "SETTLE_SECONDS", -1)
    launcher.step()
    assert len(cluster.begun) == 3


def test_slots_share_the_cores_of_each_node(store):
    slots.set_slots(store, "cpu", 2)
    _, cluster, launcher = at(store, node("a", cpus=8), node("b", cpus=1))
    add(store, 9)
    launcher.step()
    assert sorted(cluster.begun) == [
        ("run-1-1", "aaaaaaaa", 4, 0, 4),
        ("run-2-1", "aaaaaaaa", 4, 0, 4),
        ("run-3-1", "bbbbbbbb", 1, 0, 1),
    ]


def test_runs_share_gpus_and_those_that_ask_for_no_device_get_one(store):
    slots.set_slots(store, "cuda", 3)
    _, cluster, launcher = at(store, node("a", cpus=4), node("b", cpus=4, gpus=2))
    add(store, 8)
    add(store, 1, device="cpu")
    launcher.step()
    *on_gpus, on_cores = cluster.begun
    assert [begun[1:] for begun in on_gpus] == [("bbbbbbbb", 0, 0.3333, 1)] * 6
    assert on_cores[:2] == ("run-9-1", "aaaaaaaa"), "not on the machine with GPUs, as long as there is another"
    assert [run.id for run in store.queue()] == ["7", "8"]


def test_a_run_for_a_device_that_no_node_has_starts_and_will_say_so(store):
    _, cluster, launcher = at(store, node("a", cpus=2))
    add(store, 1, device="cuda")
    add(store, 1, device="mps")
    launcher.step()
    assert len(cluster.begun) == 2


def test_a_node_that_is_gone_is_named_and_the_run_goes_on(store):
    _, cluster, launcher = at(store, node("a", cpus=1))
    add(store)
    launcher.step()
    store.writer("1").take(1, "host boot namespace 1 5")
    cluster.there, cluster.names = [node("b", cpus=1)], set()
    launcher.step()
    run = store.run("1")
    assert (run.state, run.attempt, run.assigned_device) == ("running", 2, "cpu on host-b bbbbbbbb")
    assert run.note == "Resumed after an interruption: The node host-a aaaaaaaa left the cluster."


def test_a_worker_that_is_gone_and_was_asked_to_stop_has_stopped(store):
    _, cluster, launcher = at(store, node("a", cpus=1))
    add(store)
    launcher.step()
    store.request_cancel("1")
    cluster.names.clear()
    assert not launcher.step()
    assert store.run("1").state == "cancelled"


def test_workers_that_cannot_start_are_tried_again_and_not_for_ever(store, monkeypatch):
    monkeypatch.setattr(settings, "retries", lambda store: 0)
    _, cluster, launcher = at(store, node("a", cpus=1))
    cluster.can_start = False
    cluster.deaths = "The actor died because of an error raised in its creation task.\nNo module named 'torch'."
    add(store)
    for _ in range(10):
        launcher.step()
    run = store.run("1")
    assert len(cluster.begun) == backend_module.MOST_STARTS
    assert run.state == "interrupted"
    assert run.error == "No worker could be started on the node host-a aaaaaaaa (No module named 'torch')."


def test_a_cluster_that_is_silent_for_a_moment_loses_no_run(store, monkeypatch):
    _, cluster, launcher = at(store, node("a", cpus=1))
    add(store, 2)
    launcher.step()
    store.writer("1").take(1, "host boot namespace 1 5")
    cluster.away = True
    assert launcher.step()
    assert store.run("1").state == "running"
    monkeypatch.setattr(backend_module, "SILENCE_SECONDS", -1)
    launcher.step()
    assert store.run("1").state == "queued"
    assert store.run("1").note == "Resumed after an interruption: The cluster is away. The run was on host-a aaaaaaaa."


def test_workers_of_attempts_that_are_over_are_ended(store, monkeypatch):
    monkeypatch.setattr(backend_module, "LEFT_SECONDS", -1)
    _, cluster, launcher = at(store, node("a", cpus=1))
    cluster.names = {"run-7-1", "store-x"}
    add(store, 2)
    launcher.step()
    launcher.step()
    assert cluster.killed == ["run-7-1"]
    assert cluster.names == {"store-x", "run-1-1"}


def test_a_missing_ray_is_told_before_anything_is_queued(store, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"not installed; install it by `pip install -r requirements-ray\.txt"):
        execution.submit(store, [RunConfig.make(data="digits", tree="digits", loss="cross-entropy")], DIGITS)
    assert store.runs() == []


@pytest.mark.parametrize("chosen", ["ray", "ray://127.0.0.1:{port}"])
def test_a_cluster_that_does_not_answer_is_told_before_anything_is_queued(store, monkeypatch, chosen):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv(settings.VARIABLE, chosen.format(port=port))
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(ConfigError, match=r"No Ray cluster responds at .*`ray start --head`"):
        execution.submit(store, [RunConfig.make(data="digits", tree="digits", loss="cross-entropy")], DIGITS)
    assert store.runs() == []


def test_a_machine_that_is_part_of_no_cluster_is_told_what_to_do(store, monkeypatch, tmp_path):
    from ray._private import services

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))

    def nothing() -> set[str]:
        return set()

    nothing.cache_clear = lambda: None
    monkeypatch.setattr(services, "find_gcs_addresses", nothing)
    with pytest.raises(ConfigError, match=r"belongs to no Ray cluster, or to several; .*`ray start"):
        execution.submit(store, [RunConfig.make(data="digits", tree="digits", loss="cross-entropy")], DIGITS)
