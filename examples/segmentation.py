"""Dense prediction with ignored pixels: `python examples/segmentation.py`.

Logits are [B, C, H, W], targets [B, H, W]. The images are made up: squares of three kinds on a background; a frame of
each image has no label.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierapp import LabelTree, make_loss
from hierapp.metrics import TreeMetrics

TREE = LabelTree.from_paths(
    [("background",), ("thing", "vehicle", "car"), ("thing", "vehicle", "bus"), ("thing", "person")]
)
UNLABELED = 255
STEPS = 60


def main() -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    loss = make_loss("hierarchical", TREE, ignore_index=UNLABELED)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, loss.num_outputs, 3, padding=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(STEPS):
        images, labels = scenes(8, generator)
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    metrics = TreeMetrics(TREE, ignore_index=UNLABELED)
    with torch.no_grad():
        for _ in range(5):
            images, labels = scenes(8, generator)
            metrics.update(loss.leaf_log_probs(model(images)), labels)
    found = metrics.compute()
    print({name: round(found[name], 3) for name in ("samples", "accuracy", "mean_distance", "log_loss")})
    return found


def scenes(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images [B, 3, 24, 24] and labels [B, 24, 24], positions in `TREE.leaves`."""
    colors = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.2, 0.0], [0.8, 0.6, 0.0], [0.0, 0.2, 1.0]])
    labels = torch.zeros(count, 24, 24, dtype=torch.long)
    for image in labels:
        for kind in (1, 2, 3):
            top, left = torch.randint(16, (2,), generator=generator).tolist()
            image[top : top + 8, left : left + 8] = kind
    images = colors[labels].permute(0, 3, 1, 2) + 0.2 * torch.randn(count, 3, 24, 24, generator=generator)
    labels[:, 0] = labels[:, -1] = labels[:, :, 0] = labels[:, :, -1] = UNLABELED
    return images, labels


if __name__ == "__main__":
    main()
