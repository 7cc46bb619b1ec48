"""The table of the ways, and what it amounts to."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence

from benchmarks.gpu.many.bench import Outcome, Setting
from benchmarks.gpu.many.children import FailedError
from benchmarks.gpu.many.ways import EAGER, GRAPH
from benchmarks.gpu.session import Session

# How far a run's losses may be from those of hierapp's loop, as a share, in the mean over its reports. In bfloat16 they
# are .005 from those in float32; those of other seeds are some .1 away.
TOLERANCE = 0.03
# Times as fast as one after another that 32 runs should be.
AIM = 8


class Report:
    """The table: a row for each way, as soon as both references of its setting are known."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.outcomes: dict[Setting, dict[str, Outcome]] = {}
        self.waiting: dict[Setting, list[str]] = {}
        self.left_out: list[str] = []

    def add(self, setting: Setting, name: str, outcome: Outcome) -> None:
        known = self.outcomes.setdefault(setting, {})
        known[name] = outcome
        self.waiting.setdefault(setting, []).append(name)
        if (away := self._deviation(setting, name)) is not None and not away <= TOLERANCE:
            self.session.fault(
                f"{setting.runs} runs, {setting.loss}, {name}: the losses are {away:.1%} away from hierapp's loop."
            )
        if EAGER in known and GRAPH in known:
            self._flush(setting)

    def fail(self, setting: Setting, name: str, failure: FailedError) -> None:
        self.session.fault(f"{setting.runs} runs, {setting.loss}, {name}: {failure}")

    def leave_out(self, jobs: Iterable[tuple[Setting, str]]) -> None:
        self.left_out += [f"{setting.runs} x {setting.loss}: {name}" for setting, name in jobs]

    def end(self) -> None:
        """What waits for a reference that did not come, and what the rows amount to."""
        for setting in self.waiting:
            self._flush(setting)
        for setting, known in self.outcomes.items():
            if EAGER not in known:
                continue
            sound = [name for name in known if (self._deviation(setting, name) or 0.0) <= TOLERANCE]
            best = min(sound, key=lambda name: statistics.median(known[name].seconds))
            apart = [difference(*pair) for pair in itertools.combinations(known[EAGER].curves, 2)]
            self.session.note(
                f'{setting.runs} runs, {setting.loss}: fastest is "{best}", {self._times(setting, best, EAGER):.3g}'
                f" times as fast as hierapp's loop without graphs, one after another (the aim for 32: {AIM}). Losses of"
                f" runs with different seeds are {min(apart):.1%} to {max(apart):.1%} apart."
            )
        if self.left_out:
            self.session.note("Left out for lack of time: " + "; ".join(self.left_out) + ".")

    def _flush(self, setting: Setting) -> None:
        known = self.outcomes[setting]
        for name in self.waiting[setting]:
            self.session.add(
                f"LeNet, {setting.loss}, batch {setting.batch}, {setting.steps} steps a run",
                {
                    "way": name,
                    "runs": setting.runs,
                    "seconds, median": statistics.median(known[name].seconds),
                    "least": min(known[name].seconds),
                    "most": max(known[name].seconds),
                    "times as fast as one after another": self._times(setting, name, EAGER),
                    "as one after another with graphs": self._times(setting, name, GRAPH),
                    "GPU memory, GB": known[name].memory,
                    "losses off by at most, share": self._deviation(setting, name),
                },
            )
        self.waiting[setting] = []

    def _times(self, setting: Setting, name: str, reference: str) -> float | None:
        known = self.outcomes[setting]
        if reference not in known:
            return None
        return statistics.median(known[reference].seconds) / statistics.median(known[name].seconds)

    def _deviation(self, setting: Setting, name: str) -> float | None:
        known = self.outcomes[setting]
        if EAGER not in known or name == EAGER:
            return None
        pairs = zip(known[name].curves, known[EAGER].curves, strict=True)
        return max(difference(mine, reference) for mine, reference in pairs)


def difference(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Of two runs' reports, as a share of them."""
    return sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) / sum(theirs)
