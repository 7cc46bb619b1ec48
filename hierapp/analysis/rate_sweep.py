"""Learning rates: runs that try several for each loss, and the one with the best validation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from hierapp.analysis import groups, summary
from hierapp.runs import Run, Store
from hierapp.training import RunConfig

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)  # on the rate of a configuration
LARGEST_RATE = 100.0
LOWER_IS_BETTER = ("val_loss", "val_distance")


@dataclass(frozen=True)
class BestRate:
    """The learning rate of a loss with the best validation.

    Attributes:
        label: the loss, and what else distinguishes it from the others.
        rate: the best learning rate.
        means: for each rate, in order, the metric's mean over the seeds that all rates have.
        seeds: number of these seeds.
        metric: the metric of the validation images that was compared.
        run: one of the runs with the best rate.
    """

    label: str
    rate: float
    means: Mapping[float, float]
    seeds: int
    metric: str
    run: Run

    @property
    def is_at_end(self) -> bool:
        """Whether the best rate is the smallest or the largest one, so that a better one may lie outside."""
        return self.rate in (min(self.means), max(self.means))


def rates(rate: float) -> list[float]:
    """Return the rates that are tried around one.

    >>> rates(0.001)
    [0.0001, 0.0003, 0.001, 0.003, 0.01]
    """
    return [float(f"{rate * factor:.6g}") for factor in FACTORS if rate * factor <= LARGEST_RATE]


def sweep(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """Return these configurations with each of the rates around their own, so that all losses have one rate after the
    other."""
    every = {config.learning_rate: rates(config.learning_rate) for config in configs}
    return [
        config.model_copy(update={"learning_rate": every[config.learning_rate][place]})
        for place in range(len(FACTORS))
        for config in configs
        if place < len(every[config.learning_rate])
    ]


def best_rates(store: Store, runs: Sequence[Run]) -> list[BestRate]:
    """Return the best rate of each configuration that finished with several, by its metric on the validation images.

    The metric is the one that selects the epoch, or accuracy after the last epoch. Test images take no part. Of equal
    rates it is the smallest one.
    """
    finished = [run for run in runs if run.state == "finished" and not run.is_imported]
    alike: dict[tuple[str, ...], dict[float, dict[int, Run]]] = {}
    for run in finished:
        tried = alike.setdefault(_apart_from_rate(run), {})
        tried.setdefault(run.config.learning_rate, {})[run.config.seed] = run
    swept = [tried for tried in alike.values() if len(tried) > 1]
    points = store.metrics([run.id for tried in swept for each in tried.values() for run in each.values()])
    found = []
    for tried in swept:
        seeds = sorted(set.intersection(*(set(each) for each in tried.values())))
        if not seeds:
            continue
        metric = _metric(next(iter(tried.values()))[seeds[0]])
        scores: dict[float, list[float | None]] = {
            rate: [_score(tried[rate][seed], points[tried[rate][seed].id].get(metric, [])) for seed in seeds]
            for rate in sorted(tried)
        }
        means = {rate: mean(each) for rate, given in scores.items() if len(each := _known(given)) == len(seeds)}
        if len(means) > 1:
            choose = min if metric in LOWER_IS_BETTER else max
            best = choose(means, key=means.__getitem__)
            found.append((best, means, len(seeds), metric, tried[best][seeds[0]]))
    labels = summary.labels([run for *_, run in found], but=(*groups.NOT_IN_GROUP, "learning_rate"))
    return [
        BestRate(label, rate, means, seeds, metric, run)
        for label, (rate, means, seeds, metric, run) in zip(labels.values(), found, strict=True)
    ]


def at_best_rates(found: Sequence[BestRate], runs: Sequence[Run]) -> list[Run]:
    """Return the finished runs of all seeds that have the best rate of their configuration."""
    best = {_apart_from_rate(each.run): each.rate for each in found}
    return [
        run for run in runs if run.state == "finished" and best.get(_apart_from_rate(run)) == run.config.learning_rate
    ]


def _metric(run: Run) -> str:
    return "val_accuracy" if run.config.select == "last" else run.config.select


def _score(run: Run, points: Sequence[tuple[float, float]]) -> float | None:
    """Return the metric of the epoch that the run's configuration selects; None if it was not recorded."""
    seen = [value for epoch, value in points if float(epoch).is_integer()]
    if not seen:
        return None
    if run.config.select == "last":
        return seen[-1]
    return min(seen) if run.config.select in LOWER_IS_BETTER else max(seen)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _apart_from_rate(run: Run) -> tuple[str, ...]:
    config = run.config.model_dump(exclude={*groups.NOT_IN_GROUP, "learning_rate"})
    return json.dumps(config, sort_keys=True, default=str), run.tree_text, run.similarity_text or ""
