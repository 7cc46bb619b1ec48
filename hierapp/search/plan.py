"""The settings of a search: what is fixed, what varies, the number of trials, and the metric that judges them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from hierapp import losses
from hierapp.errors import ConfigError, StoreError, short
from hierapp.runs.tags import TRIAL
from hierapp.search import space
from hierapp.search.space import Dimension, Value
from hierapp.similarities import library as similarity_library
from hierapp.training import RunConfig
from hierapp.training.plans import MOST_RUNS, options_by_loss
from hierapp.trees import LabelTree, formats as tree_formats

LONGEST_NAME = 32  # characters; with the prefix it is still a valid tag
_NAME = re.compile(r"\w[\w.-]*")
PRUNERS = {
    "median": "stop trials that are worse than the median of the finished ones at the same epoch",
    "off": "let every trial run to the end",
}


@dataclass(frozen=True)
class Metric:
    """A metric of the validation part that judges trials."""

    title: str
    more_is_better: bool
    percent: bool


# Metrics that runs record on the validation part and that are comparable across losses; val_loss is not.
METRICS = {
    "val_accuracy": Metric("validation accuracy", more_is_better=True, percent=True),
    "val_mean_iou": Metric("validation mean IoU of label maps", more_is_better=True, percent=True),
    "val_distance": Metric("mean distance of the validation images", more_is_better=False, percent=False),
}


@dataclass(frozen=True)
class Plan:
    """What a search does. Create one, then call `check`.

    Attributes:
        name: the name of the search; its runs get the tag "search:NAME".
        losses: one loss, or several between which the search chooses.
        values: the fixed fields of RunConfig except loss and options; at least "data" and "tree".
        options: the fixed options of the losses, by "loss.option".
        varied: what varies; see `space.parse`.
        tree_text: the tree as JSON: all trials of a search use the same tree, even if its file changes.
        trials: the number of configurations to try.
        at_once: how many trials wait or run at a time; the queue's slots limit how many of these run.
        metric: a key of `METRICS`; a trial counts with its best epoch or, with select "last", its last one.
        pruner: a key of `PRUNERS`.
        seed: the seed of the sampler.
        owner: the e-mail address of the user who started it, if any.
        waiting: how many runs its owner may have waiting and running at a time; None for no limit.
        created: the time of creation, in seconds since 1970.
    """

    name: str
    losses: tuple[str, ...]
    values: Mapping[str, Any]
    varied: tuple[str, ...]
    tree_text: str
    trials: int = 20
    at_once: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "val_accuracy"
    pruner: str = "median"
    seed: int = 0
    owner: str | None = None
    waiting: int | None = None
    created: float = 0.0

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that vary, those that others depend on first."""
        return space.parse(self.varied, self.losses)

    @cached_property
    def tree(self) -> LabelTree:
        """The tree of all trials."""
        return tree_formats.parse(self.tree_text, "json")

    @property
    def tag(self) -> str:
        """The tag of its runs."""
        return f"{TRIAL}{self.name}"

    @property
    def models(self) -> tuple[str, ...]:
        """The networks that it may train."""
        varied = [str(model) for each in self.dimensions if each.name == "model" for model in each.choices]
        return tuple(dict.fromkeys([*varied, str(self.values.get("model", "lenet"))]))

    @property
    def epochs(self) -> int:
        """The maximum number of epochs of each trial."""
        return int(self.values.get("epochs", RunConfig.model_fields["epochs"].default))

    def start(self) -> dict[str, Any]:
        """Return the values by name before anything varies; `Dimension.says_something` uses them."""
        return {
            **{name: known.default for name, known in RunConfig.model_fields.items()},
            **self.values,
            "loss": self.losses[0],
        }

    def config(self, params: Mapping[str, Value]) -> RunConfig:
        """Return the configuration of a trial.

        Raises:
            ConfigError: if these values are incompatible with each other or with the tree.
        """
        loss = str(params.get("loss", self.losses[0]))
        own = {**self.options, **{name: value for name, value in params.items() if "." in name}}
        options = {name.rpartition(".")[2]: value for name, value in own.items() if name.rpartition(".")[0] == loss}
        varied = {name: value for name, value in params.items() if "." not in name and name != "loss"}
        config = RunConfig.make(**{**self.values, **varied, "loss": loss, "options": options})
        losses.judge(loss, self.tree, similarity_library.with_matrix(config.options, self.tree.leaves))
        return config

    def check(self) -> None:
        """Check that everything can be tried, including both ends of each range.

        Raises:
            ConfigError: one sentence on the first thing that cannot.
            DatasetError: for an unknown data set.
        """
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise ConfigError(
                f"{short(self.name)} is not a valid search name; use letters, digits and . - _, at most {LONGEST_NAME}"
                " characters."
            )
        for what, count in (("trials", self.trials), ("trials at once", self.at_once)):
            if not 1 <= count <= MOST_RUNS:
                raise ConfigError(f"Expected from 1 to {MOST_RUNS:,} {what} but got {count:,}.")
        for what, given, known in (("metric", self.metric, METRICS), ("pruner", self.pruner, PRUNERS)):
            if given not in known:
                raise ConfigError(f"Unknown {what} {given!r}; choose one of {', '.join(known)}.")
        if self.seed < 0:
            raise ConfigError(f"Expected the sampler's seed to be 0 or more but got {self.seed}.")
        for dimension in self.dimensions:
            loss = dimension.name.rpartition(".")[0]
            for end in dimension.ends:
                self.config({**({"loss": loss} if loss else {}), dimension.name: end})
        varied = {each.name for each in self.dimensions}
        for name in self.options:
            if name in varied:
                raise ConfigError(f"The option {name} is both fixed and varied; remove one of the two.")

    def to_json(self) -> str:
        """Return the plan as it is stored on disk."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return a stored plan.

        Raises:
            StoreError: if it cannot be parsed.
        """
        try:
            given = json.loads(text)
            known = {each.name: given[each.name] for each in fields(cls) if each.name in given}
            return cls(**{**known, "losses": tuple(given["losses"]), "varied": tuple(given["varied"])})
        except (ValueError, LookupError, TypeError):
            raise StoreError("The plan of this search is broken; delete the search's folder.") from None


def options_of(chosen: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by "loss.option".

    A name such as "mass" applies to every loss that has this option, "hierarchical.mass" to that loss only.

    Raises:
        ConfigError: if an option belongs to none of the losses.

    >>> options_of(("hierarchical", "simloss"), {"mass": 0})
    {'hierarchical.mass': 0}
    """
    return {
        f"{loss}.{name}": value
        for loss, options in options_by_loss(chosen, given).items()
        for name, value in options.items()
    }
