"""Processes that write into a store as workers do, and that poll it as pages do; `benchmarks.store` starts them.

    python -m benchmarks.store_load write RUN ATTEMPT SECONDS RATE [REWINDS]
    python -m benchmarks.store_load poll RUN,RUN,... SECONDS EVERY THREADS

Both print a line of JSON about what they did and met.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import Any

from hierapp.errors import HierappError
from hierapp.runs import Store
from hierapp.runs.curves import Curves
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter

NAMES = ("train_loss", "val_loss", "val_accuracy", "images_per_second", "epoch_seconds")
POINTS_AN_EPOCH = 10


def write(store: Store, run: str, attempt: int, seconds: float, rate: float, rewinds: int = 0) -> dict[str, Any]:
    """Record rows at a rate, one a transaction, for some seconds; `rewinds` times go back some epochs and on from
    there, as after a loss, with other values.

    Returns:
        rows: how many there must be in the end; written: how many were, those that were taken back among them;
        errors; slowest: the longest transaction, in milliseconds.
    """
    writer = SQLiteRunWriter(store.database, number_of(run), attempt)
    chance = random.Random(number_of(run))
    done: dict[tuple[str, float], float] = {}
    back_at = [seconds * (turn + 1) / (rewinds + 1) for turn in range(rewinds)]
    written, slowest, tick = 0, 0.0, 0
    errors: list[str] = []
    started = time.perf_counter()
    while (now := time.perf_counter() - started) < seconds:
        if written / rate > now:
            time.sleep(written / rate - now)
        begun = time.perf_counter()
        try:
            if back_at and now > back_at[0]:
                back_at.pop(0)
                tick = round(tick * chance.uniform(0.3, 0.9))
                writer.restarted_at(tick / POINTS_AN_EPOCH, 0.5)
                done = {at: value for at, value in done.items() if at[1] <= tick / POINTS_AN_EPOCH}
            name = NAMES[written % len(NAMES)]
            tick += name == NAMES[0]
            value = chance.random()
            writer.report(tick / POINTS_AN_EPOCH, {name: value}, 0.5)
            done[name, tick / POINTS_AN_EPOCH] = value
            written += 1
        except HierappError as error:
            errors.append(str(error))
        slowest = max(slowest, time.perf_counter() - begun)
    kept = {(name, at): value for name, points in store.metrics([run])[run].items() for at, value in points}
    return {
        "rows": len(done),
        "kept": kept == done,
        "written": written,
        "seconds": time.perf_counter() - started,
        "errors": errors,
        "slowest": slowest * 1000,
    }


def poll(store: Store, ids: list[str], seconds: float, every: float) -> dict[str, Any]:
    """Look at runs and their curves again and again, as an open page does.

    Returns:
        milliseconds of each look but the first; first: of that one, which reads everything; moved: rows that the later
        ones read; new: points that came into being between first and last look; same: whether the curves are the
        store's in the end; errors.
    """
    curves = Curves(store)
    times: list[float] = []
    moved: list[int] = []
    new = 0
    errors: list[str] = []
    until = time.perf_counter() + seconds
    due = time.perf_counter() + random.random() * every  # pages are not opened all at one moment
    before = 0
    while True:
        time.sleep(max(0.0, due - time.perf_counter()))
        if time.perf_counter() > until and times:
            break
        due += every
        begun = time.perf_counter()
        try:
            store.runs(ids)
            points = curves.look(ids)
        except HierappError as error:
            errors.append(str(error))
            continue
        times.append((time.perf_counter() - begun) * 1000)
        moved.append(curves.moved)
        now = sum(len(each) for names in points.values() for each in names.values())
        new, before = new + (now - before if len(times) > 1 else 0), now
    return {
        "times": times[1:],
        "first": times[0],
        "moved": sum(moved[1:]),
        "new": new,
        "errors": errors,
        "same": _settled(curves, store, ids),
    }


def _settled(curves: Curves, store: Store, ids: list[str]) -> bool:
    """Whether a last look gives what the store holds, once nobody writes any more."""
    while (before := store.metrics(ids)) != (time.sleep(0.5), store.metrics(ids))[1]:
        continue
    return curves.look(ids) == before


def main() -> None:
    store = Store()
    what, runs, *rest = sys.argv[1:]
    if what == "write":
        attempt, seconds, rate, *rewinds = map(float, rest)
        print(json.dumps(write(store, runs, int(attempt), seconds, rate, *map(int, rewinds))))
        return
    seconds, every, threads = map(float, rest)
    found: list[dict[str, Any]] = []
    pollers = [
        threading.Thread(target=lambda: found.append(poll(store, runs.split(","), seconds, every)))
        for _ in range(int(threads))
    ]
    for each in pollers:
        each.start()
    for each in pollers:
        each.join()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
