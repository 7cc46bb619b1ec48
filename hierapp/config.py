"""RunConfig: the one schema behind the form, the command line and the store; fields stand as the form shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hierapp import datasets, losses, models
from hierapp.errors import ConfigError

MOST_RUNS = 1_000  # of one plan
Device = Literal["auto", "cuda", "mps", "cpu"]


class RunConfig(BaseModel):
    """Everything that decides how one run goes. Make one with `RunConfig.make`, which explains what it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="the data set")
    tree: str = Field(description="the label tree, by its name or its file")
    loss: str = Field(description="the loss")
    options: dict[str, losses.OptionValue] = Field(default_factory=dict, description="options of the loss")
    model: str = Field("lenet", description="the network")
    epochs: int = Field(5, ge=1, le=10_000, description="passes over the training images")
    batch_size: int = Field(128, ge=1, le=100_000, description="images in a step")
    learning_rate: float = Field(1e-3, gt=0, le=100, allow_inf_nan=False, description="Adam's step size")
    seed: int = Field(0, ge=0, lt=2**31, description="decides the split, the first weights and the order of images")
    device: Device = Field("auto", description="auto takes cuda, else mps, else cpu")

    @field_validator("data")
    @classmethod
    def _data(cls, name: str) -> str:
        datasets.find(name)
        return name

    @field_validator("model")
    @classmethod
    def _model(cls, name: str) -> str:
        models.find(name)
        return name

    @model_validator(mode="after")
    def _options(self) -> Self:
        # Frozen for everyone else: the checked options carry the defaults, so that a stored run says all it used.
        self.__dict__["options"] = losses.check_options(self.loss, self.options)
        return self

    @classmethod
    def make(cls, **values: Any) -> RunConfig:
        """A checked configuration.

        Raises:
            ConfigError: one sentence on the first value that is not allowed.
            DatasetError: for an unknown data set.

        >>> RunConfig.make(data="digits", tree="digits", loss="hierarchical").options["targets"]
        'path'
        """
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            cause = first.get("ctx", {}).get("error")
            if isinstance(cause, ConfigError):
                raise cause from None
            field = ".".join(map(str, first["loc"])) or "configuration"
            reason = first["msg"][0].lower() + first["msg"][1:]
            raise ConfigError(f"The value {first['input']!r} for {field} is not allowed: {reason}.") from None


def plan(
    chosen: Sequence[str], seeds: Sequence[int], options: Mapping[str, Any] | None = None, **values: Any
) -> list[RunConfig]:
    """One configuration for each seed and loss; runs of one seed stand together, so that losses can be compared early.

    Args:
        chosen: the losses; named twice counts once.
        seeds: the seeds.
        options: options of losses; "mass" goes to every loss that has it, "hierarchical.mass" to that one.
        values: the other fields of `RunConfig`.

    Raises:
        ConfigError: if no loss or no seed is given, or an option belongs to none of the losses.

    >>> [run.loss for run in plan(["simloss", "hierarchical"], [0], data="digits", tree="digits")]
    ['simloss', 'hierarchical']
    """
    names, options = list(dict.fromkeys(chosen)), dict(options or {})
    if not names:
        raise ConfigError(f"No loss is chosen; choose at least one of {', '.join(losses.LOSSES)}.")
    if not seeds:
        raise ConfigError("No seed is chosen; ask for at least one.")
    if len(seeds) * len(names) > MOST_RUNS:
        raise ConfigError(f"These are {len(seeds) * len(names):,} runs; ask for at most {MOST_RUNS:,} at a time.")
    given: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in options.items():
        loss, _, option = key.rpartition(".")
        takers = [
            name
            for name in names
            if loss in ("", name) and any(option == known.name for known in losses.find(name).options)
        ]
        if not takers:
            raise ConfigError(f"None of the losses {', '.join(names)} has an option {key!r}; leave it out.")
        for name in takers:
            given[name][option] = value
    return [RunConfig.make(loss=name, options=given[name], seed=seed, **values) for seed in seeds for name in names]
