"""Metrics from tensors on CUDA are those from the CPU's, and an evaluation there counts as scikit-learn does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hierapp import make_loss
from hierapp.data import registry as datasets
from hierapp.decoding import decode
from hierapp.metrics import confusion_matrix, probability_report, report
from hierapp.metrics.confusion import mean_distance, sparse_confusion_matrix
from hierapp.metrics.probabilities import node_report
from hierapp.training.batches import DeviceDataset, Normalizer
from hierapp.training.evaluation import TrainState, evaluate
from hierapp.trees import DISTANCES, library as tree_library
from tests.devices import DEEP, in_precisions, on_devices
from tests.losses.literal import RAGGED

DIGITS = tree_library.load("digits")
with_trees = pytest.mark.parametrize("tree", [RAGGED, DEEP, DIGITS], ids=["ragged", "deep", "digits"])


def drawn(size: int, count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    log_p = torch.log_softmax(2 * torch.randn(count, size, generator=generator), 1)
    return log_p, torch.randint(size, (count,), generator=generator)


@on_devices
@with_trees
@pytest.mark.parametrize("kind", DISTANCES)
def test_reports_of_confusion_counts(kind, tree, device):
    size = len(tree.leaves)
    log_p, target = drawn(size)
    expected = confusion_matrix(target.numpy(), log_p.argmax(1).numpy(), size)
    predicted, true = log_p.argmax(1).to(device), target.to(device)
    assert np.array_equal(confusion_matrix(true, predicted, size), expected)
    assert np.array_equal(sparse_confusion_matrix(true, predicted, size).toarray(), expected)
    # The counts, too, may lie on the device.
    counts = torch.bincount(true * size + predicted, minlength=size**2).view(size, size)
    assert report(counts, tree, kind) == report(expected, tree, kind)
    assert mean_distance(counts, tree, kind) == mean_distance(expected, tree, kind)


@on_devices
@in_precisions
@with_trees
@pytest.mark.parametrize("kind", DISTANCES)
def test_reports_of_probabilities_and_of_predicted_nodes(kind, tree, dtype, device):
    log_p, target = drawn(len(tree.leaves))
    log_p = log_p.to(dtype)
    found = probability_report(log_p.to(device, copy=True).requires_grad_(), target.to(device), tree, kind, top=[1, 3])
    assert found == probability_report(log_p.double().numpy(), target.numpy(), tree, kind, top=[1, 3])
    nodes = decode(log_p, tree, "threshold", threshold=0.4)
    assert node_report(nodes.to(device), target.to(device), tree) == node_report(nodes.numpy(), target.numpy(), tree)


@on_devices
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["cross-entropy", "hierarchical", "simloss", "level-wise"])
def test_an_evaluation_counts_as_scikit_learn_does(name, precision, device):
    from sklearn import metrics

    data = datasets.load("digits", "test")
    part = DeviceDataset.of(data, DIGITS, torch.device(device))
    loss = make_loss(name, DIGITS).to(device, torch.float32)
    torch.manual_seed(1)
    network = nn.Sequential(Normalizer(part.images), nn.Flatten(), nn.Linear(64, loss.num_outputs)).to(device)
    found = evaluate(TrainState(network, loss, torch.optim.SGD(network.parameters(), 0.1), precision), part, keep=True)
    true = torch.as_tensor(DIGITS.positions_of(data.class_names))[data.labels].numpy()
    log_p = found.log_probs.cpu().double()
    predicted = log_p.argmax(1).numpy()
    assert len(set(predicted)) > 1, "or the classes would hardly differ"
    assert np.array_equal(found.confusion.toarray(), metrics.confusion_matrix(true, predicted, labels=range(10)))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    if name == "cross-entropy":
        assert found.loss == pytest.approx(-log_p[torch.arange(len(true)), true].mean().item(), rel=1e-5)
