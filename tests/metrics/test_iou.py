"""IoU from a confusion matrix against literal definitions and torchmetrics; decoders of every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hierapp import LabelTree
from hierapp.decoding import decode
from hierapp.decoding.decoders import DECODERS
from hierapp.errors import ConfigError
from hierapp.metrics import confusion_matrix
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.metrics.iou import class_ious, iou_report, mean_iou, merged

TREE = LabelTree.from_edges(
    [("root", "a"), ("a", "b"), ("b", "b1"), ("b", "b2"), ("a", "c"), ("root", "d"), ("d", "d1"), ("d", "d2")]
)


def maps(seed: int, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    true = draw.integers(0, classes, (3, 12, 16))
    return true, np.where(draw.random(true.shape) < 0.6, true, draw.integers(0, classes, true.shape))


@pytest.mark.parametrize("seed", range(3))
def test_iou_by_its_definition(seed: int) -> None:
    true, predicted = maps(seed)
    found = iou_report(confusion_matrix(true.ravel(), predicted.ravel(), 5), TREE)
    literal = [((true == k) & (predicted == k)).sum() / ((true == k) | (predicted == k)).sum() for k in range(5)]
    assert found["class_iou"] == pytest.approx(literal)
    assert found["mean_iou"] == pytest.approx(np.mean(literal))
    for level in range(1, TREE.leaf_paths.shape[1]):
        node = TREE.leaf_paths[:, level]
        own = [
            ((node[true] == k) & (node[predicted] == k)).sum() / ((node[true] == k) | (node[predicted] == k)).sum()
            for k in sorted(set(node.tolist()))
        ]
        assert found["level_mean_iou"][level - 1] == pytest.approx(np.mean(own))
    assert found["level_mean_iou"][-1] == pytest.approx(found["mean_iou"])


@pytest.mark.slow
def test_iou_is_that_of_torchmetrics() -> None:
    from torchmetrics.classification import MulticlassJaccardIndex

    true, predicted = (torch.from_numpy(each) for each in maps(3))
    true[0, 0] = 255
    known = true != 255
    counts = confusion_matrix(true[known].numpy(), predicted[known].numpy(), 5)
    each = MulticlassJaccardIndex(5, average="none", ignore_index=255)(predicted, true)
    assert class_ious(counts) == pytest.approx(each.numpy(), rel=1e-6)
    macro = MulticlassJaccardIndex(5, average="macro", ignore_index=255)(predicted, true)
    assert mean_iou(counts) == pytest.approx(macro.item(), rel=1e-6)


def test_classes_that_do_not_occur_are_left_out() -> None:
    assert mean_iou([[4, 0, 0], [0, 0, 0], [0, 0, 4]]) == 1
    assert mean_iou(np.zeros((2, 2))) == 0
    assert np.isnan(class_ious([[4, 0], [0, 0]])[1])


def test_a_sparse_matrix_has_the_same_iou() -> None:
    pairs = [each.ravel() for each in maps(4)]
    assert iou_report(sparse_confusion_matrix(*pairs, 5), TREE) == iou_report(confusion_matrix(*pairs, 5), TREE)


def test_merged_counts_keep_their_sum() -> None:
    counts = confusion_matrix(*(each.ravel() for each in maps(4)), 5)
    assert [merged(counts, TREE, level).sum() for level in (1, 2, 3)] == [counts.sum()] * 3
    assert merged(counts, TREE, 1).shape == (2, 2)


@pytest.mark.parametrize("shape", [(2, 2), (5,), (5, 4)])
def test_counts_of_other_classes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        iou_report(np.zeros(shape), TREE)


@pytest.mark.parametrize("rule", DECODERS)
def test_decoders_of_every_pixel(rule: str) -> None:
    log_probs = torch.randn(2, 5, 3, 4).log_softmax(1)
    dense = decode(log_probs, TREE, rule)
    rows = decode(log_probs.movedim(1, -1).reshape(-1, 5), TREE, rule)
    assert tuple(dense.shape) == (2, 3, 4)
    assert (torch.as_tensor(dense).flatten() == torch.as_tensor(rows)).all()
