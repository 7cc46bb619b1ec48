"""The losses of this checkout beside those of an earlier one: both in turn, in processes of their own, on one thread.

    git worktree add ../before COMMIT
    python -m benchmarks.losses_before ../before [--turns 3] [--rounds 21]

A figure is the ratio to F.cross_entropy over the leaves, the median of the rounds of a process; of the processes of one
checkout the median, with the least and the largest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import machine

HERE = Path(__file__).resolve().parents[1]
MEASURE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from benchmarks import losses
from benchmarks.timing import in_turn, ratio
torch.set_num_threads(1)
found = {}
for name, tree in losses.trees().items():
    times = in_turn(losses.ways(tree, losses.BATCH, torch.device("cpu"), slow=False), int(sys.argv[1]))
    found[f"{len(tree.nodes):,} nodes"] = {way: ratio(times[way], times[losses.FLAT])[0] for way in times}
print(json.dumps(found))
"""

Ratios = dict[str, dict[str, float]]


def measured(checkout: Path, rounds: int) -> Ratios:
    """Return the ratio of each loss over each tree, measured with the code of a checkout."""
    command = [sys.executable, "-c", MEASURE, str(rounds)]
    answer = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
    ratios: Ratios = json.loads(answer.stdout)
    return ratios


def cell(runs: list[Ratios], tree: str, loss: str) -> str:
    """Return the median with the least and the largest, or a dash for a loss that a checkout does not have."""
    values = [run[tree][loss] for run in runs if loss in run[tree]]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else "-"


def main() -> None:
    """Measure both in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="the earlier checkout")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=21)
    chosen = parser.parse_args()
    before, now = [], []
    for _ in range(chosen.turns):
        before.append(measured(chosen.before, chosen.rounds))
        now.append(measured(HERE, chosen.rounds))
    print(machine.describe())
    trees = list(now[0])
    print("| loss | " + " | ".join(f"{tree}, before | now" for tree in trees) + " |")
    print("| --- |" + " --- |" * 2 * len(trees))
    for loss in now[0][trees[0]]:
        cells = [cell(runs, tree, loss) for tree in trees for runs in (before, now)]
        print(f"| {loss} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
