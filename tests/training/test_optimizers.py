"""The optimizers: each is torch's, with the configuration's numbers."""

from __future__ import annotations

import pytest
import torch

from hierapp.training import RunConfig
from hierapp.training.optimizers import OPTIMIZERS, make_optimizer

EXPECTED = {
    "adam": lambda weights: torch.optim.Adam(weights, 0.05, weight_decay=0.01),
    "adamw": lambda weights: torch.optim.AdamW(weights, 0.05, weight_decay=0.01),
    "sgd": lambda weights: torch.optim.SGD(weights, 0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(name):
    run = RunConfig.make(
        data="digits",
        tree="digits",
        loss="cross-entropy",
        optimizer=name,
        learning_rate=0.05,
        momentum=0.8,
        weight_decay=0.01,
    )
    start = torch.linspace(-1, 1, 5)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    for weight, optimizer in ((ours, make_optimizer(run, [ours])), (theirs, EXPECTED[name]([theirs]))):
        for step in range(4):
            weight.grad = (weight.detach() * (step + 1)).sin()
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert not torch.equal(ours, start)


def test_sgd_without_momentum_is_plain():
    run = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", optimizer="sgd", momentum=0)
    (group,) = make_optimizer(run, [torch.nn.Parameter(torch.zeros(1))]).param_groups
    assert (group["momentum"], group["nesterov"]) == (0, False)
