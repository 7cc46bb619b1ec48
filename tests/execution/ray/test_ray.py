"""Runs on a Ray cluster: two real nodes on this machine, with a core each, that the tests start and end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from hierapp import execution
from hierapp.data import registry as datasets
from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.errors import DatasetError, StaleAttemptError
from hierapp.execution import scheduler, settings
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.data.imports.conftest import classes, write
from tests.execution.ray.ray_nodes import answers, end_node, free_port, start_node

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")

from hierapp.execution.ray import worker_actor  # noqa: E402
from hierapp.execution.ray.cluster import Cluster, Unreachable  # noqa: E402
from hierapp.execution.ray.writer import RayRunWriter  # noqa: E402

DIGITS = tree_library.load("digits")
PATIENCE = 600.0


@dataclass
class Nodes:
    """A head and another node; `environment` is for whoever is to find them."""

    head: subprocess.Popen[bytes]
    other: subprocess.Popen[bytes]
    client: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    port, client_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        environment = {"RAY_TMPDIR": folder, "RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_USAGE_STATS_ENABLED": "0"}
        begun: list[subprocess.Popen[bytes]] = []
        try:
            begun.append(
                start_node(
                    environment,
                    "--head",
                    f"--port={port}",
                    f"--ray-client-server-port={client_port}",
                    "--include-dashboard=false",
                    # Each its own: two nodes that unpack the code into one folder would tread on each other.
                    f"--temp-dir={folder}/a",
                )
            )
            wait_for(lambda: answers(port), "the head")
            begun.append(start_node(environment, f"--address=127.0.0.1:{port}", f"--temp-dir={folder}/b"))
            yield Nodes(*begun, client=f"ray://127.0.0.1:{client_port}", environment=environment)
        finally:
            ray.shutdown()
            for node in reversed(begun):
                end_node(node)


@pytest.fixture
def store(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose runs go to the cluster."""
    for name, value in {
        **nodes.environment,
        "HIERAPP_HOME": str(tmp_path),
        "HIERAPP_DATA": str(tmp_path),
        settings.VARIABLE: "ray",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    store = Store()
    yield store
    for run in store.runs(states=("queued", "running")):
        store.request_cancel(run.id)
    wait_for(lambda: not scheduler.is_at_work(store), "the scheduler's end")


@pytest.fixture
def cluster(store: Store) -> Iterator[Cluster]:
    """The cluster as a scheduler in this process sees it."""
    cluster = Cluster(store, "ray")
    yield cluster
    cluster.close()


def configs(count: int = 1, **values: object) -> list[RunConfig]:
    rest = {"data": "digits", "tree": "digits", "loss": "hierarchical", **values}
    return [RunConfig.make(seed=seed, **rest) for seed in range(count)]


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.1)


def ended(store: Store, ids: list[str]) -> list[Run]:
    """The runs once all have ended, and the scheduler with them."""

    def over() -> bool:
        scheduler.reap_lost_runs(store)
        return not any(run.is_open for run in store.runs(ids))

    wait_for(over, f"runs to end, of {[(run.id, run.state, run.note) for run in store.runs(ids)]}")
    return store.runs(ids)


def log_of(run: Run) -> str:
    return run.log_file.read_text() if run.log_file.exists() else "(no log)"


def command_line(store: Store, *arguments: str, launcher: str = "ray") -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "hierapp", *arguments, "--json"],
        env={**os.environ, "HIERAPP_HOME": str(store.folder), settings.VARIABLE: launcher},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_command_line_gives_the_same_weights_here_and_on_the_cluster(store, tmp_path):
    arguments = ["run", "--data", "digits", "--loss", "simloss", "--option", "similarity=ordinal:0.5"]
    arguments += ["--seeds", "2", "--epochs", "2"]  # its matrix travels with the run
    local = command_line(Store(tmp_path / "local"), *arguments, launcher="local")
    far = command_line(store, *arguments)
    assert [run["state"] for run in far] == ["finished"] * 2
    for here, there in zip(local, far, strict=True):
        assert here["test"] == there["test"]
        assert_same_weights(Path(here["folder"]), Path(there["folder"]))
    first, second = store.runs()
    assert "finished: test accuracy" in log_of(first)
    assert sorted(file.name for file in first.folder.iterdir()) == [
        "log.txt",
        "model.safetensors",
        "outputs.safetensors",
        "validation_outputs.safetensors",
    ]
    assert first.launcher == "ray"
    assert first.assigned_device.startswith(f"cpu on {socket.gethostname()} ")
    assert first.assigned_device != second.assigned_device, "both nodes are used"


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = (load_file(folder / "model.safetensors") for folder in (first, second))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_goes_on_when_its_launcher_and_the_store_actor_are_killed(store, cluster, monkeypatch):
    begun: list[subprocess.Popen[bytes]] = []
    really = processes.spawn
    monkeypatch.setattr(processes, "spawn", lambda *given, **named: begun.append(really(*given, **named)) or begun[-1])
    (run,) = execution.submit(store, configs(epochs=100), DIGITS)
    wait_for(lambda: store.run(run).epoch, "the first epoch")
    begun[0].kill()
    begun[0].wait()
    process = store.run(run).process
    os.kill(pid_of(cluster, "store-"), signal.SIGKILL)
    (end,) = ended(store, [run])
    assert (end.state, end.process, end.attempt) == ("finished", None, 1), log_of(end)
    assert process is not None
    assert len(begun) > 1, "a scheduler, and another one"
    assert_complete(store, end)


def pid_of(cluster: Cluster, prefix: str) -> int:
    """The process of an actor."""
    (name,) = (name for name in cluster.actors() if name.startswith(prefix))
    return ray.get(cluster.handle(name).__ray_call__.remote(lambda actor: os.getpid()))


def assert_complete(store: Store, run: Run) -> None:
    """Every value of every epoch is there once."""
    points = store.metrics([run.id])[run.id]
    epochs = run.config.epochs
    assert [epoch for epoch, _ in points["val_accuracy"]] == list(range(1, epochs + 1))
    reports = [epoch for epoch, _ in points["train_loss"]]
    assert len(reports) == len(set(reports)) == 9 * epochs, "one a batch"
    assert store.confusion(run.id, "validation", epochs).sum() > 0


def other_node(cluster: Cluster) -> str:
    """The name of the node that is not the head."""
    (name,) = (node.name for node in cluster.nodes() if node.id != ray.get_runtime_context().get_node_id())
    return name


def as_arguments(config: RunConfig) -> list[str]:
    return [
        *("run", "--data", config.data, "--loss", config.loss),
        *("--seed", str(config.seed), "--epochs", str(config.epochs)),
    ]


def test_a_cancelled_run_stops_and_leaves_its_node(store, cluster):
    (run,) = execution.submit(store, configs(epochs=10_000), DIGITS)
    wait_for(lambda: store.run(run).epoch, "the first epoch")
    assert f"run-{run}-1" in cluster.actors()
    store.request_cancel(run)
    (end,) = ended(store, [run])
    assert (end.state, end.error) == ("cancelled", None)
    assert log_of(end).splitlines()[-1].endswith("cancelled")
    wait_for(lambda: f"run-{run}-1" not in cluster.actors(), "the worker's end")


def test_a_run_that_does_not_stop_when_it_is_asked_to_is_stopped_by_force(store, cluster):
    (run,) = execution.submit(store, configs(epochs=10_000), DIGITS)
    wait_for(lambda: store.run(run).epoch, "the first epoch")
    worker = psutil.Process(store.run(run).pid)
    worker.suspend()
    store.request_cancel(run)
    (end,) = ended(store, [run])
    assert (end.state, end.error) == ("cancelled", None)
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "the worker's end")


def test_runs_go_to_a_cluster_by_its_address(store, nodes):
    (run,) = command_line(
        store, "run", "--data", "digits", "--loss", "hierarchical", "--epochs", "1", launcher=nodes.client
    )
    assert run["state"] == "finished"


def test_workers_tell_the_store_actor_what_they_do_and_hear_what_it_met(store, cluster, tmp_path, monkeypatch):
    store.add(configs(), DIGITS)
    run = store.claim(launcher="ray")
    cluster.nodes()
    store_actor = cluster.handle(next(name for name in cluster.actors() if name.startswith("store-")))
    writer = RayRunWriter(store_actor, run, "1.0")
    writer.take(os.getpid(), processes.identity(os.getpid()))
    writer.begin("cpu", "another code's")
    writer.report(0.5, {"train_loss": 2.0}, 0.1)
    assert not writer.heartbeat()
    store.request_cancel(run.id)
    assert writer.is_asked_to_stop()
    here = datasets.load("digits", "test")
    real, absent = datasets.status, datasets.Status("absent", "not on this node")
    monkeypatch.setattr(
        datasets, "status", lambda name, folder=None: absent if name == "digits" else real(name, folder)
    )
    there = worker_actor.load(store_actor, "digits", "test")
    assert torch.equal(there.images, here.images)
    assert torch.equal(there.labels, here.labels)
    assert there.class_names == here.class_names
    with pytest.raises(DatasetError, match=r"CIFAR-10 is not on this machine"):
        worker_actor.load(store_actor, "cifar10", "test")
    token = import_job.begin(Request("lot", Options(), str(write(tmp_path / "lot", classes(5)))))
    import_job.work(token)
    finalize.finalize(token, "lot")
    images, labels = datasets.arrays("lot", "train")
    monkeypatch.setattr(datasets, "load", None)  # this node's own set of that name might be another one
    own = worker_actor.load(store_actor, "lot", "train")
    assert np.array_equal(own.images, images)
    assert own.labels.tolist() == labels.tolist()
    writer.end("cancelled")
    assert store.run(run.id).state == "cancelled"
    assert store.run(run.id).version == "1.0"
    assert store.metrics([run.id])[run.id]["train_loss"] == [(0.5, 2.0)]
    with pytest.raises(StaleAttemptError):
        writer.report(0.6, {"train_loss": 2.0}, 0.1) or writer.end("failed", "too late")
    with pytest.raises(StaleAttemptError):
        writer.heartbeat()


def test_store_actor_that_would_write_another_store_is_refused(store, cluster, monkeypatch):
    monkeypatch.setattr(processes, "machine", lambda: "another one")
    with pytest.raises(
        Unreachable, match=r"The head of the Ray cluster is not the machine with the store in .*; run the"
    ):
        cluster.nodes()
    assert not cluster._store_actor


@pytest.mark.long
def test_runs_go_on_elsewhere_when_their_node_dies(store, nodes, cluster):
    ids = execution.submit(store, configs(4, epochs=100), DIGITS)
    node = other_node(cluster)

    def there() -> list[Run]:
        return [
            run
            for run in store.runs(states=("running",))
            if run.assigned_device == f"cpu on {node}" and (run.folder / "checkpoint.safetensors").exists()
        ]

    wait_for(there, "a run in training on the other node")
    end_node(nodes.other)
    (before,) = there()
    after = ended(store, ids)
    assert [run.state for run in after] == ["finished"] * 4, [run.error for run in after]
    (moved,) = (run for run in after if run.lost_count)
    assert (moved.id, moved.attempt) == (before.id, 2)
    assert not any(run.assigned_device == before.assigned_device for run in after if run.ended > moved.claimed)
    assert "Training resumes from epoch" in moved.note
    for run in after:
        assert_complete(store, run)
    alone = Store(store.folder / "alone")
    (same,) = command_line(alone, *as_arguments(moved.config), launcher="local")
    assert_same_weights(Path(same["folder"]), moved.folder)
    points = {name: store.metrics([moved.id])[moved.id][name] for name in ("train_loss", "val_loss", "val_accuracy")}
    assert points == {name: alone.metrics(["1"])["1"][name] for name in points}
