"""A plain PyTorch loop that reports to hierapp: `python examples/own_training_loop.py`, then open the Runs page.

The run is shown live beside the app's own runs on the digits, and compares with them on the Compare page.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import hierapp
from hierapp.data import registry as datasets
from hierapp.trees import library as trees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)

    # Any tensors will do; classes are positions in `tree.leaves`.
    tree = trees.load("digits")
    (x, y), (x_test, y_test) = (tensors("train", tree), tensors("test", tree))
    x, y, x_val, y_val = x[200:], y[200:], x[:200], y[:200]

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, len(tree.leaves)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    with hierapp.track("my loop", tree, seed=options.seed, data="digits", epochs=options.epochs) as run:
        print(f"run {run.id}", flush=True)
        for epoch in range(options.epochs):
            batches = torch.randperm(len(x)).split(64)
            for number, batch in enumerate(batches, start=1):
                optimizer.zero_grad()
                loss = criterion(model(x[batch]), y[batch])
                loss.backward()
                optimizer.step()
                run.log(epoch + number / len(batches), train_loss=loss)
            with torch.no_grad():
                logits = model(x_val)
            run.log(
                epoch + 1,
                val_loss=criterion(logits, y_val),
                val_accuracy=(logits.argmax(1) == y_val).float().mean(),
            )
            run.confusion(epoch + 1, y_val, logits.argmax(1))
        with torch.no_grad():
            test = run.finish(model(x_test).softmax(1), y_test)
    print(f"test accuracy {test['accuracy']:.4f}, mean distance {test['mean_distance']:.3f}")


def tensors(part: datasets.Part, tree: hierapp.LabelTree) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images, from 0 to 1, and their classes as positions in the leaves of the tree."""
    images, labels = datasets.arrays("digits", part)
    positions = torch.from_numpy(tree.positions_of(datasets.find("digits").class_names))
    return torch.from_numpy(images).float() / 255, positions[torch.from_numpy(labels).long()]


if __name__ == "__main__":
    main()
