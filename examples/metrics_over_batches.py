"""Metrics over batches: `python examples/metrics_over_batches.py`, or over processes by `torchrun --nproc-per-node 2`.

`TreeMetrics` has update, compute and reset, as metrics of torchmetrics have. Where `torch.distributed` is initialized,
`compute` sums the counts of all processes.
"""

from __future__ import annotations

import os

import torch
from own_training_loop import tensors
from torch import distributed, nn

from hierapp import make_loss
from hierapp.metrics import TreeMetrics
from hierapp.trees import library as trees


def main() -> list[dict[str, float]]:
    if "RANK" in os.environ:
        distributed.init_process_group("gloo")
    rank, count = (distributed.get_rank(), distributed.get_world_size()) if "RANK" in os.environ else (0, 1)
    tree = trees.load("digits")
    (x, y), (x_test, y_test) = tensors("train", tree), tensors("test", tree)
    torch.manual_seed(0)
    loss = make_loss("soft-labels", tree)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, loss.num_outputs))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    metrics, found = TreeMetrics(tree), []
    for epoch in range(3):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()
        metrics.reset()
        with torch.no_grad():
            for batch in torch.arange(rank, len(x_test), count).split(100):  # each process has its share
                metrics.update(loss.leaf_log_probs(model(x_test[batch])), y_test[batch])
        found.append(metrics.compute())
        if rank == 0:
            shown = ("samples", "accuracy", "mean_distance", "severity", "log_loss")
            print(f"epoch {epoch + 1}:", {name: round(found[-1][name], 4) for name in shown})
    if "RANK" in os.environ:
        distributed.destroy_process_group()
    return found


if __name__ == "__main__":
    main()
