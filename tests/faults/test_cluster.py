"""Nodes of a Ray cluster die at random moments; every run finishes once, as if nothing had been.

make faults
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks import machine
from hierapp import execution
from hierapp.execution import scheduler, settings
from hierapp.runs import Store
from hierapp.trees import library as tree_library
from tests.execution.ray.ray_nodes import answers, end_node, free_port, start_node
from tests.faults.campaign import configs, epochs_for, progress_of, undisturbed
from tests.faults.ledger import Ledger, recorded

PATIENCE = 300.0
KILLS, RUNS = 6, 6
SECONDS = 40.0  # of work for each kill: until a node's death is noticed and another node has started


@contextmanager
def cluster(patch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[[], subprocess.Popen[bytes]]]]:
    """A head without room for runs; how to start each of two nodes that have room for one."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        environment = {"RAY_TMPDIR": folder, "RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_USAGE_STATS_ENABLED": "0"}
        for name, value in environment.items():
            patch.setenv(name, value)
        alone = ["--include-dashboard=false", f"--temp-dir={folder}/head", f"--ray-client-server-port={free_port()}"]
        head = start_node(environment, "--head", f"--port={port}", *alone, cores=0)
        started: list[subprocess.Popen[bytes]] = []

        def start(name: str) -> subprocess.Popen[bytes]:
            own = f"--temp-dir={folder}/{name}{len(started)}"
            started.append(start_node(environment, f"--address=127.0.0.1:{port}", own))
            return started[-1]

        try:
            wait_for(lambda: answers(port), "the head")
            yield {name: lambda name=name: start(name) for name in ("a", "b")}
        finally:
            for node in [*started, head]:
                end_node(node)


def wait_for(condition: Callable[[], object], what: str, store: Store | None = None) -> None:
    """Wait as long as something changes, in the runs of a store if one is given."""
    changed, last = time.monotonic(), None
    while not condition():
        if store and last != (last := progress_of(store)):
            changed = time.monotonic()
        assert time.monotonic() < changed + PATIENCE, f"waited in vain for {what}"
        time.sleep(0.1)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_runs_go_on_elsewhere_when_nodes_die(tmp_path, monkeypatch, capsys):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    seed = int(os.environ.get("SEED", "1"))
    chance = random.Random(seed)
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    planned, lines = configs(RUNS, epochs_for(KILLS * SECONDS, RUNS)), []
    with cluster(monkeypatch) as starts:
        nodes = {name: start() for name, start in starts.items()}
        monkeypatch.setenv(settings.VARIABLE, "ray")
        store = Store(tmp_path / "home")
        settings.set_retries(store, settings.MOST_RETRIES)
        ids = execution.submit(store, planned, tree_library.load("digits"))
        ledger = Ledger(store)
        for moment in sorted(chance.uniform(0.05, 0.85) for _ in range(KILLS)):

            def reached(moment: float = moment) -> bool:
                scheduler.ensure_scheduler(store)
                runs = store.runs(ids)
                far = sum(run.progress for run in runs) / len(runs) >= moment
                # Each node has a run, so that any node's death loses one.
                return is_late(store) or (far and sum(run.state == "running" and run.epoch > 0 for run in runs) == 2)

            wait_for(reached, f"{moment:.0%} of the work", store)
            if is_late(store):
                break
            victim, lost = chance.choice(list(nodes)), sum(run.lost_count for run in store.runs(ids))
            end_node(nodes[victim])
            at = time.monotonic()
            wait_for(
                lambda lost=lost: sum(run.lost_count for run in store.runs(ids)) > lost or not going(store), "a loss"
            )
            lines.append((victim, moment, time.monotonic() - at))
            nodes[victim] = starts[victim]()
        wait_for(lambda: scheduler.ensure_scheduler(store) or not going(store), "the runs' end", store)
        wait_for(lambda: not scheduler.is_at_work(store), "the launcher's end")
    runs = store.runs(ids)
    with capsys.disabled():
        print(f"\n{machine.describe()}; seed {seed}; {planned[0].epochs} epochs\n")
        print("| kill | node | after this share of the work | its run was queued again after |")
        print("| ---: | --- | ---: | ---: |")
        for number, (victim, moment, seconds) in enumerate(lines, start=1):
            print(f"| {number} | {victim} | {moment:.0%} | {seconds:.1f} s |")
        print(f"\nattempts: {[run.attempt for run in runs]}")
    assert [run.state for run in runs] == ["finished"] * RUNS
    assert sum(run.lost_count for run in runs) >= 1
    assert {run.launcher for run in runs} == {"ray"}
    changes = ledger.changes()
    monkeypatch.setenv(settings.VARIABLE, "local")
    calm = undisturbed(tmp_path / "calm", planned)
    for run, undisturbed_run in zip(runs, calm.runs(), strict=True):
        assert sum(change.after == "finished" for change in changes if change.run == run.id) == 1
        ours, theirs = recorded(store, run.id), recorded(calm, undisturbed_run.id)
        for what, value in theirs.items():
            assert ours[what] == value, f"{what} of run {run.id} is not what it is undisturbed"
    if len(lines) < KILLS:
        pytest.skip(
            f"The runs were over after {len(lines)} of {KILLS} kills, with nothing lost: this machine is faster now"
            " than it was when the work was sized; run the campaign again."
        )


def is_late(store: Store) -> bool:
    """Whether there are fewer runs left than nodes."""
    return sum(run.is_open for run in store.runs()) < 2


def going(store: Store) -> bool:
    return any(run.is_open for run in store.runs())
