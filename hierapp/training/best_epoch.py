"""The best epoch so far, by the figure of the validation part that the configuration names."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hierapp.training.config import RunConfig

LESS_IS_BETTER = ("val_loss", "val_distance")


@dataclass
class Best:
    """Which epoch was best (0: none yet), its figure, and its weights on the device.

    `weights` is empty where the last epoch is the one that counts.
    """

    epoch: int = 0
    value: float = 0.0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, config: RunConfig, epoch: int, figures: dict[str, float], network: nn.Module) -> None:
        """Keep the epoch's weights if it is better than all before; of equal ones the first stays."""
        if config.select == "last":
            self.epoch = epoch
            return
        value = figures[config.select]
        better = value < self.value if config.select in LESS_IS_BETTER else value > self.value
        if self.epoch == 0 or better:
            self.epoch, self.value = epoch, value
            with torch.no_grad():
                state = network.state_dict()
                if not self.weights:
                    self.weights = {name: torch.empty_like(tensor) for name, tensor in state.items()}
                for name, tensor in state.items():
                    self.weights[name].copy_(tensor)

    def is_hopeless(self, config: RunConfig, epoch: int) -> bool:
        """Whether as many epochs as the configuration is patient for went by without a better one."""
        return bool(config.patience) and epoch - self.epoch >= config.patience

    def restore(self, network: nn.Module) -> None:
        """Give the network the best epoch's weights."""
        if self.weights:
            network.load_state_dict(self.weights)
