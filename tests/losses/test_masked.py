"""A class that is masked by a logit of -inf: values and gradients are the limits where these are finite."""

from __future__ import annotations

import warnings

import pytest
import torch

from hierapp import LabelTree, make_loss
from hierapp.losses import LOSSES
from hierapp.losses.propriety import ImproperLossWarning

TREES = {
    "uniform": LabelTree.from_edges([("r", "a"), ("r", "v"), ("a", "cat"), ("a", "dog"), ("v", "bus"), ("v", "van")]),
    "ragged": LabelTree.from_edges([("r", "a"), ("a", "cat"), ("a", "m"), ("m", "x"), ("m", "y"), ("r", "truck")]),
}
OPTIONS: dict[str, list[dict]] = {
    "regularized-cross-entropy": [{}, {"penalty": 0.0}],
    "hierarchical": [{}, {"targets": "leaf", "mass": 0.0}],
    "hxe": [{}, {"parametrization": "conditional"}],
    "simloss": [{}, {"lower_bound": 0.3}],
}


def at(loss: torch.nn.Module, masked: int, logit: float, target: torch.Tensor) -> tuple[float, torch.Tensor]:
    logits = torch.randn(1, loss.num_outputs, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits[0, masked] = logit
    logits.requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


@pytest.mark.parametrize("shape", TREES)
@pytest.mark.parametrize("name", LOSSES)
def test_the_limit_of_a_masked_class_where_it_is_finite(name: str, shape: str) -> None:
    tree = TREES[shape]
    finite = 0
    for options in OPTIONS.get(name, [{}]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImproperLossWarning)
            loss = make_loss(name, tree, **options)
        for masked in range(loss.num_outputs):
            for leaf in range(len(tree.leaves)):
                soft = torch.zeros(1, len(tree.leaves), dtype=torch.float64)
                soft[0, leaf], soft[0, (leaf + 1) % len(tree.leaves)] = 0.6, 0.4
                for target in (torch.tensor([leaf]), soft):
                    (near, _), (limit, slope) = (at(loss, masked, logit, target) for logit in (-300.0, -600.0))
                    if abs(near - limit) > 1e-6 * max(1.0, abs(limit)):
                        continue  # infinite: the masked class has a share of the target
                    finite += 1
                    value, gradient = at(loss, masked, -torch.inf, target)
                    assert value == pytest.approx(limit), (options, masked, target)
                    assert torch.allclose(gradient, slope), (options, masked, target)
    assert finite > 5 or name == "soft-labels"  # whose targets are never 0


def test_simloss_is_infinite_where_all_classes_with_credit_are_masked() -> None:
    loss = make_loss("simloss", TREES["uniform"], similarity=torch.eye(4))
    logits = torch.tensor([[-torch.inf, 0.0, 0.0, 0.0]])
    assert loss(logits, torch.tensor([0])).item() == torch.inf
    assert loss(logits, torch.tensor([1])).isfinite()
