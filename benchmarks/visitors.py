"""What visitors cost the server: sessions that look at the Runs page at once, and visits to Compare one after another.

    python -m benchmarks.visitors [--sessions 30] [--visits 60] [--runs 1000]

The visitors speak Streamlit's protocol without a browser, which would cost more than the server. "first page" is the
time from the connection until the script has finished, "poll" that of a refresh of the page's live part. The server's
CPU time for each of them depends less on what else the machine does. Memory is the resident memory of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks import compare, machine, store
from benchmarks.browser import app
from hierapp.execution import scheduler
from hierapp.runs import Store
from hierapp.utils import locks, processes

SHOWN = 8
POLLS = 5
VIEWS = ("metrics", "tests", "severity", "confusion")


class Visitor:
    """A session of the server at an address."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.fragments: list[str] = []  # those that refresh by themselves

    async def open(self, page: str, query: str) -> float:
        """Open a page; return the seconds until its script has finished."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        return await self._ask(message)

    async def poll(self) -> float:
        """Refresh the first live part; return the seconds that takes."""
        message = BackMsg()
        message.rerun_script.fragment_id = self.fragments[0]
        return await self._ask(message)

    async def _ask(self, message: BackMsg) -> float:
        started = time.perf_counter()
        await self.connection.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await self.connection.recv())  # type: ignore[arg-type]
            if answer.WhichOneof("type") == "auto_rerun":
                self.fragments.append(answer.auto_rerun.fragment_id)
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished != 2:  # 2: it reruns at once
                return time.perf_counter() - started


@contextmanager
def going(home: Path) -> Iterator[None]:
    """Context manager: run 1 seems to be training, so that pages refresh; this process stands in for the scheduler."""
    held = locks.take(home / scheduler.LOCK)
    assert held is not None
    with Store(home).database.write() as db:
        db.execute(
            "UPDATE runs SET state = 'running', progress = 0.5, process = ?, heartbeat = ? WHERE id = 1",
            (processes.identity(os.getpid(), home), time.time()),
        )
    with held, held.beating():
        yield


def visitor(address: str) -> connect:
    """A connection of a new visitor, to be entered with `async with`."""
    stream = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    return connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None)


def server() -> psutil.Process:
    """The process of the server that this benchmark started."""
    (found,) = (each for each in psutil.Process().children() if "streamlit" in each.cmdline())
    return found


def megabytes() -> float:
    """Resident memory of the server."""
    return float(server().memory_info().rss / 1e6)


def cpu_seconds() -> float:
    """CPU time of the server since it was started."""
    times = server().cpu_times()
    return float(times.user + times.system)


async def at_once(address: str, sessions: int, query: str) -> None:
    """Print the seconds of the first page, and of each poll, of sessions that all come at once and stay."""
    spent = [cpu_seconds()]

    async def one() -> tuple[float, list[float]]:
        async with visitor(address) as connection:
            session = Visitor(connection)
            first = await session.open("runs", query)
            if await come.wait() == 0:
                spent.append(cpu_seconds())
            polls = []
            for _ in range(POLLS if session.fragments else 0):
                polls.append(await session.poll())
                await asyncio.sleep(1.0)
            return first, polls

    come = asyncio.Barrier(sessions)
    found = await asyncio.gather(*(one() for _ in range(sessions)))
    spent.append(cpu_seconds())
    polls = [each for _, some in found for each in some]
    show(f"{sessions} at once, first page", [first for first, _ in found], spent[1] - spent[0])
    show(f"{sessions} at once, poll", polls, spent[2] - spent[1])


async def one_after_another(address: str, visits: int) -> None:
    """Print the server's memory after visits to the views of Compare, each in a session of its own."""
    print("| visits to Compare | memory |")
    print("| ---: | ---: |")
    for visit in range(visits + 1):
        if visit % (visits // 6) == 0:
            print(f"| {visit} | {megabytes():.0f} MB |", flush=True)
        async with visitor(address) as connection:
            await Visitor(connection).open("compare", f"view={VIEWS[visit % len(VIEWS)]}")


def show(what: str, seconds: list[float], cpu: float) -> None:
    print(
        f"{what}: median {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f};"
        f" {cpu / len(seconds):.3f} s of CPU each",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--visits", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as home:
        store.fill(Store(Path(home)), options.runs)
        query = "&".join(f"runs={number}" for number in range(1, SHOWN + 1))
        with going(Path(home)), app(home) as address:
            asyncio.run(at_once(address, 1, query))  # the first visit imports the pages
            print(f"{options.runs:,} runs, {SHOWN} shown; {megabytes():.0f} MB after the first visit")
            for sessions in (1, options.sessions):
                asyncio.run(at_once(address, sessions, query))
                print(f"{megabytes():.0f} MB", flush=True)
    with tempfile.TemporaryDirectory() as home:
        compare.fill(Store(Path(home)), 200)
        with app(home) as address:
            asyncio.run(one_after_another(address, options.visits))


if __name__ == "__main__":
    main()
