"""How often the intervals of Cliff's delta hold the truth, and how wide they are; the table of docs/statistics.md.

    python -m benchmarks.intervals [--rounds 1000]

Normal figures, one list shifted by so many deviations; the bootstrap without its limit of ten figures.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy import stats

from hierapp.stats import cliffs_delta, effect_sizes, mean_difference


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=1000)
    rounds = options.parse_args().rounds
    effect_sizes.FEWEST_BOOTSTRAP = 2
    rng = np.random.default_rng(0)
    print("| n | shift | delta | Newcombe | width | bootstrap | width | without one | Welch, of means |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n in (3, 5, 10, 15, 20):
        for shift in (0.0, 1.0, 2.0):
            truth = 2 * stats.norm.cdf(shift / math.sqrt(2)) - 1
            held, width, none, welch = np.zeros(2), np.zeros(2), 0, 0
            for _ in range(rounds):
                a, b = rng.normal(shift, 1, n), rng.normal(0, 1, n)
                found, mean = cliffs_delta(a, b), mean_difference(a, b).interval
                welch += mean.low <= shift <= mean.high
                none += found.bootstrap is None
                for place, interval in enumerate((found.interval, found.bootstrap)):
                    if interval is not None:
                        held[place] += interval.low <= truth <= interval.high
                        width[place] += interval.high - interval.low
            width /= (rounds, max(rounds - none, 1))
            shares = [f"{100 * share / rounds:.0f} %" for share in (*held, none, welch)]
            print(
                f"| {n} | {shift:g} | {truth:.2f} | {shares[0]} | {width[0]:.2f} | {shares[1]} | {width[1]:.2f}"
                f" | {shares[2]} | {shares[3]} |"
            )


if __name__ == "__main__":
    main()
