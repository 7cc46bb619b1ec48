"""The complete training loop, written to be read from top to bottom.

The data set is on the device as one tensor; batches are indexed, augmented and normalized there, and the loop
waits for the device only to report the training loss. Events are reported to a Recorder: this file does not depend on
the store.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierapp.data import registry as datasets
from hierapp.data.registry import ImageSet
from hierapp.errors import Cancelled, ConfigError
from hierapp.losses import make_loss
from hierapp.losses.base import TreeLoss
from hierapp.metrics import confusion, counts, evaluate as evaluate_outputs, report
from hierapp.metrics.iou import iou_report, mean_iou
from hierapp.similarities.similarity import Matrix
from hierapp.training import checkpoints, data_parts, device as compute, map_predictions, models, networks, predictions
from hierapp.training.batches import BatchLoader, DeviceDataset
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.class_weights import median_frequency
from hierapp.training.config import RunConfig
from hierapp.training.cuda_graph import GraphTrainState
from hierapp.training.data_parts import Parts
from hierapp.training.evaluation import EVALUATION_BATCH, Best, Evaluation, TrainState, evaluate
from hierapp.training.optimizers import make_optimizer
from hierapp.training.predictions import Outputs
from hierapp.training.recorder import Recorder
from hierapp.training.schedules import Place, learning_rate
from hierapp.trees import LabelTree

REPORTS_PER_EPOCH = 10

Load = Callable[[str, datasets.Part], ImageSet]

# The initial weights are drawn from torch's global random state, so runs in one process take turns.
_random_state = threading.Lock()


def train(
    config: RunConfig,
    tree: LabelTree,
    recorder: Recorder,
    folder: Path | None = None,
    load: Load | None = None,
    similarity: Matrix | None = None,
) -> dict[str, Any]:
    """Train one run, from its last checkpoint if there is one, then evaluate its best epoch on the test part.

    The test part is read only then. On a CPU, a run that is interrupted in any way and resumed ends with the same
    weights, bit for bit, as an uninterrupted one.

    Args:
        config: what to train; `config.tree` is only the tree's name.
        tree: the label tree.
        recorder: receives the training loss about ten times per epoch, and the validation metrics of each epoch.
        folder: folder for checkpoints, `model.safetensors`, and the outputs of the test part, the validation part and,
            if there is one, the calibration part; None (default) writes no files.
        load: reads a part of a data set; `datasets.load` by default.
        similarity: the matrix of SimLoss's option `similarity`, [L, L] in the order of `tree.leaves`; not needed for
            "tree".

    Returns:
        `metrics.evaluate` of the test part, with "loss", "confusion", "epoch" (the epoch whose
        weights were tested) and "epochs" (the number of epochs trained).

    Raises:
        Cancelled: if the recorder requests it; a checkpoint is written first.
        DatasetError, TreeError, ConfigError: if data, tree and configuration do not match.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    device = compute.choose_device(config.device)
    with compute.determinism(config.deterministic, device):
        load = load or datasets.load
        parts = data_parts.split(config, tree, load(config.data, "train"), device)
        given: dict[str, Any] = {} if similarity is None else {"similarity": similarity}
        if parts.training.of_nodes:
            given["index"] = "node"
        if config.class_weights == "median-frequency":
            given["weight"] = median_frequency(parts.training, tree)
        loss = make_loss(config.loss, tree, **{**config.options, **given}).to(device, torch.float32)
        run = _Run(config, loss, recorder, folder, load, parts)
        run.fit()
        return run.test()


class _Run:
    """State and steps of one call of `train`."""

    def __init__(
        self,
        config: RunConfig,
        loss: TreeLoss,
        recorder: Recorder,
        folder: Path | None,
        load: Load,
        parts: Parts,
    ) -> None:
        self.config, self.recorder, self.folder, self.load = config, recorder, folder, load
        self.tree = tree = loss.tree
        training, self.validation, self.calibration = parts
        device = training.images.device
        # Whole images with maps need more memory than the small ones of other data sets.
        self.at_once = config.batch_size if training.has_maps else EVALUATION_BATCH
        if loss.adjustment is not None:
            # A class without an image in the training part counts as if it had one.
            loss.adjustment.set_prior(training.count(len(tree.leaves)).clamp(min=1))
        self.loader = BatchLoader(training, config, len(tree.leaves))
        shape = tuple(training.images.shape[1:])
        broken: list[str] = []
        self.progress, self.best = TrainingProgress(), Best()
        with _random_state:
            torch.manual_seed(config.seed)
            network = networks.build(config, shape, loss, training.images)
            network = network.to(device).to(memory_format=torch.channels_last)
            optimizer = make_optimizer(config, networks.trained_weights(config, network))
            if folder:
                self.progress, self.best, broken = checkpoints.restore(folder, config, network, optimizer)
        # A resumed run uses the number of threads and the precision that it started with.
        if self.progress.threads:
            torch.set_num_threads(self.progress.threads)
        self.progress.threads = torch.get_num_threads()
        numbers = math.prod(shape) * config.batch_size
        precision = compute.choose_precision(self.progress.precision or config.precision, device, numbers)
        self.progress.precision = precision
        graphed = compute.choose_graphs(
            config.cuda_graphs, device, models.is_own(config.model) or models.is_timm(config.model)
        )
        self.state = (GraphTrainState if graphed else TrainState)(network, loss, optimizer, precision)
        # In `reproduce.py` of a bundle of version 0.1.0 the recorder has this method under its old name.
        restarted_at = getattr(recorder, "restarted_at" if hasattr(recorder, "restarted_at") else "went_back")
        restarted_at(self.progress.epochs(len(self.loader)), broken)

    def fit(self) -> None:
        """Train epochs until all are done or the patience is exhausted."""
        config = self.config
        while self.progress.epoch <= config.epochs and not self.best.should_stop(config, self.progress.epoch - 1):
            rate = train_epoch(self.state, self.loader, config, self.progress, self.recorder, self.save)
            epoch, seconds, started = self.progress.epoch, self.progress.seconds, time.perf_counter()
            result = evaluate(self.state, self.validation, batch=self.at_once)
            values = {
                "val_loss": result.loss,
                "val_accuracy": result.accuracy,
                "val_distance": confusion.mean_distance(result.confusion, self.tree),
                **({"val_coarse_accuracy": result.coarse_accuracy} if result.coarse else {}),
                **({"val_mean_iou": mean_iou(result.confusion)} if self.validation.has_maps else {}),
                "learning_rate": rate,
                "images_per_second": len(self.loader.part) / seconds,
                "epoch_seconds": seconds + time.perf_counter() - started,
            }
            self.best.update(config, epoch, values, self.state.network)
            self.recorder.end_epoch(epoch, values, result.confusion)
            self.progress = self.progress.next()
            if self.recorder.should_save():
                self.save()

    def test(self) -> dict[str, Any]:
        """Write the weights of the best epoch, then read and evaluate the test part, for the only time."""
        network, epoch = self.state.network, self.best.epoch
        self.best.restore(network)
        made_by = json.dumps(compute.conditions(self.validation.images.device, self.state.precision))
        about = {"config": self.config.model_dump_json(), "epoch": str(epoch), "conditions": made_by}
        self._write("model.safetensors", network.state_dict(), about)
        whole = self.load(self.config.data, "test")
        part = DeviceDataset.of(whole, self.tree, self.validation.images.device, bool(self.config.coarse_share))
        result, metrics = (self._test_maps if part.has_maps else self._test_rows)(part, epoch)
        return {
            "loss": result.loss,
            "epoch": epoch,
            "epochs": self.progress.epoch - 1,
            "confusion": counts.listed(result.confusion),
            **({"coarse_samples": result.coarse, "coarse_accuracy": result.coarse_accuracy} if result.coarse else {}),
            **metrics,
        }

    def _test_rows(self, part: DeviceDataset, epoch: int) -> tuple[Evaluation, dict[str, Any]]:
        """Evaluate images or rows; write the probabilities of the test part and of those that were held out."""
        if self.folder is not None:
            # Before those of the test part, so that only one part's probabilities are in memory.
            held_out = {predictions.VALIDATION: self.validation, predictions.CALIBRATION: self.calibration}
            for name, images in held_out.items():
                if images is not None:
                    self._write_outputs(name, evaluate(self.state, images, keep=True), epoch)
        result = evaluate(self.state, part, keep=True)
        target = self._write_outputs(predictions.FILE, result, epoch)
        order = datasets.order_of(self.config.data, self.tree.leaves)
        return result, evaluate_outputs(result.log_probs, target, self.tree, counts=result.confusion, ordered=order)

    def _test_maps(self, part: DeviceDataset, epoch: int) -> tuple[Evaluation, dict[str, Any]]:
        """Evaluate images with label maps batch by batch; write the predicted maps as they come."""
        found: list[Evaluation] = []

        def run(visit: Callable[[Tensor], object] = lambda _: None) -> None:
            found.append(evaluate(self.state, part, batch=self.at_once, visit=visit))

        if self.folder is None:
            run()
        else:
            folder, keep = self.folder, self.config.pixel_probabilities
            about = map_predictions.About(self.tree.leaves, self.config.data, epoch)
            # With a full disk, the maps are predicted again when there is room.
            self.recorder.when_there_is_room(lambda: map_predictions.write(folder, about, run, keep))
            for name in map_predictions.FILES:
                if (folder / name).exists():
                    self.recorder.saved(folder / name)
        result = found[-1]
        return result, {
            **report(result.confusion, self.tree),
            **iou_report(result.confusion, self.tree),
            "log_loss": result.log_loss,
        }

    def save(self) -> None:
        """Write a checkpoint if there is space on the disk."""
        if self.folder is None or not math.isfinite(self.progress.total):
            return
        network, optimizer = self.state.network, self.state.optimizer
        try:
            file = checkpoints.save(self.folder, self.config, network, optimizer, self.progress, self.best)
            self.recorder.saved(file)
        except OSError as error:
            self.recorder.not_saved(error)

    def _write_outputs(self, name: str, result: Evaluation, epoch: int) -> NDArray[np.int32]:
        """Write the probabilities; return the true leaves."""
        assert result.log_probs is not None
        assert result.target is not None
        target = result.target.cpu().numpy()
        blocks = (rows.exp().cpu().numpy() for rows in result.log_probs.split(predictions.ROWS))  # type: ignore[no-untyped-call]
        outputs = Outputs.of_blocks(blocks, target, self.tree.leaves, self.config.data, epoch)
        tensors = {name: torch.from_numpy(values) for name, values in outputs.tensors().items()}
        self._write(name, tensors, outputs.about())
        return outputs.target

    def _write(self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
        if self.folder is not None:
            file = self.folder / name
            self.recorder.when_there_is_room(lambda: checkpoints.write(tensors, file, about))
            self.recorder.saved(file)


def train_epoch(
    state: TrainState,
    loader: BatchLoader,
    config: RunConfig,
    progress: TrainingProgress,
    recorder: Recorder,
    save: Callable[[], None] = lambda: None,
) -> float:
    """Train on the remaining batches of an epoch, updating `progress`; return the last step's learning rate.

    None may remain, if a checkpoint was written after the last batch and before the validation.
    """
    count = len(loader)
    reports = {math.ceil(count * part / REPORTS_PER_EPOCH) for part in range(1, REPORTS_PER_EPOCH + 1)}
    total = state.total.fill_(progress.total)
    before, started = progress.seconds, time.perf_counter()

    def rate(batch: int) -> float:
        return learning_rate(config, Place((progress.epoch - 1) * count + batch, count, config.epochs * count))

    state.network.train()
    state.loss.train()
    loader.begin(progress.epoch)
    while progress.batch < count:
        progress.images += state.train_batch(loader, progress.batch, rate(progress.batch))
        progress.batch += 1
        if progress.batch in reports:
            mean = total.item() / progress.images
            if not math.isfinite(mean):
                raise ConfigError(
                    f"The training loss became {mean} in epoch {progress.epoch}; lower the learning rate (it is"
                    f" {config.learning_rate:g})."
                )
            recorder.report(progress.epochs(count), {"train_loss": mean})
            total.zero_()
            progress.images = 0
        stop = recorder.should_stop()
        if stop or recorder.should_save():
            progress.total = total.item()
            progress.seconds = before + time.perf_counter() - started
            save()
        if stop:
            raise Cancelled
    progress.seconds = before + time.perf_counter() - started
    return rate(count - 1)
