"""Train on labels of which some are coarse: `python examples/coarse_labels.py`.

A tenth of the digits has its class as label. The others are known by their group only, as an image may be labeled
"bird" where the species is unknown. With `index="node"` targets are positions in `tree.nodes`, and both kinds are used.
"""

from __future__ import annotations

import torch
from own_training_loop import tensors
from torch import Tensor, nn

from hierapp import LabelTree, make_loss
from hierapp.trees import library as trees

EPOCHS = 15


def main() -> dict[str, float]:
    tree = trees.load("digits")
    (x, y), (x_test, y_test) = tensors("train", tree), tensors("test", tree)
    nodes = torch.tensor(tree.leaf_nodes)[y]
    groups = torch.tensor(tree.parents)[nodes]
    fine = torch.rand(len(x), generator=torch.Generator().manual_seed(0)) < 0.1
    labels = torch.where(fine, nodes, groups)
    found = {}
    for name, chosen in (("fine labels only", fine), ("fine and coarse labels", torch.ones_like(fine))):
        model, loss = train(tree, x[chosen], labels[chosen])
        with torch.no_grad():
            predicted = loss.leaf_log_probs(model(x_test)).argmax(1)
        found[name] = (predicted == y_test).float().mean().item()
        print(f"{name}: {int(chosen.sum())} images, accuracy {found[name]:.3f}")
    return found


def train(tree: LabelTree, x: Tensor, labels: Tensor) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    loss = make_loss("conditional", tree, index="node")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, loss.num_outputs))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            loss(model(x[batch]), labels[batch]).backward()
            optimizer.step()
    return model, loss


if __name__ == "__main__":
    main()
