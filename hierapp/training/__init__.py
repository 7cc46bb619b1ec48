"""Training configuration and training loop of a run. `config` and `schedules` do not import torch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.training.config import RunConfig
    from hierapp.training.trainer import train
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"config": ["RunConfig"], "trainer": ["train"]})

__all__ = [
    "RunConfig",
    "batches",
    "checkpoints",
    "config",
    "device",
    "evaluation",
    "models",
    "optimizers",
    "predict",
    "predictions",
    "recorder",
    "train",
    "trainer",
]
