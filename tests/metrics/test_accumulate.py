"""Metrics over batches are those of all samples at once, in one process and in several."""

import pytest
import torch
from torch import distributed, multiprocessing

from hierapp.errors import ConfigError
from hierapp.metrics import TreeMetrics, accumulate, confusion_matrix, probability_report, report
from hierapp.trees import LabelTree, library as tree_library

TREE = tree_library.load("digits")
SIZE = len(TREE.leaves)


def drawn(count=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    log_p = torch.log_softmax(2 * torch.randn(count, SIZE, generator=generator), 1)
    return log_p, torch.randint(SIZE, (count,), generator=generator)


def whole(log_p, target):
    found = report(confusion_matrix(target, log_p.argmax(1), SIZE), TREE)
    return {**found, "log_loss": pytest.approx(probability_report(log_p, target, TREE)["log_loss"])}


@pytest.mark.parametrize("pending", [10, 2**20])
def test_batches_add_up(pending, monkeypatch):
    monkeypatch.setattr(accumulate, "MOST_PENDING", pending)
    log_p, target = drawn()
    metrics = TreeMetrics(TREE)
    for rows, labels in zip(log_p.split(64), target.split(64), strict=True):
        metrics.update(rows, labels)
        metrics.compute()  # a look in between changes nothing
    assert metrics.compute() == whole(log_p, target)
    metrics.reset()
    assert metrics.compute()["samples"] == 0
    metrics.update(log_p[:7], target[:7])
    assert metrics.compute() == whole(log_p[:7], target[:7])


def test_pixels_and_ignored_targets():
    log_p, target = drawn(60)
    dense, labels = log_p.view(3, 4, 5, SIZE).permute(0, 3, 1, 2), target.view(3, 4, 5).clone()
    labels[1] = 255
    keep = (labels != 255).flatten()
    metrics = TreeMetrics(TREE, ignore_index=255)
    metrics.update(dense, labels)
    assert metrics.compute() == whole(log_p[keep], target[keep])


def test_another_distance():
    log_p, target = drawn()
    metrics = TreeMetrics(TREE, distance="edges")
    metrics.update(log_p, target)
    expected = report(confusion_matrix(target, log_p.argmax(1), SIZE), TREE, "edges")
    assert metrics.compute()["mean_distance"] == expected["mean_distance"]


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((2, 3), [0, 1], r"Expected log-probabilities \[B, 10, ...\]"),
        ((2, SIZE), [0], "targets"),
        ((2, SIZE), [0, SIZE], "from 0 to 9, positions in tree.leaves, but got 0 to 10"),
        ((2, SIZE), [-1, 0], "from 0 to 9"),
    ],
)
def test_what_does_not_fit_is_refused(shape, labels, message):
    metrics = TreeMetrics(TREE)
    with pytest.raises(ConfigError, match=message):
        metrics.update(torch.zeros(shape), torch.tensor(labels))
    assert metrics.compute()["samples"] == 0


def test_ten_thousand_classes_need_no_square():
    tree = LabelTree.from_paths([(f"group {i % 100}", f"class {i}") for i in range(10_000)])
    metrics = TreeMetrics(tree)
    target = torch.arange(64)
    metrics.update(torch.nn.functional.one_hot(target + 1, 10_000).float().log_softmax(1), target)
    assert metrics.compute()["accuracy"] == 0.0
    assert metrics._counts.numel() == 64


def part_of_two(rank, file):
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    log_p, target = drawn()
    metrics = TreeMetrics(TREE)
    # Parts of different size.
    part = slice(0, 100) if rank == 0 else slice(100, None)
    metrics.update(log_p[part], target[part])
    found = metrics.compute()
    distributed.destroy_process_group()
    assert found == whole(log_p, target)


@pytest.mark.slow
def test_processes_add_up(tmp_path):
    multiprocessing.spawn(part_of_two, args=(tmp_path / "meeting",), nprocs=2)
