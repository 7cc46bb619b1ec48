"""Logit adjustment for classes of unequal frequency."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from hierapp.errors import ConfigError
from hierapp.losses import propriety
from hierapp.losses.priors import By, are_equal, log_priors
from hierapp.losses.propriety import Propriety
from hierapp.trees import LabelTree


class LogitAdjustment(nn.Module):
    """Add tau * log prior to the logits, in training only.

    Args:
        tree: the label tree.
        tau: strength, 0 for no adjustment.
        by: "leaf", for logits of leaves; "node", for logits of nodes, whose priors are those given the parent.
        prior: [L], probabilities or counts of the classes in the training data; None if `set_prior` sets them later.

    Raises:
        ConfigError: see `log_priors`; and in a call in training if there are no priors.
    """

    shift: Tensor | None

    def __init__(self, tree: LabelTree, tau: float, by: By, prior: ArrayLike | Tensor | None) -> None:
        super().__init__()
        self.tree, self.tau, self.by = tree, tau, by
        self.is_equal: bool | None = None
        self.register_buffer("shift", None, persistent=False)
        if prior is not None:
            self.set_prior(prior)

    def set_prior(self, prior: ArrayLike | Tensor) -> None:
        """Set the class priors, [L]."""
        device = prior.device if isinstance(prior, Tensor) else torch.get_default_device()
        values = np.asarray(prior.detach().cpu() if isinstance(prior, Tensor) else prior)
        self.shift = self.tau * torch.tensor(log_priors(self.tree, values, self.by), device=device)
        self.is_equal = are_equal(self.tree, values, self.by)

    def judged(self, plain: Propriety) -> Propriety:
        """Return the propriety of a loss with adjusted logits."""
        return propriety.adjusted(plain, self.tau, self.is_equal)

    def forward(self, logits: Tensor) -> Tensor:
        """Return the logits, adjusted in training."""
        shift = self.current()
        return logits if shift is None else logits + shift.to(logits.dtype)

    def current(self) -> Tensor | None:
        """Return what is added to the logits now, or None."""
        if not self.tau or not self.training:
            return None
        if self.shift is None:
            raise ConfigError(
                f"The loss has tau = {self.tau:g} but no class priors; pass prior=, the share of each class in the"
                " training data, or call eval() to compute the loss without the adjustment."
            )
        return self.shift
