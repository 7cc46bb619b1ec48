"""Every loss on CUDA against its definition on the CPU: values, gradients, extremes, graphs, and no waiting."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hierapp import LabelTree, make_loss
from hierapp.losses import marginal, pairs
from hierapp.losses.base import TreeLoss
from hierapp.losses.kernels import ancestors, expectation, path
from hierapp.losses.pairs import PairLoss
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.losses.softmax_margin import SoftmaxMargin
from tests.devices import DEEP, LARGE, in_precisions, no_cuda, nothing_waits, on_devices
from tests.losses.literal import ANIMALS, RAGGED, SETTINGS, leaves_below, literal, masses, options_for

TREES = {"ragged": RAGGED, "animals": ANIMALS, "deep": DEEP, "large": LARGE}
# How a loss finds what belongs to a true leaf: from tables made once, as on small trees; or made for each batch, which
# a GPU reads as one part, a CPU as several.
MADE = [
    (path, "MOST_KEPT"),
    (pairs, "MOST_KEPT"),
    (expectation, "MOST_DENSE"),
    (ancestors, "MOST_KEPT"),
    (marginal, "SMALL"),
]
TABLES = {
    "": [],
    "no tables": MADE,
    "parts": [*MADE, (path, "PRICE_ON_CPU"), (path, "PRICE_ELSEWHERE"), (marginal, "MOST_GATHERED")],
}
ROWS = 4
# Above some classes these read from the device which entries of probability targets are not 0.
CLASS_BY_CLASS = (PairLoss, SoftmaxMargin)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for one another where another process keeps a core busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


NUMBERS = pytest.mark.parametrize("number", range(len(SETTINGS)), ids=[
    "-".join([name, *(str(value) for value in options.values())]) for name, options in SETTINGS
])  # fmt: skip


def made(number: int, tree: LabelTree, **more: object) -> TreeLoss:
    name, options = SETTINGS[number]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        return make_loss(name, tree, **options_for(tree, options), **more)


def drawn(number: int, tree: LabelTree, rows: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Logits as a network of this precision gives them, true leaves, and probabilities of two leaves or of all."""
    generator = torch.Generator().manual_seed(number)
    size, outputs = len(tree.leaves), made(number, tree).num_outputs
    logits = (2 * torch.randn(rows, outputs, generator=generator)).to(dtype)
    target = (5 * torch.arange(rows) + number) % size
    if size < 100:
        return logits, target, torch.softmax(torch.randn(rows, size, generator=generator), 1)
    mixed = torch.zeros(rows, size).scatter_add(1, target[:, None], torch.full((rows, 1), 0.7))
    return logits, target, mixed.scatter_add(1, target.flip(0)[:, None], torch.full((rows, 1), 0.3))


def class_weights(tree: LabelTree) -> Tensor:
    weight = 0.5 + torch.rand(len(tree.leaves), generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    weight[1] = 0.0
    return weight


# Values and gradients


@dataclass(frozen=True)
class Expected:
    """Values [B] of a loss, their mean, and the mean's gradient [B, C], in float64 on the CPU."""

    values: Tensor
    mean: Tensor
    gradient: Tensor

    @classmethod
    def of(cls, logits: Tensor, function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Expected:
        logits = logits.double().requires_grad_()
        values, mean = function(logits)
        return cls(values.detach(), mean.detach(), torch.autograd.grad(mean, logits)[0])


@cache
def definition(number: int, tree_name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The literal loss of each row with each leaf as the true one, [B, L], and its gradient [B, L, C]."""
    (name, options), tree = SETTINGS[number], TREES[tree_name]
    logits = drawn(number, tree, ROWS, dtype)[0].double().requires_grad_()
    leaves, options = range(len(tree.leaves)), options_for(tree, options)
    values = torch.stack([torch.stack([literal(name, tree, row, leaf, options) for leaf in leaves]) for row in logits])
    slopes = [torch.autograd.grad(values[:, leaf].sum(), logits, retain_graph=True)[0] for leaf in leaves]
    return values.detach(), torch.stack(slopes, dim=1)


def expectations(number: int, tree_name: str, dtype: torch.dtype) -> list[tuple[bool, Tensor, Expected]]:
    """What a loss must give: with class weights or without, for which target, and the values."""
    (name, options), tree = SETTINGS[number], TREES[tree_name]
    logits, target, soft = drawn(number, tree, ROWS, dtype)
    weight, size = class_weights(tree), len(tree.leaves)
    some = target.clone()
    some[1] = -100  # ignored
    kept = F.one_hot(some.clamp(min=0), size).double() * (some >= 0)[:, None]
    table, slopes = definition(number, tree_name, dtype)

    def joined(shares: Tensor, divisor: Tensor | float) -> Expected:
        values = (shares * table).sum(1)
        return Expected(values, values.sum() / divisor, torch.einsum("bl,blc->bc", shares, slopes) / divisor)

    found = [
        (False, target, joined(F.one_hot(target, size).double(), ROWS)),
        (False, some, joined(kept, ROWS - 1)),
    ]
    if options.get("label_smoothing"):  # what is smoothed is weighed, as torch does
        for each in (some, soft.double()):
            ways = [
                lambda u, way=way, each=each: F.cross_entropy(u, each, weight, reduction=way, label_smoothing=0.2)
                for way in ("none", "mean")
            ]
            found.append((True, each, Expected.of(logits, lambda u, ways=ways: (ways[0](u), ways[1](u)))))
    else:
        found.append((True, some, joined(kept * weight, (kept @ weight).sum())))
    if name == "tree-wasserstein":  # the distance to the target, and not the expectation over it
        for weighted, factor in ((False, torch.ones(ROWS)), (True, soft.double() @ weight)):
            found.append((weighted, soft, Expected.of(logits, lambda u, factor=factor: moved(tree, u, soft, factor))))
    else:
        found.append((False, soft, joined(soft.double(), ROWS)))
        if not options.get("label_smoothing"):
            found.append((True, soft, joined(soft.double() * weight, ROWS)))
    return found


def moved(tree: LabelTree, logits: Tensor, target: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """The cost of moving the predicted probabilities along the edges to the target's, and its mean."""
    values = []
    for row, wanted in zip(logits, target.double(), strict=True):
        z = masses(tree, row)
        values.append(sum(abs(z[name] - wanted[leaves_below(tree, name)].sum()) for name in tree.nodes[1:]))
    each = torch.stack(values) * factor
    return each, each.mean()


def assert_close(
    found: Tensor,
    expected: Tensor,
    dtype: torch.dtype = torch.float32,
    relative: float = 1e-5,
    absolute: float = 1e-5,
) -> None:
    """Equal as far as float32 tells, in which every loss is computed whatever the logits' type.

    The values are sums of some ten terms of up to ten: 1e-5 is a hundred times the rounding of one. Gradients of
    bfloat16 logits are rounded once more at their end, to 8 bits: by up to 2 ** -9 of themselves.
    """
    relative = relative if dtype == torch.float32 else 2**-8
    torch.testing.assert_close(found.detach().cpu().double(), expected, rtol=relative, atol=absolute)


@pytest.mark.slow
@on_devices
@in_precisions
@pytest.mark.parametrize(
    ("tree_name", "tables"),
    [("ragged", ""), ("animals", ""), ("deep", ""), ("deep", "no tables"), ("deep", "parts")],
    ids=["ragged", "animals", "deep", "deep-no-tables", "deep-parts"],
)
@NUMBERS
def test_values_and_gradients_are_those_of_the_definition(number, tree_name, tables, dtype, device, monkeypatch):
    tree = TREES[tree_name]
    for module, limit in TABLES[tables]:
        monkeypatch.setattr(module, limit, 0)
    losses = {False: made(number, tree).to(device), True: made(number, tree, weight=class_weights(tree)).to(device)}
    logits = drawn(number, tree, ROWS, dtype)[0].to(device).requires_grad_()
    for weighted, target, expected in expectations(number, tree_name, dtype):
        target = target.float() if target.is_floating_point() else target
        # As rows, and as the pixels of images of 1 x 2, [B, C, H, W].
        wanted = target.to(device)
        pixels = wanted.view(2, 1, 2) if wanted.ndim == 1 else wanted.view(2, 1, 2, -1).movedim(-1, 1)
        for u, y in ((logits, wanted), (logits.view(2, 1, 2, -1).movedim(-1, 1), pixels)):
            values, mean = losses[weighted](u, y, reduction="none"), losses[weighted](u, y)
            (gradient,) = torch.autograd.grad(mean, logits)
            assert (values.device.type, values.dtype, gradient.dtype) == (device, torch.float32, dtype)
            assert_close(values.flatten(), expected.values)
            assert_close(mean, expected.mean)
            assert_close(gradient, expected.gradient, dtype, absolute=1e-6)


@cache
def on_the_cpu(number: int, dtype: torch.dtype) -> list[tuple[Tensor, Expected]]:
    """Targets over the large tree, and what the loss gives in float64: definitions would take hours there."""
    logits, target, soft = drawn(number, LARGE, 16, dtype)
    loss = made(number, LARGE)
    return [(y, Expected.of(logits, lambda u, y=y: (loss(u, y, "none"), loss(u, y)))) for y in (target, soft)]


@pytest.mark.slow
@on_devices
@in_precisions
@NUMBERS
def test_a_large_tree_whose_tables_are_made_for_each_batch(number, dtype, device):
    loss = made(number, LARGE).to(device, torch.float32)  # as the training does
    if hasattr(loss, "path"):
        assert loss.path.choices.on_cpu.kept_columns is None
        assert len(loss.path.choices.on_cpu.parts) > len(loss.path.choices.elsewhere.parts) == 1
    logits = drawn(number, LARGE, 16, dtype)[0].to(device).requires_grad_()
    for target, expected in on_the_cpu(number, dtype):
        values, mean = loss(logits, target.to(device), reduction="none"), loss(logits, target.to(device))
        (gradient,) = torch.autograd.grad(mean, logits)
        # The soft labels are themselves a softmax in float32, over 3,000 leaves.
        assert_close(values, expected.values, relative=3e-5)
        assert_close(mean, expected.mean, relative=3e-5)
        assert_close(gradient, expected.gradient, dtype, relative=3e-5, absolute=1e-7)


# Probabilities, and logits that no network should give


@on_devices
@in_precisions
@pytest.mark.parametrize("tree_name", ["ragged", "deep", "large"])
@NUMBERS
def test_leaf_and_node_probabilities_sum_to_one(number, tree_name, dtype, device):
    tree = TREES[tree_name]
    loss = made(number, tree).to(device)
    logits = drawn(number, tree, ROWS, dtype)[0]
    leaves, nodes = (method(logits.to(device)).cpu().double() for method in (loss.leaf_log_probs, loss.node_log_probs))
    exact = made(number, tree)
    assert_close(leaves, exact.leaf_log_probs(logits.double()))
    assert_close(nodes, exact.node_log_probs(logits.double()))
    p, z = leaves.exp(), nodes.exp()
    assert_close(p.sum(1), torch.ones(ROWS, dtype=torch.float64))
    assert_close(z[:, 0], torch.ones(ROWS, dtype=torch.float64))
    sums = F.pad(p.cumsum(1), (1, 0))
    start, stop = torch.tensor(tree.leaf_ranges).T
    assert_close(z, sums[:, stop] - sums[:, start])


@on_devices
@in_precisions
@pytest.mark.parametrize("tree_name", ["ragged", "deep"])
@NUMBERS
def test_extreme_logits_give_finite_values_and_gradients(number, tree_name, dtype, device):
    tree = TREES[tree_name]
    loss, leaves = made(number, tree, reduction="none").to(device), len(tree.leaves)
    # One output after the other is extreme, and in the end every second one.
    pattern = torch.cat([torch.eye(loss.num_outputs), (torch.arange(loss.num_outputs) % 2)[None]])
    pattern = torch.cat([1e4 * pattern, -1e4 * pattern]).to(device, dtype)
    target = torch.arange(leaves, device=device).repeat(len(pattern))
    logits = pattern.repeat_interleave(leaves, 0).requires_grad_()
    for targets in (target, F.one_hot(target, leaves).float()):
        values = loss(logits, targets)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert values.isfinite().all()
        assert gradient.isfinite().all()
    assert loss.leaf_log_probs(logits).isfinite().all()
    assert loss.node_log_probs(logits).isfinite().all()


# The device alone


def steps(number: int, tree_name: str, device: str) -> tuple[list[Tensor], Callable[[], list[Tensor]]]:
    """Logits and two kinds of targets on the device, and all that a training and a validation ask of a loss."""
    tree = TREES[tree_name]
    plain = made(number, tree).to(device, torch.float32)
    weighted = made(number, tree, weight=class_weights(tree), ignore_index=0).to(device)
    logits, *targets = (each.to(device) for each in drawn(number, tree, ROWS))
    logits.requires_grad_()
    hard, soft = targets
    if isinstance(plain, CLASS_BY_CLASS) and tree_name == "large":
        soft = None  # the one case that must wait: a row for each entry that is not 0, and it asks how many there are

    def step() -> list[Tensor]:
        found = [plain.leaf_log_probs(logits).detach(), plain.node_log_probs(logits).detach()]
        for loss in (plain, weighted):
            for target in (hard, soft):
                if target is not None:
                    value = loss(logits, target)
                    found += [value.detach(), *torch.autograd.grad(value, logits)]
        images = loss(logits.view(2, 1, 2, -1).movedim(-1, 1), hard.view(2, 1, 2))
        return [*found, images.detach(), *torch.autograd.grad(images, logits)]

    return [logits, hard] if soft is None else [logits, hard, soft], step


@pytest.mark.slow
@on_devices
@pytest.mark.parametrize("tree_name", ["ragged", "deep", "large"])
@NUMBERS
def test_forward_and_backward_never_wait_for_the_device(number, tree_name, device):
    _, step = steps(number, tree_name, device)
    with nothing_waits(device):
        found = step()
    assert all(each.device.type == device for each in found)


@pytest.mark.slow
@on_devices
@pytest.mark.parametrize("tree_name", ["ragged", "deep", "large"])
@NUMBERS
def test_forward_and_backward_in_a_cuda_graph_follow_new_inputs(number, tree_name, device):
    inputs, step = steps(number, tree_name, device)
    replay = captured(step, device)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        order = torch.randperm(ROWS, generator=generator).to(device)
        inputs[0].copy_(torch.randn(inputs[0].shape, generator=generator))
        for each in inputs[1:]:
            each.copy_(each[order])
    found = [each.clone() for each in replay()]
    for ours, eager in zip(found, step(), strict=True):
        # The order in which a GPU adds is not fixed.
        torch.testing.assert_close(ours, eager, rtol=1e-5, atol=1e-6)


def captured(step: Callable[[], list[Tensor]], device: str) -> Callable[[], list[Tensor]]:
    """The step as a CUDA graph, to be replayed; on a CPU the step itself."""
    if device == "cpu":
        return step
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = step()

    def replay() -> list[Tensor]:
        graph.replay()
        return found

    return replay


@pytest.mark.slow
@pytest.mark.parametrize("tree_name", ["ragged", "large"])
@NUMBERS
def test_no_table_stays_on_the_cpu_and_no_shape_depends_on_values(number, tree_name):
    """With tensors that claim to be on a GPU: they tell what would wait for it or mix devices, and need none."""
    from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

    tree = TREES[tree_name]
    loss = made(number, tree, weight=class_weights(tree))
    with FakeTensorMode() as mode:
        loss._apply(lambda buffer: mode.from_tensor(buffer).to("cuda"))
        logits = torch.zeros(ROWS, loss.num_outputs, device="cuda")
        hard, soft = (torch.zeros(shape, device="cuda") for shape in (ROWS, (ROWS, len(tree.leaves))))
        for found in (loss(logits, hard.long()), loss.leaf_log_probs(logits), loss.node_log_probs(logits)):
            assert found.device.type == "cuda"
        if isinstance(loss, CLASS_BY_CLASS) and tree_name == "large":
            with pytest.raises(DynamicOutputShapeException):
                loss(logits, soft)
        else:
            assert loss(logits, soft).device.type == "cuda"


@on_devices
@pytest.mark.parametrize("tree_name", ["ragged", "deep"])
@NUMBERS
def test_a_loss_is_made_where_tensors_are_made(number, tree_name, device):
    tree = TREES[tree_name]
    weight = class_weights(tree)
    with torch.device(device):
        loss = made(number, tree, weight=weight)
    assert {buffer.device.type for buffer in loss.buffers()} == {device}
    logits, target, soft = drawn(number, tree, ROWS)
    usual = made(number, tree, weight=weight)
    for each in (target, soft):
        assert_close(loss(logits.to(device), each.to(device)), usual(logits.double(), each))


@on_devices
def test_class_weights_and_similarities_may_come_from_the_device(device):
    weight, alike = torch.tensor([1.0, 2.0, 0.5, 1.0]), 0.5 + 0.5 * torch.eye(4)
    there = alike.to(device, copy=True).requires_grad_()
    loss = make_loss("simloss", RAGGED, weight=weight.to(device), similarity=there)
    assert {buffer.device.type for buffer in loss.buffers()} == {"cpu"}
    logits, target = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    usual = make_loss("simloss", RAGGED, weight=weight, similarity=alike.numpy())
    assert_close(loss.to(device)(logits.to(device), target.to(device)), usual(logits.double(), target))


# Last, for it takes seconds; on the CPU another test compiles every loss without making code of it.


@no_cuda
@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="Triton needs a C compiler")
@pytest.mark.parametrize(
    ("name", "tree_name"), [("conditional", "deep"), ("hierarchical", "ragged"), ("hxe", "ragged")]
)
def test_a_compiled_loss_gives_the_same_on_cuda(name, tree_name, make):
    pytest.importorskip("triton")
    compiled_and_eager_agree(name, make(name, TREES[tree_name]), "cuda")


def compiled_and_eager_agree(name: str, loss: TreeLoss, device: str) -> None:
    torch.compiler.reset()
    loss = loss.to(device, torch.float32)
    number = [each for each, _ in SETTINGS].index(name)
    logits, target, _ = (each.to(device) for each in drawn(number, loss.tree, ROWS))
    logits.requires_grad_()
    value, expected = torch.compile(loss, fullgraph=True, dynamic=False)(logits, target), loss(logits, target)
    torch.testing.assert_close(value, expected)
    for ours, eager in zip(*(torch.autograd.grad(each, logits) for each in (value, expected)), strict=True):
        torch.testing.assert_close(ours, eager)
