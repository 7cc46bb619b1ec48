"""The runs of an experiment: one for each seed and loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.training.config import RunConfig

MOST_RUNS = 1_000  # in one plan


def plan(
    chosen: Sequence[str], seeds: Sequence[int], options: Mapping[str, Any] | None = None, **values: Any
) -> list[RunConfig]:
    """Create one configuration for each seed and loss; runs of one seed are adjacent, so losses can be compared early.

    Args:
        chosen: the losses; duplicates are ignored.
        seeds: the seeds.
        options: options of losses; "mass" applies to every loss that has it, "hierarchical.mass" only to that loss.
        values: the other fields of `RunConfig`.

    Raises:
        ConfigError: if no loss or no seed is given, or none of the losses has an option.

    >>> [run.loss for run in plan(["simloss", "hierarchical"], [0], data="digits", tree="digits")]
    ['simloss', 'hierarchical']
    """
    names = list(dict.fromkeys(chosen))
    if not names:
        raise ConfigError(f"No loss is chosen; choose at least one of {', '.join(losses.LOSSES)}.")
    if not seeds:
        raise ConfigError("No seed is chosen; choose at least one.")
    if len(seeds) * len(names) > MOST_RUNS:
        raise ConfigError(f"This makes {len(seeds) * len(names):,} runs; start at most {MOST_RUNS:,} at a time.")
    given = options_by_loss(names, options or {})
    return [RunConfig.make(loss=name, options=given[name], seed=seed, **values) for seed in seeds for name in names]


def options_by_loss(chosen: Sequence[str], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each of the losses.

    A name such as "mass" applies to every loss that has this option, "hierarchical.mass" to that loss only.

    Raises:
        ConfigError: if an option belongs to none of the losses.

    >>> options_by_loss(["hierarchical", "simloss"], {"mass": 0})
    {'hierarchical': {'mass': 0}, 'simloss': {}}
    """
    given: dict[str, dict[str, Any]] = {name: {} for name in chosen}
    for key, value in options.items():
        loss, _, option = key.rpartition(".")
        takers = [
            name
            for name in chosen
            if loss in ("", name) and any(option == known.name for known in losses.find(name).options)
        ]
        if not takers:
            raise ConfigError(f"None of the losses {', '.join(chosen)} has an option {key!r}; leave it out.")
        for name in takers:
            given[name][option] = value
    return given
