"""Real Ray nodes on this machine, with a core each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

import psutil

SMALL = ["--object-store-memory=150000000", "--disable-usage-stats", "--block"]
# A node that is gone is noticed within seconds, instead of within half a minute.
WATCHFUL = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
}


def start_node(environment: dict[str, str], *arguments: str, cores: int = 1) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, f"--num-cpus={cores}", *SMALL]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment, **WATCHFUL},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end_node(node: subprocess.Popen[bytes]) -> None:
    """As if its power failed: everything that belongs to it at once."""
    with suppress(psutil.NoSuchProcess):
        for process in [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    node.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
