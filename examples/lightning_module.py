"""Lightning with a hierarchical loss and tree metrics: `python examples/lightning_module.py`; needs lightning."""

from __future__ import annotations

import lightning
import torch
from own_training_loop import tensors
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from hierapp import LabelTree, make_loss
from hierapp.metrics import TreeMetrics
from hierapp.trees import library as trees


class Classifier(lightning.LightningModule):
    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        self.loss = make_loss("hierarchical", tree)
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, self.loss.num_outputs))
        self.metrics = TreeMetrics(tree)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, target = batch
        value: Tensor = self.loss(self.model(images), target)
        self.log("train_loss", value)
        return value

    def on_validation_epoch_start(self) -> None:
        self.metrics.reset()

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        images, target = batch
        self.metrics.update(self.loss.leaf_log_probs(self.model(images)), target)

    def on_validation_epoch_end(self) -> None:
        found = self.metrics.compute()
        self.log_dict({f"val_{name}": found[name] for name in ("accuracy", "mean_distance", "log_loss")})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def main(epochs: int = 3) -> float:
    lightning.seed_everything(0)
    tree = trees.load("digits")
    training, test = (TensorDataset(*tensors(part, tree)) for part in ("train", "test"))
    trainer = lightning.Trainer(max_epochs=epochs, logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.fit(Classifier(tree), DataLoader(training, 64, shuffle=True), DataLoader(test, 256))
    accuracy = float(trainer.callback_metrics["val_accuracy"])
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
