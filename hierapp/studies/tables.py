"""Tables of a study, from the rows of its CSV file alone, for Markdown, JSON and the app."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from hierapp.studies.rows import Row
from hierapp.studies.spec import ENDPOINTS, Study
from hierapp.studies.verdicts import Verdict, by_seed, complete_seeds

_METRICS: dict[str, str] = {
    "accuracy": ENDPOINTS["accuracy"],
    "mean_distance": ENDPOINTS["mean_distance"],
    "log_loss": ENDPOINTS["log_loss"],
    "severity": "severity",
    "calibration_error": "calibration error",
    "temperature": "temperature",
    "coverage": "coverage",
    "mean_depth": "mean depth",
}
_LEVEL = "level_"


def means(study: Study, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row for each group and decoder: mean and standard deviation of each metric over the complete seeds.

    Without a complete seed all seeds that are there count.
    """
    seeds = complete_seeds(study, rows) or sorted({int(row["seed"] or 0) for row in rows})
    names = [*_METRICS, *sorted({name for row in rows for name in row if name.startswith(_LEVEL)})]
    values = {name: by_seed(rows, seeds, name) for name in names}
    first = {str(row["group"]): row for row in reversed(rows)}
    made = []
    for group in study.groups:
        for decoder in study.decoders:
            key = (group.name, decoder)
            if key not in values["accuracy"]:
                continue
            tuned = {name: _at_edge(study, name, first[group.name][name]) for name in study.tuning}
            cells = {_title(name): _cell(list(of[key].values())) for name, of in values.items() if key in of}
            made.append({"group": group.name, "decoder": decoder, "n": len(values["accuracy"][key]), **tuned, **cells})
    return made


def judged(found: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return a row for each verdict."""
    return [
        {
            "hypothesis": each.hypothesis,
            "first": each.first,
            "second": each.second,
            "decoder": each.first_decoder
            if each.first_decoder == each.second_decoder
            else f"{each.first_decoder} / {each.second_decoder}",
            "endpoint": ENDPOINTS[each.endpoint],
            "n": each.n,
            "difference": f"{each.difference:+.4f}",
            "95 % interval": "" if each.low is None else f"{each.low:+.4f} to {each.high:+.4f}",
            "p": f"{each.p_corrected:.2g}",
            "margin": f"{each.margin:.3g}",
            "p, equivalence": f"{each.p_equivalence_corrected:.2g}",
            "verdict": each.verdict,
        }
        for each in found
    ]


def markdown(table: Sequence[dict[str, Any]]) -> str:
    """Return a table as Markdown; columns in the order in which rows have them.

    >>> print(markdown([{"group": "hxe", "n": 10}, {"group": "plain"}]))
    | group | n |
    | --- | --- |
    | hxe | 10 |
    | plain |  |
    """
    columns = list(dict.fromkeys(name for row in table for name in row))
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(str(row.get(name, '')) for name in columns)} |" for row in table]
    return "\n".join(lines)


def _at_edge(study: Study, name: str, value: Any) -> str:
    """Return a chosen value; an asterisk marks the ends of the candidates."""
    given = study.tuning[name]
    edge = len(given) > 1 and value in (given[0], given[-1])
    return f"{value:g}{'*' if edge else ''}" if isinstance(value, (int, float)) else str(value)


def _title(name: str) -> str:
    return f"accuracy, level {name.removeprefix(_LEVEL)}" if name.startswith(_LEVEL) else _METRICS[name]


def _cell(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{fmean(values):.4f}"
    return f"{fmean(values):.4f} ± {stdev(values):.4f}"
