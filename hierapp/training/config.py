"""RunConfig: the single schema of the form, the command line and the store; fields are in the order of the form."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from hierapp import losses
from hierapp.data import registry as datasets
from hierapp.data.dataset import Kind
from hierapp.errors import ConfigError
from hierapp.training import models
from hierapp.training.usual import OF_SIZE, usual_values

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

# Fields that do not apply to a kind of data sets.
NOT_FOR: dict[Kind, tuple[str, ...]] = {
    "images": ("pixel_probabilities",),
    "features": ("flip", "crop", "cutout", "pixel_probabilities"),
    "segmentation": ("cutout", "mixup", "label_smoothing", "label_noise", "coarse_share", "calibration_share"),
}


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
        for name, field in fields_in("network").items():
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


def fields_in(group: Group) -> dict[str, FieldInfo]:
    """Return the fields of a group as pydantic describes them, by name, in order."""
    found = {}
    for name, field in RunConfig.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra["group"] == group:
            found[name] = field
    return found


def network_fields(model: str) -> tuple[str, ...]:
    """Return the fields of the group "network" that apply to a network.

    >>> network_fields("unet"), network_fields("lenet")
    (('unet_width',), ())
    """
    if models.is_timm(model):
        return tuple(name for name in fields_in("network") if name != "unet_width")
    return models.find(model).options
