"""What a data set of 10,000 classes costs: import, training of a head, comparison, and every page that shows it.

    python -m benchmarks.many_classes [--classes 10000] [--folder FOLDER] [--pictures FOLDER]

A made-up data set of classes x 20 rows x 256 features under a tree of eight levels; classes that are close in the tree
have close features. Commands run as processes of their own, each with its time, the processor seconds of all its
processes, and the most memory of one. Then each page is opened twice in headless Chromium on one server, until it has
no running script; processor seconds are the server's in the first visit, and the memory is the most that it had in
both. Memory is resident without files that are mapped, such as stored outputs, because those can be dropped any time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page

from benchmarks import machine
from benchmarks.browser import app, chromium
from hierapp import LabelTree
from hierapp.paths import project_folder

ROWS, FEATURES, LEVELS = 20, 256, 8
NAME = "many"
VIEWS = ("metrics", "tests", "severity", "outputs", "confusion")
BUSY = ":is([data-test-script-state=running], [data-test-script-state=rerunRequested])"
LONGEST = 600  # seconds of a visit


def made_up_tree(classes: int) -> LabelTree:
    """A tree of `LEVELS` levels, the root's included, all leaves on the last one, with even branches."""
    sides = [round(classes ** (level / (LEVELS - 1))) for level in range(LEVELS)]
    names, parents, above = ["root"], [-1], [0]
    for level, size in enumerate(sides[1:], start=1):
        nodes = range(len(names), len(names) + size)
        names += [f"class {i:05d}" if level == LEVELS - 1 else f"group {level}.{i}" for i in range(size)]
        parents += [above[i * len(above) // size] for i in range(size)]
        above = list(nodes)
    return LabelTree(names, parents)


def write(folder: Path, classes: int) -> None:
    """Write the features and the tree: a class's center is the sum of random steps along its path."""
    generator = np.random.default_rng(0)
    tree = made_up_tree(classes)
    centers = generator.normal(size=(len(tree.nodes), FEATURES)).astype(np.float32)
    centers = centers[tree.leaf_paths[:, 1:]].sum(1)
    labels = np.repeat(np.arange(classes), ROWS)
    features = centers[labels] + 1.5 * generator.normal(size=(len(labels), FEATURES)).astype(np.float32)
    np.savez(folder / "many.npz", features=features, labels=labels, classes=np.array(tree.leaves))
    tree.save(folder / "many.json")


class Usage:
    """The most memory in MB of a process of a home, and the processor seconds of all of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.most = 0.0
        self._seconds: dict[int, float] = {}

    def look(self) -> None:
        for each in psutil.process_iter():
            try:
                if each.environ().get("HIERAPP_HOME") == str(self.home):
                    memory = each.memory_info()
                    self.most = max(self.most, (memory.rss - memory.shared) / 1e6)
                    times = each.cpu_times()
                    self._seconds[each.pid] = times.user + times.system
            except psutil.Error:
                continue

    @property
    def seconds(self) -> float:
        return sum(self._seconds.values())


def command(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Run a command of hierapp; return its seconds, and processor seconds and largest memory of it and its workers."""
    started, usage = time.perf_counter(), Usage(folder / "home")
    log = (folder / "log.txt").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "hierapp", *arguments],
        cwd=project_folder(),
        env={**os.environ, "HIERAPP_HOME": str(folder / "home"), "HIERAPP_DATA": str(folder / "data")},
        stdout=log,
    )
    with log:
        while process.poll() is None:
            usage.look()
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"hierapp {' '.join(arguments)} failed")
    return time.perf_counter() - started, usage.seconds, usage.most


def visit(page: Page, address: str, usage: Usage) -> float:
    """Open a page; return the seconds until its script and the fragments have ended."""
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("[data-testid=stMain] h1, [data-testid=stMain] h2", timeout=LONGEST * 1000)
    quiet = 0.0
    while quiet < 2 and time.perf_counter() - started < LONGEST:
        usage.look()
        busy = page.locator(f"{BUSY}, [data-testid=stSkeleton], [data-testid=stSpinner]").count()
        quiet = 0.0 if busy else quiet + 0.2
        page.wait_for_timeout(200)
    return time.perf_counter() - started - quiet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where data and runs are kept; what is there is not made again")
    parser.add_argument("--pictures", type=Path, help="where a picture of each page goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        measure(options.folder or Path(made), options.classes, options.pictures)
    print(f"\n{machine.describe()}")


def measure(folder: Path, classes: int, pictures: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    os.environ["HIERAPP_DATA"] = str(folder / "data")
    print("| step | seconds | processor, s | MB |\n| --- | ---: | ---: | ---: |")
    if not (folder / "many.npz").exists():
        write(folder, classes)
    tree = str(folder / "many.json")
    train = ("run", "--data", NAME, "--epochs", "1", "--batch-size", "256", "--slots", "1")
    steps = {
        "data check": ("data", "check", str(folder / "many.npz"), "--tree", tree),
        "data import": ("data", "import", str(folder / "many.npz"), "--name", NAME, "--tree", tree),
        "run path-head, conditional, one epoch": (*train, "--model", "path-head", "--loss", "conditional"),
        "run linear, cross-entropy, one epoch": (*train, "--model", "linear", "--loss", "cross-entropy"),
        "runs": ("runs",),
        "compare": ("compare", "1", "2"),
        "compare, min-risk": ("compare", "1", "2", "--decoder", "min-risk"),
        "export": ("export", "1", "-o", str(folder / "one.zip")),
    }
    for name, arguments in steps.items():
        if name == "export":
            (folder / "one.zip").unlink(missing_ok=True)
        if (name.startswith("run ") or name == "data import") and (folder / f"{name}.done").exists():
            continue
        seconds, busy, most = command(folder, *arguments)
        (folder / f"{name}.done").touch()
        print(f"| `{name}` | {seconds:.1f} | {busy:.1f} | {most:,.0f} |", flush=True)
    print("\n| page | first, s | again, s | processor, s | server, MB |\n| --- | ---: | ---: | ---: | ---: |")
    pages = {
        **{name: name for name in ("start", "data", "trees", "train", "search", "similarities", "lab", "losses")},
        "data, this set": f"data?set={NAME}",
        "trees, this tree": f"trees?tree={NAME}",
        "train, this set": f"train?data={NAME}",
        "similarities, this set": f"similarities?data={NAME}",
        "studio": "studio",
        "runs": "runs?runs=1&runs=2",
        **{f"compare, {view}": f"compare?on={NAME}&view={view}" for view in VIEWS},
        "predictions": "predictions",
        "reproduce": "reproduce",
        "settings": "settings",
    }
    with app(home) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        visit(page, address, Usage(home))
        for name, path in pages.items():
            usage = Usage(home)
            usage.look()
            before = usage.seconds
            first = visit(page, f"{address}/{path}", usage)
            usage.look()
            busy, again = usage.seconds - before, visit(page, f"{address}/{path}", usage)
            wrong = page.locator("[data-testid=stException], [data-testid=stAlertContentError]").all_inner_texts()
            row = f"| {name} | {first:.1f} | {again:.1f} | {busy:.1f} | {usage.most:,.0f} | {' '.join(wrong)[:200]}"
            print(row, flush=True)
            if pictures is not None:
                pictures.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=pictures / f"{re.sub(r'[^a-z]+', '-', name)}.png", full_page=True)


if __name__ == "__main__":
    main()
