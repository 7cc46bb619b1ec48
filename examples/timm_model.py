"""Train a model of timm with a hierarchical loss: `python examples/timm_model.py`; needs timm.

The number of classes of the model is that of the loss's logits. For a large class list the head can be a `PathHead`
behind `model.forward_head(features, pre_logits=True)`.
"""

from __future__ import annotations

import argparse

import timm
import torch
from own_training_loop import tensors
from timm.data.mixup import Mixup
from torch import Tensor

from hierapp import make_loss
from hierapp.trees import library as trees


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="test_convnext")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    tree = trees.load("digits")
    loss = make_loss("hierarchical", tree)
    model = timm.create_model(options.model, pretrained=False, in_chans=1, num_classes=loss.num_outputs)
    # timm's mixup makes probabilities of the leaves, which every loss accepts.
    mix = Mixup(mixup_alpha=0.2, num_classes=len(tree.leaves), label_smoothing=0.0)
    (x, y), (x_test, y_test) = tensors("train", tree), tensors("test", tree)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(options.steps):
        batch = torch.randint(len(x), (64,))
        images, target = mix(enlarged(x[batch]), y[batch])
        optimizer.zero_grad()
        loss(model(images), target).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = loss.leaf_log_probs(model(enlarged(x_test))).argmax(1)
    accuracy = (predicted == y_test).float().mean().item()
    print(f"accuracy {accuracy:.3f}")
    return accuracy


def enlarged(images: Tensor) -> Tensor:
    """Return [B, 1, 32, 32] from [B, H, W] or [B, H, W, 1]."""
    return torch.nn.functional.interpolate(images.reshape(-1, 1, 8, 8), scale_factor=4)


if __name__ == "__main__":
    main()
