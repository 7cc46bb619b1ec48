"""Mixup, automatic mixed precision and torch.compile: `python examples/mixup_amp_compile.py`.

Mixup makes targets that are probabilities of the leaves, [B, L]. Under autocast the logits are bfloat16, and the loss
computes in float32. Network and loss are compiled as one graph.
"""

from __future__ import annotations

import argparse

import torch
from own_training_loop import tensors
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp import make_loss
from hierapp.trees import library as trees


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--backend", default="inductor", help="the compiler of torch.compile; inductor needs a C++ one")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tree = trees.load("digits")
    (x, y), (x_test, y_test) = ([each.to(device) for each in tensors(part, tree)] for part in ("train", "test"))
    target = F.one_hot(y, len(tree.leaves)).float()

    loss = make_loss("hierarchical", tree)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, loss.num_outputs))
    model, loss = model.to(device), loss.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    @torch.compile(fullgraph=True, backend=options.backend)
    def value(images: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(images)
        return loss(logits, targets)

    mixing = torch.distributions.Beta(0.4, 0.4)
    for _ in range(options.epochs):
        order = torch.randperm(len(x), device=device)
        for batch in order[: len(order) // 64 * 64].split(64):  # batches of one size are compiled once
            share, other = mixing.sample().item(), batch.flip(0)
            optimizer.zero_grad()
            value(torch.lerp(x[other], x[batch], share), torch.lerp(target[other], target[batch], share)).backward()
            optimizer.step()
    with torch.no_grad():
        accuracy = (loss.leaf_log_probs(model(x_test)).argmax(1) == y_test).float().mean().item()
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
