"""Training by a CUDA graph against training without one. On a CPU the capture is stood in for by calling the step."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hierapp.errors import Cancelled, ConfigError
from hierapp.losses import make_loss
from hierapp.training import RunConfig, checkpoints, cuda_graph, device as compute, trainer
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.cuda_graph import GraphTrainState
from hierapp.training.evaluation import TrainState
from hierapp.training.models.shipped.lenet import lenet
from hierapp.training.optimizers import make_optimizer
from hierapp.trees import library as tree_library
from tests.training.test_trainer import Notes

DIGITS = tree_library.load("digits")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]
SETTINGS = [
    {},
    {"loss": "hierarchical", "schedule": "one-cycle"},
    {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 1e-3, "flip": True, "crop": 1, "cutout": 2},
    {"optimizer": "adamw", "mixup": 0.4, "label_smoothing": 0.1, "schedule": "cosine"},
]


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "cross-entropy", "batch_size": 16, "epochs": 3}
    return RunConfig.make(**{**rest, **values})


class Stub:
    """A capture that keeps the step, and computes it at each replay."""

    def __init__(self) -> None:
        self.captured = self.replayed = 0

    def __call__(self, step, stream=None):
        self.captured += 1

        def replay() -> None:
            self.replayed += 1
            step()

        return replay


@pytest.fixture
def stub(monkeypatch) -> Stub:
    made = Stub()
    monkeypatch.setattr(cuda_graph, "capture", made)
    return made


def train_state_of(kind: type[TrainState], run: RunConfig, device: str) -> tuple[TrainState, BatchLoader]:
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (76, 8, 8, 1), generator=draw, dtype=torch.uint8).to(device)
    leaves = torch.randint(10, (76,), generator=draw).to(device)
    loss = make_loss(run.loss, DIGITS, **run.options).to(device, torch.float32)
    network = nn.Sequential(Normalizer(pixels), lenet((8, 8, 1), loss.num_outputs)).to(device)
    return kind(network, loss, make_optimizer(run, network.parameters())), BatchLoader(
        DeviceDataset(pixels, leaves), run, 10
    )


def train(kind: type[TrainState], run: RunConfig, device: str) -> tuple[TrainState, list[float]]:
    """Three epochs of four whole batches and a rest."""
    train_state, loader = train_state_of(kind, run, device)
    notes = Notes()
    for epoch in range(1, run.epochs + 1):
        trainer.train_epoch(train_state, loader, run, TrainingProgress(epoch), notes)
    return train_state, [values["train_loss"] for _, values in notes.reports]


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("values", SETTINGS)
def test_graph_and_eager_training_agree(values, device, request):
    if device == "cpu":
        calls = request.getfixturevalue("stub")
    run = config(**values)
    eager, eager_losses = train(TrainState, run, device)
    graphed, graph_losses = train(GraphTrainState, run, device)
    assert graphed.problem is None
    assert graph_losses == pytest.approx(eager_losses, rel=1e-4)
    assert_same_weights(eager.network, graphed.network)
    if device == "cpu":
        assert (calls.captured, calls.replayed) == (1, 12 - cuda_graph.WARM_UP)


def test_failed_capture_trains_without_a_graph(monkeypatch, caplog):
    def fail(step, stream=None):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(cuda_graph, "capture", fail)
    graphed, _ = train(GraphTrainState, config(), "cpu")
    eager, _ = train(TrainState, config(), "cpu")
    assert graphed.problem == "operation not permitted when stream is capturing"
    assert "trained without a CUDA graph" in caplog.text
    assert_same_weights(eager.network, graphed.network)


def test_checkpoint_of_a_graph_learner_restores_into_an_eager_one(stub, tmp_path):
    run = config()
    graphed, _ = train(GraphTrainState, run, "cpu")
    checkpoints.save(tmp_path, run, graphed.network, graphed.optimizer, TrainingProgress(4))
    fresh, _ = train_state_of(TrainState, run, "cpu")
    position, _, broken = checkpoints.restore(tmp_path, run, fresh.network, fresh.optimizer)
    assert (position.epoch, broken) == (4, [])
    assert_same_weights(graphed.network, fresh.network)
    (group,) = fresh.optimizer.param_groups
    assert isinstance(group["lr"], float)
    assert not group["capturable"]


@pytest.mark.parametrize(
    ("wanted", "device", "is_own", "expected"),
    [
        ("auto", "cuda", False, True),
        ("auto", "cuda", True, False),
        ("auto", "cpu", False, False),
        ("on", "cuda", True, True),
        ("off", "cuda", False, False),
    ],
)
def test_graphs_are_chosen_by_device_and_network(wanted, device, is_own, expected):
    assert compute.choose_graphs(wanted, torch.device(device), is_own) == expected


def test_graphs_on_a_cpu_are_refused():
    with pytest.raises(ConfigError, match="CUDA graphs"):
        compute.choose_graphs("on", torch.device("cpu"), is_own=False)


# On a GPU alone

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@needs_cuda
def test_replayed_steps_never_wait_for_the_device_cuda():
    run = config(flip=True, crop=1, batch_size=8)
    train_state, loader = train_state_of(GraphTrainState, run, "cuda")
    loader.begin(1)
    for place in range(cuda_graph.WARM_UP + 1):
        train_state.train_batch(loader, place, 1e-3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        loader.begin(2)
        for place in range(len(loader)):
            train_state.train_batch(loader, place, 1e-3 / (place + 1))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert train_state.problem is None


@needs_cuda
def test_network_that_waits_for_the_device_is_trained_without_a_graph_cuda():
    class Waits(nn.Linear):
        def forward(self, values):
            return super().forward(values.flatten(1)) * (1 + 0 * float(values.sum().item()))

    run = config()
    train_state, loader = train_state_of(GraphTrainState, run, "cuda")
    network = nn.Sequential(Normalizer(loader.part.images), Waits(64, 10)).cuda()
    train_state = GraphTrainState(network, train_state.loss, make_optimizer(run, network.parameters()))
    trainer.train_epoch(train_state, loader, run, TrainingProgress(1), Notes())
    assert train_state.problem is not None
    assert torch.isfinite(network[1].weight).all()


@needs_cuda
@pytest.mark.parametrize("model", ["lenet", "resnet20"])
def test_stopped_graph_run_ends_with_the_same_weights_cuda(tmp_path, model):
    """`deterministic` on: the same algorithms eager and captured, so that a stop changes nothing."""
    if model != "lenet":
        pytest.importorskip("torchvision")
    run = config(device="cuda", deterministic="on", model=model, batch_size=64, precision="float32")
    trainer.train(run, DIGITS, Notes(), tmp_path / "whole")
    with pytest.raises(Cancelled):
        trainer.train(run, DIGITS, Notes(stop_after=30), tmp_path / "stopped")
    trainer.train(run, DIGITS, Notes(), tmp_path / "stopped")
    whole, stopped = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    for name, tensor in whole.items():
        torch.testing.assert_close(tensor, stopped[name], rtol=1e-4, atol=1e-5)
