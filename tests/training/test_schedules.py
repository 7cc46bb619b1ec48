"""Learning rates against torch's own schedulers, step by step."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from hierapp.training import RunConfig
from hierapp.training.schedules import Place, learning_rate

PER_EPOCH = 7


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "cross-entropy", "epochs": 12, "learning_rate": 0.3}
    return RunConfig.make(**{**rest, **values})


def ours(run: RunConfig) -> list[float]:
    total = run.epochs * PER_EPOCH
    return [learning_rate(run, Place(step, PER_EPOCH, total)) for step in range(total)]


def theirs(run: RunConfig, make, each_epoch: bool = False) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=run.learning_rate)
    scheduler, rates = make(optimizer), []
    for step in range(run.epochs * PER_EPOCH):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not each_epoch or (step + 1) % PER_EPOCH == 0:
            scheduler.step()
    return rates


def test_constant_is_constant():
    assert set(ours(config(schedule="constant"))) == {0.3}


@pytest.mark.parametrize(("every", "factor"), [(5, 0.8), (1, 0.5), (3, 1.0), (100, 0.1)])
def test_step_is_torchs_step_lr(every, factor):
    run = config(schedule="step", step_epochs=every, step_factor=factor)
    expected = theirs(run, lambda optimizer: lr_scheduler.StepLR(optimizer, every, factor), each_epoch=True)
    assert ours(run) == pytest.approx(expected)


@pytest.mark.parametrize("epochs", [1, 2, 12])
def test_cosine_is_torchs_cosine(epochs):
    run = config(schedule="cosine", epochs=epochs)
    expected = theirs(run, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, epochs * PER_EPOCH))
    assert ours(run) == pytest.approx(expected)


@pytest.mark.parametrize("epochs", [1, 2, 12, 30])
def test_one_cycle_is_torchs_one_cycle(epochs):
    run = config(schedule="one-cycle", epochs=epochs)
    expected = theirs(
        run,
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=epochs * PER_EPOCH, cycle_momentum=False),
    )
    assert ours(run) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_a_warm_up_grows_in_equal_steps_to_the_rate(schedule):
    rates = ours(config(schedule=schedule, warmup_epochs=2))
    assert rates[:14] == pytest.approx([0.3 * (step + 1) / 14 for step in range(14)])
    assert max(rates) == pytest.approx(0.3)


def test_a_cosine_after_a_warm_up_still_goes_to_0():
    warm = ours(config(schedule="cosine", warmup_epochs=2.5))
    assert warm[18] == pytest.approx(0.3, rel=0.01)
    assert warm[-1] < 0.002
    assert warm[18:] == sorted(warm[18:], reverse=True)


def test_one_cycle_keeps_its_own_warm_up():
    assert ours(config(schedule="one-cycle", warmup_epochs=3)) == ours(config(schedule="one-cycle"))


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one-cycle"])
def test_a_training_of_a_single_step_has_a_rate(schedule):
    assert 0 < learning_rate(config(schedule=schedule, epochs=1), Place(0, 1, 1)) <= 0.3
