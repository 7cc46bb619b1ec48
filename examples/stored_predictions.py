"""Evaluate stored predictions with every decoder: `python examples/stored_predictions.py [FILE.npz TREE.json]`.

The file has `log_probs`, [n, L], and `target`, [n], both in the order of the tree's leaves. Without a file, predictions
of a small network on the digits are made first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from own_training_loop import tensors
from torch import nn

from hierapp import LabelTree
from hierapp.decoding import DECODERS, climb_threshold, decode
from hierapp.metrics import operating_curve, probability_report
from hierapp.metrics.probabilities import node_report
from hierapp.trees import library as trees


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    given = sys.argv[1:] if arguments is None else arguments
    with tempfile.TemporaryDirectory() as folder:
        file, tree = (Path(given[0]), LabelTree.load(given[1])) if given else example(Path(folder))
        with np.load(file) as stored:
            log_probs, target = stored["log_probs"], stored["target"]
    # Half of the samples calibrates the threshold of "climb": 90 % of its predictions are correct, on average.
    half = len(target) // 2
    options = {"climb": {"threshold": climb_threshold(log_probs[:half], target[:half], tree, alpha=0.1)}}
    log_probs, target = log_probs[half:], target[half:]
    found = {}
    print(f"{'decoder':16} accuracy  correct  depth  F1")
    for rule in DECODERS:
        metrics = node_report(decode(log_probs, tree, rule, **options.get(rule, {})), target, tree)
        found[rule] = metrics
        shown = ("accuracy", "correct", "mean_depth", "hierarchical_f1")
        print(f"{rule:16} " + "  ".join(f"{metrics[name]:.4f}" for name in shown))
    whole = probability_report(log_probs, target, tree)
    print(f"log loss {whole['log_loss']:.4f}, calibration error {whole['calibration_error']:.4f}")
    print(f"average correctness over specificity {operating_curve(log_probs, target, tree).average_correct:.4f}")
    return found


def example(folder: Path) -> tuple[Path, LabelTree]:
    """Store predictions of a network that was trained for a moment."""
    tree = trees.load("digits")
    (x, y), (x_test, y_test) = tensors("train", tree), tensors("test", tree)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, len(tree.leaves)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        np.savez(folder / "predictions.npz", log_probs=model(x_test).log_softmax(1), target=y_test)
    return folder / "predictions.npz", tree


if __name__ == "__main__":
    main()
