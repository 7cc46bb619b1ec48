"""Hugging Face's Trainer with a hierarchical loss: `python examples/hugging_face_trainer.py`.

It needs transformers and accelerate. A model for the Trainer returns a dict with `loss` and `logits`; `compute_metrics`
gets logits and labels of the whole evaluation part.
"""

from __future__ import annotations

import tempfile

import torch
from own_training_loop import tensors
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, Trainer, TrainingArguments

from hierapp import LabelTree, make_loss
from hierapp.metrics import TreeMetrics
from hierapp.trees import library as trees


class Model(nn.Module):
    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        self.loss = make_loss("hierarchical", tree)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, self.loss.num_outputs))

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.layers(images)
        return {"loss": self.loss(logits, labels), "logits": logits}


class Digits(Dataset[dict[str, Tensor]]):
    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        return {"images": self.images[place], "labels": self.labels[place]}


def main(epochs: int = 3) -> float:
    torch.manual_seed(0)
    tree = trees.load("digits")
    model = Model(tree)

    def compute_metrics(outputs: EvalPrediction) -> dict[str, float]:
        metrics = TreeMetrics(tree)
        logits, labels = torch.as_tensor(outputs.predictions), torch.as_tensor(outputs.label_ids)
        metrics.update(model.loss.leaf_log_probs(logits), labels)
        found = metrics.compute()
        return {name: found[name] for name in ("accuracy", "mean_distance", "log_loss")}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=64,
            learning_rate=3e-3,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
        )
        training, test = (Digits(*tensors(part, tree)) for part in ("train", "test"))
        trainer = Trainer(model, arguments, train_dataset=training, eval_dataset=test, compute_metrics=compute_metrics)
        trainer.train()
        accuracy = float(trainer.evaluate()["eval_accuracy"])
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
