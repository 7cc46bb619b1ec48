"""A study file: what is trained, how it is tuned, and what is compared with what."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hierapp.errors import ConfigError
from hierapp.studies.readings import Reading
from hierapp.trees import LabelTree, library as tree_library
from hierapp.utils.reading import read_text

Endpoint = Literal["accuracy", "mean_distance", "log_loss"]
ENDPOINTS: dict[Endpoint, str] = {"accuracy": "accuracy", "mean_distance": "mean distance", "log_loss": "log loss"}
# Half a point of accuracy, what half a point of random mistakes adds to the mean distance, 1 % of the probability.
ACCURACY_MARGIN, LOG_LOSS_MARGIN = 0.005, 0.01
FEWEST_SEEDS = 10
ALL = "*"

Name = Annotated[str, Field(min_length=1, max_length=80)]
Values = dict[str, Any]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StudyGroup(_Plain):
    """A setting that is tuned and trained with every seed.

    Attributes:
        name: the name in results.
        loss, options: the loss.
        training: further fields of `RunConfig`, in addition to those of the study.
        tree: another tree to train with, a name or a file; None for the study's.
        permutations: the number of trees with permuted classes to train with instead; 0 for the tree itself.
    """

    name: Name
    loss: str
    options: Values = {}
    training: Values = {}
    tree: str | None = None
    permutations: int = Field(0, ge=0, le=100)


class ComparedGroups(_Plain):
    """Two groups that are compared: `first` minus `second`, with each tested decoder, or with one decoder each.

    Attributes:
        first, second: names of groups; "*" as the first stands for all others.
        hypothesis: which of the protocol's hypotheses this judges, in a word.
        endpoints: the endpoints that are compared.
        decoders: the decoders of the first and the second, where they differ.
    """

    first: str
    second: str
    hypothesis: str = "loss"
    endpoints: tuple[Endpoint, ...] = tuple(ENDPOINTS)
    decoders: tuple[str, str] | None = None


class Study(_Plain):
    """A study; docs/studies.md describes the file.

    Attributes:
        name, title, question: texts for the user; the name is that of its files.
        data: the data set, and in `data_from` how to make it if it is not in the catalogue.
        tree: the true tree, by which everything is evaluated.
        seeds: the number of paired seeds, from 0 on.
        training: fields of `RunConfig` for all groups.
        tuning: for each tuned field of `RunConfig` its candidates, in increasing order.
        tuning_seeds: the seeds of the tuning runs, none of them a test seed.
        decoders: how the outputs are read, see `readings`; those in `tested` are compared.
        groups, comparisons: what is trained and what is compared; no comparisons: described only.
        margins: margins of equivalence, where they differ from the protocol's.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    title: str
    question: str
    data: str
    data_from: str = ""
    tree: str
    seeds: int = Field(15, ge=1, le=1000)
    training: Values = {}
    tuning: dict[str, tuple[Any, ...]] = {}
    tuning_seeds: tuple[int, ...] = (1000, 1001)
    decoders: tuple[str, ...] = ("leaf", "temperature+min-risk", "min-risk", "top-down", "temperature+climb-90")
    tested: tuple[str, ...] = ("leaf", "temperature+min-risk")
    groups: tuple[StudyGroup, ...] = Field(min_length=1)
    comparisons: tuple[ComparedGroups, ...] = ()
    margins: dict[Endpoint, Annotated[float, Field(gt=0)]] = {}
    folder: Path | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ConfigError("Two groups of the study have the same name; give each its own.")
        if any(seed < self.seeds for seed in self.tuning_seeds):
            raise ConfigError(
                f"A tuning seed is one of the {self.seeds} test seeds; choose seeds from {self.seeds} on."
            )
        if self.tuning and not self.tuning_seeds:
            raise ConfigError("Values are tuned but there are no tuning seeds; add tuning_seeds.")
        for each in (*self.decoders, *self.tested):
            Reading.parse(each)
        for pair in self.comparisons:
            for name in (pair.first, pair.second):
                if name not in names and (name != ALL or name == pair.second):
                    raise ConfigError(f"A comparison names the group {name!r}, which the study does not have.")
            for decoder in pair.decoders or ():
                if decoder not in self.decoders:
                    raise ConfigError(f"A comparison names the decoder {decoder!r}, which is not in decoders.")
        if unread := set(self.tested) - set(self.decoders):
            raise ConfigError(f"The tested decoder {min(unread)!r} is not in decoders; add it.")
        return self

    @cached_property
    def true_tree(self) -> LabelTree:
        """The tree by which everything is evaluated."""
        return self.load_tree(self.tree)

    def load_tree(self, name: str) -> LabelTree:
        """Load a tree by its name, or from a file beside the study file.

        Raises:
            TreeError: if there is no such tree.
        """
        beside = None if self.folder is None else self.folder / name
        return tree_library.load(str(beside) if beside is not None and beside.is_file() else name)

    def margin(self, endpoint: Endpoint) -> float:
        """Return the margin of equivalence of an endpoint."""
        if endpoint in self.margins:
            return self.margins[endpoint]
        if endpoint == "mean_distance":
            distances, size = self.true_tree.distances("lca-depth"), len(self.true_tree.leaves)
            return ACCURACY_MARGIN * float(distances.sum()) / (size * (size - 1))
        return ACCURACY_MARGIN if endpoint == "accuracy" else LOG_LOSS_MARGIN

    def pairs(self) -> list[ComparedGroups]:
        """Return the comparisons with "*" replaced by each other group."""
        return [
            pair.model_copy(update={"first": name})
            for pair in self.comparisons
            for name in (
                [each.name for each in self.groups if each.name != pair.second] if pair.first == ALL else [pair.first]
            )
        ]


def parse(content: Mapping[str, Any], where: str, folder: Path | None = None) -> Study:
    """Create a study from the content of its file.

    Raises:
        ConfigError: one sentence on the first value that is missing or not allowed.
    """
    try:
        return Study.model_validate({**content, "folder": folder})
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        place = ".".join(map(str, first["loc"])) or "its beginning"
        reason = str(cause) if isinstance(cause, ConfigError) else f"{place}: {first['msg'].lower()}"
        raise ConfigError(f"The study {where} cannot be used ({reason.rstrip('.')}); see docs/studies.md.") from None


def load(file: Path) -> Study:
    """Load a study file.

    Raises:
        ConfigError: if it cannot be read, is not TOML, or does not describe a study.
    """
    try:
        content = tomllib.loads(read_text(file))
    except OSError as error:
        raise ConfigError(f"The study file {file} cannot be read ({error.strerror or error}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The study file {file} is not TOML ({error}); see docs/studies.md.") from None
    return parse({"name": file.stem, **content}, str(file), file.parent)
