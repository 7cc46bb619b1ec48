"""The verdicts of a study, from the rows of its CSV file: paired tests and equivalence, corrected as one family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import fmean
from typing import Any, Literal

from hierapp import stats
from hierapp.stats import Equivalence
from hierapp.studies.readings import Reading
from hierapp.studies.rows import Row
from hierapp.studies.spec import ENDPOINTS, FEWEST_SEEDS, ComparedGroups, Endpoint, Study

ALPHA = 0.05
Kind = Literal["higher", "lower", "higher, within the margin", "lower, within the margin", "equivalent", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """One comparison: the first minus the second at one endpoint.

    Attributes:
        hypothesis, first, second: from the study.
        first_decoder, second_decoder: how the outputs are read.
        endpoint: what is compared.
        n: the number of paired seeds.
        difference, low, high: the mean difference with its 95 % interval (Student); None if it does not vary.
        wins: the number of seeds in which the first is higher.
        p, p_corrected: Wilcoxon's exact test, and after Holm's correction over the study.
        margin, low_90, high_90: the margin of equivalence, and the 90 % interval that is held against it.
        p_equivalence, p_equivalence_corrected: the larger p of the two one-sided tests, and after Holm's correction.
        verdict: by the corrected p.
    """

    hypothesis: str
    first: str
    second: str
    first_decoder: str
    second_decoder: str
    endpoint: Endpoint
    n: int
    difference: float
    low: float | None
    high: float | None
    wins: int
    p: float
    p_corrected: float
    margin: float
    low_90: float | None
    high_90: float | None
    p_equivalence: float
    p_equivalence_corrected: float
    verdict: Kind

    @property
    def subject(self) -> str:
        """The first group, with its decoder unless it is the greatest probability."""
        return _read(self.first, self.first_decoder)

    @property
    def reference(self) -> str:
        """The second group in the same words."""
        return _read(self.second, self.second_decoder)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with endpoint, n, effect, interval and corrected p."""
        name, one, two = ENDPOINTS[self.endpoint], self.subject, self.reference
        between = "" if self.low is None else f" (95 % interval {self.low:+.4f} to {self.high:+.4f})"
        effect = f"{self.difference:+.4f}{between}, n = {self.n}"
        if self.verdict == "undecided":
            return (
                f"Undecided for {name}: {one} minus {two} is {effect}; neither a difference (corrected p ="
                f" {self.p_corrected:.3g}) nor equivalence within ±{self.margin:.3g} (p ="
                f" {self.p_equivalence_corrected:.3g}) is shown."
            )
        if self.verdict == "equivalent":
            return (
                f"{one} and {two} are equivalent in {name} within ±{self.margin:.3g}: {effect}, corrected p ="
                f" {self.p_equivalence_corrected:.3g}."
            )
        word, _, within = self.verdict.partition(",")
        small = f", yet within the margin of ±{self.margin:.3g}" if within else ""
        return f"{one} has a {word} {name} than {two}: {effect}, corrected p = {self.p_corrected:.3g}{small}."

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        return asdict(self) | {"sentence": self.sentence}


def verdicts(study: Study, rows: Sequence[Row]) -> list[Verdict]:
    """Judge the comparisons of a study; an empty list if it has none, or fewer than ten seeds are complete.

    Only seeds that all groups have count, the same for every comparison.
    """
    seeds = complete_seeds(study, rows)
    if len(seeds) < FEWEST_SEEDS:
        return []
    values = _values(rows, seeds)
    asked = _comparisons(study)
    pairs = [(values[each.first, one][what], values[each.second, two][what]) for each, one, two, what in asked]
    margins = [study.margin(endpoint) for *_, endpoint in asked]
    # `stats.compare` would also bootstrap, which takes a second for some comparisons of a study that has a hundred.
    different = [stats.wilcoxon(a, b).p for a, b in pairs]
    equal = [stats.equivalence(a, b, margin, ALPHA) for (a, b), margin in zip(pairs, margins, strict=True)]
    corrected = zip(stats.holm(different), stats.holm(each.p for each in equal), strict=True)
    return [
        _verdict(*asked[place], pairs[place], different[place], equal[place], p, q)
        for place, (p, q) in enumerate(corrected)
    ]


def _verdict(
    pair: ComparedGroups,
    first: str,
    second: str,
    endpoint: Endpoint,
    values: tuple[dict[int, float], dict[int, float]],
    p: float,
    equal: Equivalence,
    p_corrected: float,
    q_corrected: float,
) -> Verdict:
    a, b = values
    changes = [a[seed] - b[seed] for seed in a]
    # Student's 95 % interval is that of the two one-sided tests at half of alpha.
    wide, narrow = stats.equivalence(a, b, equal.margin, ALPHA / 2).interval, equal.interval
    return Verdict(
        hypothesis=pair.hypothesis,
        first=pair.first,
        second=pair.second,
        first_decoder=first,
        second_decoder=second,
        endpoint=endpoint,
        n=len(changes),
        difference=fmean(changes),
        low=None if wide is None else wide.low,
        high=None if wide is None else wide.high,
        wins=sum(change > 0 for change in changes),
        p=p,
        p_corrected=p_corrected,
        margin=equal.margin,
        low_90=None if narrow is None else narrow.low,
        high_90=None if narrow is None else narrow.high,
        p_equivalence=equal.p,
        p_equivalence_corrected=q_corrected,
        verdict=_kind(fmean(changes), p_corrected, q_corrected),
    )


def complete_seeds(study: Study, rows: Sequence[Row]) -> list[int]:
    """Return the seeds for which every group has all its permutations."""
    have = {(row["group"], row["seed"], row.get("permutation")) for row in rows}
    return [
        seed
        for seed in range(study.seeds)
        if all(
            (group.name, seed, permutation) in have
            for group in study.groups
            for permutation in (range(group.permutations) if group.permutations else (None,))
        )
    ]


def by_seed(rows: Sequence[Row], seeds: Sequence[int], metric: str) -> dict[tuple[str, str], dict[int, float]]:
    """Return a metric by group and decoder, and then by seed; of permuted trees the mean over the permutations."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in rows:
        value, seed = row.get(metric), row["seed"]
        if isinstance(value, (int, float)) and isinstance(seed, int) and seed in seeds:
            found.setdefault((str(row["group"]), str(row["decoder"])), {}).setdefault(seed, []).append(value)
    return {key: {seed: fmean(values) for seed, values in of_key.items()} for key, of_key in found.items()}


def _values(rows: Sequence[Row], seeds: Sequence[int]) -> dict[tuple[str, str], dict[str, dict[int, float]]]:
    found: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for endpoint in ENDPOINTS:
        for key, of_seed in by_seed(rows, seeds, endpoint).items():
            found.setdefault(key, {})[endpoint] = of_seed
    return found


def _comparisons(study: Study) -> list[tuple[ComparedGroups, str, str, Endpoint]]:
    """Return each comparison with its decoders and endpoint.

    The log loss does not depend on the decoder, only on the temperature: it is compared once for each of the two.
    """
    made = []
    for pair in study.pairs():
        read = [pair.decoders] if pair.decoders else [(each, each) for each in study.tested]
        scaled = [[Reading.parse(each).temperature for each in both] for both in read]
        for place, (first, second) in enumerate(read):
            again = scaled[place] in scaled[:place]
            made += [(pair, first, second, each) for each in pair.endpoints if each != "log_loss" or not again]
    return made


def too_few_seeds(found: Sequence[Verdict]) -> str:
    """Return a sentence if no difference can be shown with this number of seeds and comparisons, else ""."""
    if not found:
        return ""
    least = min(1.0, len(found) * stats.best_possible_p(found[0].n))
    if least < ALPHA:
        return ""
    needed = stats.seeds_to_reach(ALPHA / len(found), paired=True)
    return (
        f"With {found[0].n} seeds and {len(found)} comparisons no corrected p can be below {least:.2g}, so no"
        f" difference can be shown, whatever its size; {needed} seeds or more can show one."
    )


def by_hypothesis(found: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Return verdicts by their hypothesis, in the order of the study."""
    ordered = sorted(found, key=lambda each: [one.hypothesis for one in found].index(each.hypothesis))
    return {name: list(some) for name, some in groupby(ordered, key=lambda each: each.hypothesis)}


def counts(found: Sequence[Verdict]) -> Mapping[str, int]:
    """Return the number of verdicts of each kind, without those that do not occur."""
    kinds = [each.verdict for each in found]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(sorted(kinds))}


def _kind(difference: float, p: float, q: float) -> Kind:
    if p < ALPHA:
        if q < ALPHA:
            return "higher, within the margin" if difference > 0 else "lower, within the margin"
        return "higher" if difference > 0 else "lower"
    return "equivalent" if q < ALPHA else "undecided"


def _read(group: str, decoder: str) -> str:
    return group if decoder == "leaf" else f"{group} ({decoder})"
