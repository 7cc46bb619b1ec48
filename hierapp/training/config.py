"""RunConfig: the single schema of the form, the command line and the store; fields are in the order of the form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from hierapp import losses
from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset, Kind
from hierapp.errors import ConfigError
from hierapp.training import models
from hierapp.training.usual import OF_KIND, OF_SIZE, usual_values

MOST_RUNS = 1_000  # in one plan
Device = Literal["auto", "cuda", "mps", "cpu"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "step", "cosine", "one-cycle"]
Select = Literal["val_accuracy", "val_loss", "val_distance", "last", "val_mean_iou"]
ClassWeights = Literal["none", "median-frequency"]
Precision = Literal["auto", "float32", "bfloat16"]
Deterministic = Literal["auto", "on", "off"]
CudaGraphs = Literal["auto", "on", "off"]
Weights = Literal["pretrained", "random"]
Tune = Literal["all", "head"]
Group = Literal["training", "labels", "network", "optimization", "augmentation", "evaluation", "machine"]


def _field(group: Group, default: Any, description: str, short: str = "", **limits: Any) -> Any:
    """Define a field that the form shows in a group; `short` names it in labels of runs that differ in it."""
    return Field(default, description=description, json_schema_extra={"group": group, "short": short}, **limits)


class RunConfig(BaseModel):
    """Complete configuration of a run. Create it with `RunConfig.make`, which explains invalid values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="the data set")
    tree: str = Field(description="the label tree: a name or a file")
    loss: str = Field(description="the loss")
    options: dict[str, losses.OptionValue] = Field(default_factory=dict, description="options of the loss")
    model: str = Field(
        models.DEFAULT["images"], description="the network, or your own as module:factory; by default by the data set"
    )
    epochs: int = _field("training", OF_SIZE["epochs"], "passes over the training images", "epochs", ge=1, le=10_000)
    batch_size: int = _field("training", OF_SIZE["batch_size"], "images per step", "batch", ge=1, le=100_000)
    learning_rate: float = _field(
        "training", 1e-3, "the optimizer's step size", "lr", gt=0, le=100, allow_inf_nan=False
    )
    class_weights: ClassWeights = _field(
        "training", "none", "weights of the classes in the loss; median-frequency: rare classes count more", "weights"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="seed of the split, the initial weights and the order of images")

    train_share: float = _field(
        "labels", 1.0, "share of the training images of each class that is used", "share", gt=0, le=1
    )
    label_noise: float = _field(
        "labels", 0.0, "share of training labels replaced by a class with the same parent", "noise", ge=0, le=1
    )
    coarse_share: float = _field(
        "labels", 0.0, "share of training labels replaced by their parent in the tree", "coarse", ge=0, le=1
    )

    weights: Weights = _field("network", "pretrained", "initial weights of a network of timm")
    tune: Tune = _field("network", "all", "train all weights of such a network, or the head only", "train")
    backbone_rate: float = _field(
        "network", 0.1, "factor on the learning rate of all weights but the head", "backbone rate", gt=0, le=1
    )
    input_side: int = _field(
        "network", 0, "side to which its images are resized, in pixels; 0: the network's own", "side", ge=0, le=1_024
    )
    unet_width: int = _field(
        "network", 16, "filters of the U-Net's first level; each pooling doubles them", "width", ge=1, le=512
    )

    optimizer: Optimizer = _field("optimization", "adam", "the optimization algorithm")
    momentum: float = _field("optimization", 0.9, "Nesterov momentum, for sgd", "momentum", ge=0, lt=1)
    weight_decay: float = _field(
        "optimization", 0.0, "L2 regularization; decoupled in adamw", "decay", ge=0, le=10, allow_inf_nan=False
    )
    schedule: Schedule = _field("optimization", "step", "the learning rate schedule")
    step_epochs: int = _field(
        "optimization", 5, "epochs between the steps of the step schedule", "step every", ge=1, le=10_000
    )
    step_factor: float = _field(
        "optimization", 0.8, "factor by which each step multiplies the rate", "step factor", gt=0, le=1
    )
    warmup_epochs: float = _field(
        "optimization",
        0.0,
        "epochs in which the rate increases; one-cycle has its own warm-up",
        "warm-up",
        ge=0,
        le=1_000,
    )
    flip: bool = _field("augmentation", False, "flip half of the training images horizontally", "flip")
    crop: int = _field("augmentation", 0, "largest shift of training images, in pixels", "crop", ge=0, le=256)
    cutout: int = _field(
        "augmentation", 0, "side of a square that is masked in training images", "cutout", ge=0, le=1_024
    )
    mixup: float = _field("augmentation", 0.0, "alpha of mixup, which blends pairs of images", "mixup", ge=0, le=10)
    label_smoothing: float = _field(
        "augmentation", 0.0, "share of the target distributed uniformly over all classes", "smoothing", ge=0, lt=1
    )
    select: Select = _field(
        "evaluation", "val_accuracy", "metric that selects the epoch whose weights are tested", "best by"
    )
    patience: int = _field(
        "evaluation", 0, "epochs without improvement after which a run stops; 0: never", "patience", ge=0
    )
    calibration_share: float = _field(
        "evaluation",
        0.0,
        "share of the validation images that select no epoch, to calibrate decoders",
        "calibration",
        ge=0,
        le=0.9,
    )
    pixel_probabilities: bool = _field(
        "evaluation", False, "also store the probabilities of each pixel of the test images", "probabilities"
    )
    device: Device = _field("machine", "auto", "auto: cuda if available, else mps, else cpu")
    precision: Precision = _field("machine", "auto", "auto: bfloat16 if the hardware supports it natively")
    deterministic: Deterministic = _field("machine", "auto", "same seed, same weights; auto: on a CPU", "deterministic")

    cuda_graphs: CudaGraphs = _field(
        "machine", "auto", "replay each step as one CUDA graph; auto: on cuda, for built-in networks", "CUDA graphs"
    )

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

    @model_validator(mode="before")
    @classmethod
    def _usual_values(cls, values: Any) -> Any:
        """Choose the model and other usual values by the data set, if none are given."""
        if not isinstance(values, dict) or not isinstance(values.get("data"), str):
            return values
        entry = datasets.find(values["data"])
        usual = {"model": models.DEFAULT[entry.kind], **usual_values(entry)}
        return {**values, **{name: value for name, value in usual.items() if values.get(name) is None}}

    @model_validator(mode="after")
    def _options(self) -> Self:
        self._check_data()
        # Frozen for all other code: the checked options include the defaults, so that a stored run has all values used.
        self.__dict__["options"] = losses.check_options(self.loss, self.options)
        if self.label_smoothing and self.options.get("label_smoothing"):
            raise ConfigError("Both the loss and the run smooth the labels; set one of the two to 0.")
        if self.patience and self.select == "last":
            raise ConfigError("Patience needs a metric to compare epochs by; set select to something other than last.")
        if self.warmup_epochs >= self.epochs:
            raise ConfigError(
                f"The warm-up of {self.warmup_epochs:g} epochs must be shorter than the {self.epochs} epochs of the "
                "run; make it shorter."
            )
        return self

    def _check_data(self) -> None:
        entry = datasets.find(self.data)
        models.require_kind(self.model, entry.kind)
        for name, field in fields_of("network").items():
            if name not in network_fields(self.model) and getattr(self, name) != field.default:
                takers = "the U-Net" if name == "unet_width" else "networks of timm"
                raise ConfigError(f"The option {name} is for {takers}, but the model is {self.model}; leave it out.")
        unfit = [name for name in NOT_FOR[entry.kind] if getattr(self, name) != type(self).model_fields[name].default]
        if unfit:
            raise ConfigError(
                f"The option {unfit[0]} does not apply to {self.data!r}, which consists of"
                f" {models.WORDS[entry.kind]}; leave it out."
            )
        if self.select == "val_mean_iou" and entry.kind != "segmentation":
            raise ConfigError(
                f"The metric val_mean_iou is that of label maps, but {self.data!r} consists of"
                f" {models.WORDS[entry.kind]}; select another."
            )
        smooth = [name for name in ("label_smoothing", "mixup") if getattr(self, name)]
        if (entry.coarse_names or self.coarse_share) and smooth:
            whose = f"The data set {self.data!r} has" if entry.coarse_names else "With coarse_share the run has"
            raise ConfigError(f"{whose} coarse labels, which cannot be smoothed or mixed; set {smooth[0]} to 0.")
        weaker = [name for name in ("label_noise", "coarse_share") if getattr(self, name)]
        if entry.coarse_names and weaker:
            raise ConfigError(f"The data set {self.data!r} has coarse labels of its own; set {weaker[0]} to 0.")

    @classmethod
    def make(cls, **values: Any) -> RunConfig:
        """Create a checked configuration.

        Raises:
            ConfigError: if a value is not allowed; one sentence on the first such value.
            DatasetError: if the data set is unknown.

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
    names, options = list(dict.fromkeys(chosen)), dict(options or {})
    if not names:
        raise ConfigError(f"No loss is chosen; choose at least one of {', '.join(losses.LOSSES)}.")
    if not seeds:
        raise ConfigError("No seed is chosen; choose at least one.")
    if len(seeds) * len(names) > MOST_RUNS:
        raise ConfigError(f"This makes {len(seeds) * len(names):,} runs; start at most {MOST_RUNS:,} at a time.")
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


# The fields for the form, the command line and tables, so that a new field needs no change in any of these.

# Fields that do not apply to a kind of data sets.
NOT_FOR: dict[Kind, tuple[str, ...]] = {
    "images": ("pixel_probabilities",),
    "features": ("flip", "crop", "cutout", "pixel_probabilities"),
    "segmentation": ("cutout", "mixup", "label_smoothing", "label_noise", "coarse_share", "calibration_share"),
}
# Fields that apply only if another field has a given value.
ONLY_WITH = {
    "momentum": ("optimizer", "sgd"),
    "step_epochs": ("schedule", "step"),
    "step_factor": ("schedule", "step"),
}


@dataclass(frozen=True)
class FormField:
    """A field of RunConfig, for forms, command line and tables.

    Attributes:
        name, description: name and description of the field.
        short: name shown before its value; empty if the value is clear without it.
        kind: bool, int, float or str.
        choices: the allowed values of a str.
        default: default value.
        low, high: minimum and maximum of a number, None if there is no such bound.
    """

    name: str
    description: str
    short: str
    kind: type
    choices: tuple[str, ...]
    default: Any
    low: float | None
    high: float | None

    def text(self, value: Any) -> str:
        """Format a value.

        >>> fields_of("optimization")["weight_decay"].text(0.0005)
        '0.0005'
        """
        if self.kind is bool:
            return "on" if value else "off"
        return f"{value:.6g}" if self.kind is float else str(value)

    def words(self, value: Any) -> str:
        """Format a value with the short name of the field.

        >>> fields_of("augmentation")["crop"].words(4), fields_of("optimization")["optimizer"].words("sgd")
        ('crop 4', 'sgd')
        """
        if self.kind is bool:
            return self.short if value else f"no {self.short}"
        return f"{self.short} {self.text(value)}".strip()


GROUPS: tuple[Group, ...] = get_args(Group)


def usual_value(field: FormField, data: Dataset | None) -> Any:
    """Return the default of a field for a data set, by default for a large one of images."""
    return field.default if data is None else usual_values(data).get(field.name, field.default)


def network_fields(model: str) -> tuple[str, ...]:
    """Return the fields of the group "network" that apply to a network.

    >>> network_fields("unet"), network_fields("lenet")
    (('unet_width',), ())
    """
    if models.is_timm(model):
        return tuple(name for name in fields_of("network") if name != "unet_width")
    return models.find(model).options


@cache
def fields_of(group: Group) -> dict[str, FormField]:
    """Return the fields that the form shows in a group, by name, in order."""
    found = {}
    for name, field in RunConfig.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra["group"] == group:
            choices = tuple(str(choice) for choice in get_args(field.annotation))
            found[name] = FormField(
                name=name,
                description=str(field.description),
                short=str(extra["short"]),
                kind=str if choices else cast(type, field.annotation),
                choices=choices,
                default=field.default,
                low=_bound(field, "ge", "gt"),
                high=_bound(field, "le", "lt"),
            )
    return found


def changed_fields(config: RunConfig) -> list[FormField]:
    """Return the form fields in which a configuration differs from the defaults.

    >>> run = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", optimizer="sgd", crop=1)
    >>> [field.name for field in changed_fields(run)]
    ['optimizer', 'crop']
    """
    known = models.MODELS.get(config.model)
    kind = known.kind if known is not None and known.kind is not None else "images"
    every = [field for group in GROUPS for field in fields_of(group).values()]
    values = {field.name: OF_KIND.get(kind, {}).get(field.name, field.default) for field in every}
    if any(getattr(config, name) != values[name] for name in OF_SIZE):
        data = datasets.catalogue().get(config.data)
        values |= {} if data is None else usual_values(data)
    return [field for field in every if getattr(config, field.name) != values[field.name]]


def _bound(field: FieldInfo, *kinds: str) -> float | None:
    """Return the limit of one of these kinds, if there is one."""
    found = [getattr(limit, kind) for limit in field.metadata for kind in kinds if hasattr(limit, kind)]
    return found[0] if found else None
