"""Prove and measure everything on a graphics card, within eight minutes, the most valuable part first.

    python -m benchmarks.gpu --out FOLDER            # all parts; gpu.json and gpu.md are written after each
    python -m benchmarks.gpu --out FOLDER --only losses --only training
    python -m benchmarks.gpu --out FOLDER --dry-run  # every part with the smallest sizes, on a CPU, in under a minute
    python -m benchmarks.gpu --needs                 # what must be installed, and the wheels to bring along

Each part is a process of its own with a time limit: one that fails, hangs or takes the GPU's context with it ends, what
it had found is kept, and the next one begins. Without a data set images are made up; with CIFAR-10 in HIERAPP_DATA the
last part trains on it. The exit status is 1 if a part found a fault or did not end by itself.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu import needs, results
from benchmarks.gpu.session import Session


@dataclass(frozen=True)
class Part:
    """A module of this package with a function `run(session)`, and the seconds that it may take on a GPU."""

    title: str
    seconds: float


PARTS = {
    "oracles": Part("Tests on the GPU: everything named `*_cuda`", 90),
    "launcher": Part("Runs by the launcher: processes, cancel, resume, memory", 70),
    "training": Part("Training: images a second", 85),
    "many_runs": Part("Many small runs at once", 65),
    "launched_runs": Part("Many small runs by the launcher", 55),
    "losses": Part("Losses beside F.cross_entropy", 50),
    "cifar10": Part("ResNet-18 on CIFAR-10", 60),
}
DRY_SECONDS = 300.0
# A part is told its time and ends by itself; this much more is for one that hangs.
GRACE_SECONDS = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="the folder for the results")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part; may be given several times")
    parser.add_argument("--dry-run", action="store_true", help="the smallest sizes; the figures mean nothing")
    parser.add_argument("--needs", action="store_true", help="say what must be installed, and end")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.needs:
        return needs.main()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.part:
        return work(options.part, options.out, options.dry_run, options.seconds)
    return lead(options.out, options.only or list(PARTS), options.dry_run)


def lead(out: Path, names: list[str], dry: bool) -> int:
    """Run the parts one after another and write the results after each."""
    found = {}
    about = conditions()
    print("; ".join(f"{name}: {value}" for name, value in about.items()), flush=True)
    for name in names:
        part, file = PARTS[name], out / f"part-{name}.json"
        seconds = DRY_SECONDS if dry else part.seconds
        file.unlink(missing_ok=True)
        problem = start(name, out, dry, seconds)
        found[name] = results.read_part(file, part.title, problem)
        file.unlink(missing_ok=True)
        results.write(out, about, found)
        print("\n".join(results.markdown({}, {name: found[name]}).splitlines()[2:]), flush=True)
    return int(any(part["faults"] or part["state"] != "done" for part in found.values()))


def start(name: str, out: Path, dry: bool, seconds: float) -> str | None:
    """Run a part as a process; what is wrong with how it ended."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", name, "--out", str(out), "--seconds", str(seconds)]
    with (out / "gpu.log").open("ab") as log:
        log.write(f"\n== {name}\n".encode())
        log.flush()
        process = subprocess.Popen(
            [*command, *(["--dry-run"] if dry else [])],
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=needs.REPOSITORY,
            # A dry run computes next to nothing: threads would only wait for one another.
            env={**os.environ, "PYTHONFAULTHANDLER": "1", **({"OMP_NUM_THREADS": "1"} if dry else {})},
        )
        try:
            code = process.wait(timeout=seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return f"The part did not end within {seconds + GRACE_SECONDS:.0f} s and was killed."
    return None if code == 0 else f"The part ended with exit code {code}; gpu.log has the details."


def work(name: str, out: Path, dry: bool, seconds: float) -> int:
    """A part, in its own process."""
    session = Session(out / f"part-{name}.json", PARTS[name].title, dry, seconds)
    try:
        importlib.import_module(f"benchmarks.gpu.{name}").run(session)
    except Exception as error:
        traceback.print_exc()
        session.fault(f"The part failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        session.end("failed")
        return 0
    session.end()
    return 0


def conditions() -> dict[str, str]:
    """Where and with what this runs, asked of a process of its own: this one never holds the GPU."""
    question = (
        "import torch; c = torch.cuda; p = c.get_device_properties(0) if c.is_available() else None;"
        "print(f'{p.name} ({p.total_memory / 2**30:.0f} GiB)' if p else 'none');"
        "print(torch.__version__); print(torch.version.cuda); print(torch.backends.cudnn.version())"
    )
    run = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    answers = run.stdout.split("\n") if run.returncode == 0 else ["torch cannot be imported", "none", "none", "none"]
    from hierapp.version import code_version

    return {
        "GPU": answers[0],
        "torch": answers[1],
        "CUDA": answers[2],
        "cuDNN": answers[3],
        "Python": platform.python_version(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "hierapp": code_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    sys.exit(main())
