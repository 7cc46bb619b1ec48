"""The head equals a linear layer and the loss: values, gradients, and what a training loop meets."""

import copy
import pickle
import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn
from torch.nn import functional as F

from hierapp import make_loss
from hierapp.errors import ConfigError
from hierapp.losses import PathHead
from hierapp.losses.kernels import path
from hierapp.losses.propriety import ImproperLossWarning
from tests.devices import DEEP, LARGE, no_cuda, nothing_waits
from tests.losses.literal import ANIMALS, RAGGED, UNIFORM
from tests.strategies import trees

calm = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LOSSES = [
    ("conditional", {}),
    ("hierarchical-convex", {}),
    ("hxe", {"parametrization": "conditional", "alpha": 0.5}),
    ("hierarchical", {"mass": 0.0}),
    ("hierarchical", {"targets": "leaf", "mass": 0.0}),
]
EACH = pytest.mark.parametrize(("name", "options"), LOSSES)
FEATURES = 5


def made(name, tree, options, dtype=torch.float64, bias=True, sparse=True, **shared):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        loss = make_loss(name, tree, **options, **shared)
    torch.manual_seed(0)
    return PathHead(loss, FEATURES, bias=bias, sparse=sparse).to(dtype)


def drawn(labels, seed=0, batch=6, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, FEATURES, generator=generator, dtype=dtype)
    return features.requires_grad_(), torch.randint(labels, (batch,), generator=generator)


def gradients(value, head, features):
    """Those of the features, the weight and the bias, all dense."""
    found = torch.autograd.grad(
        value.sum(), [features, *(each for each in (head.weight, head.bias) if each is not None)]
    )
    return [each.to_dense() if each.is_sparse else each for each in found]


def assert_equal_to_linear_and_loss(head, features, target, **close):
    value, expected = head(features, target), head.loss(head.logits(features), target)
    torch.testing.assert_close(value, expected, **close)
    for ours, theirs in zip(gradients(value, head, features), gradients(expected, head, features), strict=True):
        torch.testing.assert_close(ours, theirs, **close)


@pytest.mark.parametrize("bias", [True, False])
@EACH
@settings(calm, max_examples=15)
@given(
    tree=trees(max_nodes=60),
    seed=st.integers(0, 2**31),
    index=st.sampled_from(["leaf", "node"]),
    sparse=st.booleans(),
    price=st.sampled_from([0, path.PRICE_ON_CPU]),
)
def test_value_and_gradients_are_those_of_a_linear_layer_and_the_loss(
    name, options, bias, tree, seed, index, sparse, price
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "PRICE_ON_CPU", price)
        head = made(name, tree, options, bias=bias, sparse=sparse, index=index)
    features, target = drawn(len(tree.leaves if index == "leaf" else tree.nodes), seed)
    assert_equal_to_linear_and_loss(head, features, target, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("tree", [RAGGED, DEEP, LARGE], ids=["ragged", "deep", "large"])
def test_each_sample_for_itself_gives_the_same(tree, sparse, monkeypatch):
    """As on a GPU and in a compiled graph, where shapes may not depend on the labels."""
    head = made("conditional", tree, {}, sparse=sparse)
    features, target = drawn(len(tree.leaves))
    value = head(features, target)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    alone = head(features, target)
    torch.testing.assert_close(alone, value)
    for ours, theirs in zip(gradients(alone, head, features), gradients(value, head, features), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_only_rows_of_the_siblings_on_the_true_paths_get_a_gradient():
    head = made("conditional", ANIMALS, {})
    features, _ = drawn(1, batch=3)
    head(features, torch.full((3,), ANIMALS.leaves.index("dog"))).backward()
    for table in (head.weight, head.bias):
        assert table.grad.is_sparse
        rows = table.grad._indices()[0].tolist()
        # Each once, and none of pet, an only child.
        assert [ANIMALS.nodes[1 + row] for row in sorted(rows)] == ["animal", "cat", "dog", "vehicle"]


def test_hierarchical_with_a_constant_second_term_is_read():
    features, target = drawn(3)
    assert_equal_to_linear_and_loss(made("hierarchical", UNIFORM, {}), features, target)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions_class_weights_and_ignored_labels(reduction):
    head = made("conditional", RAGGED, {}, weight=[0.5, 2.0, 0.0, 1.5], ignore_index=9, reduction=reduction)
    features, target = drawn(4)
    target[1] = 9
    assert_equal_to_linear_and_loss(head, features, target)
    torch.testing.assert_close(head(features, target, "none"), head.loss(head.logits(features), target, "none"))
    for one, label in zip(features, target, strict=True):
        torch.testing.assert_close(head(one, label), head.loss(head.logits(one), label), equal_nan=True)
    ignored = head(features, torch.full_like(target, 9), "sum")
    assert ignored.item() == 0


def test_probabilities_as_target_read_all_nodes():
    features, _ = drawn(4)
    head = made("conditional", RAGGED, {})
    assert_equal_to_linear_and_loss(head, features, torch.softmax(torch.randn(6, 4, dtype=torch.float64), 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_as_a_linear_layer(dtype):
    head = made("conditional", LARGE, {}, torch.float32)
    features, target = drawn(3000, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert_equal_to_linear_and_loss(
            head, features.to(dtype).detach().requires_grad_(), target, atol=2e-2, rtol=2e-2
        )
        assert head(features, target).dtype == torch.float32


def test_parameters_begin_as_those_of_a_linear_layer():
    torch.manual_seed(0)
    linear = nn.Linear(FEATURES, 6)
    torch.manual_seed(0)
    head = PathHead(make_loss("conditional", RAGGED), FEATURES)
    assert torch.equal(head.weight, linear.weight)
    assert torch.equal(head.bias, linear.bias)
    assert set(head.state_dict()) == {"weight", "bias"}
    head.load_state_dict(linear.state_dict())
    twin = pickle.loads(pickle.dumps(copy.deepcopy(head)))
    features, target = drawn(4, dtype=torch.float32)
    torch.testing.assert_close(twin(features, target), head(features, target))


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")  # torch's own optimizers
@pytest.mark.parametrize(
    ("optimizer", "sparse"),
    [(torch.optim.SparseAdam, True), (torch.optim.SGD, True), (torch.optim.Adagrad, True), (torch.optim.Adam, False)],
)
def test_training_reaches_the_accuracy_of_the_dense_head(optimizer, sparse):
    """Classes far apart in the features: both heads learn all of them."""
    torch.manual_seed(0)
    centers = 3 * torch.randn(len(DEEP.leaves), FEATURES)
    target = torch.randint(len(DEEP.leaves), (400,))
    features = centers[target] + 0.3 * torch.randn(400, FEATURES)
    head = made("conditional", DEEP, {}, torch.float32, sparse=sparse)
    dense = nn.Linear(FEATURES, head.loss.num_outputs)
    accuracy = []
    for value, logits, step in (
        (head, head.logits, optimizer(head.parameters(), lr=0.1)),
        (lambda x, y: head.loss(dense(x), y), dense, torch.optim.Adam(dense.parameters(), lr=0.1)),
    ):
        for _ in range(8):
            for rows in torch.arange(400).split(20):
                step.zero_grad()
                value(features[rows], target[rows]).backward()
                step.step()
        accuracy.append((head.loss.leaf_log_probs(logits(features)).argmax(1) == target).float().mean().item())
    assert min(accuracy) > 0.97


@pytest.mark.slow
def test_compiles_without_graph_breaks_if_gradients_are_dense():
    torch.compiler.reset()
    head = made("conditional", DEEP, {}, sparse=False, weight=torch.arange(1.0, 7.0))
    features, target = drawn(6)
    value = torch.compile(head, fullgraph=True, backend="aot_eager")(features, target)
    expected = head(features, target)
    torch.testing.assert_close(value, expected)
    for ours, theirs in zip(gradients(value, head, features), gradients(expected, head, features), strict=True):
        torch.testing.assert_close(ours, theirs)


class Network(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.body, self.head = nn.Linear(FEATURES, FEATURES, dtype=torch.float64), head

    def forward(self, features, target):
        return self.head(F.relu(self.body(features)), target)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch.compile's, at a break
def test_a_network_compiles_around_sparse_gradients():
    torch.compiler.reset()
    network = Network(made("conditional", DEEP, {}))
    features, target = drawn(6)
    value, expected = torch.compile(network, backend="aot_eager")(features, target), network(features, target)
    torch.testing.assert_close(value, expected)
    assert_equal = [gradients(each, network.head, features) for each in (value, expected)]
    for ours, theirs in zip(*assert_equal, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cross-entropy", {}),
        ("hxe", {}),
        ("hierarchical", {}),
        ("hierarchical-convex", {"soft": 0.1}),
        ("hierarchical", {"mass": 0.0, "matrix_form": True}),
    ],
)
def test_a_loss_that_reads_more_than_the_path_is_refused(name, options):
    with pytest.raises(ConfigError, match="reads only the true path"):
        made(name, RAGGED, options)


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((2, 4), torch.tensor([0, 1]), r"Expected features of shape \[B, 5\]"),
        ((2, 5, 3, 3), torch.zeros(2, 3, 3).long(), r"Expected features of shape \[B, 5\]"),
        ((2, 5), torch.tensor([0, 1, 2]), "Expected target"),
        ((2, 5), torch.tensor([0, 4]), "from 0 to 3"),
    ],
)
def test_bad_input_is_told_in_one_sentence(shape, target, message):
    with pytest.raises(ConfigError, match=message):
        made("conditional", RAGGED, {})(torch.zeros(shape).double(), target)


@no_cuda
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("tree", [RAGGED, DEEP, LARGE], ids=["ragged", "deep", "large"])
def test_values_and_gradients_without_waiting_cuda(tree, sparse):
    head = made("conditional", tree, {}, sparse=sparse).cuda()
    features, target = drawn(len(tree.leaves))
    features, target = features.detach().cuda().requires_grad_(), target.cuda()
    with nothing_waits("cuda"):
        head(features, target).backward()
    assert_equal_to_linear_and_loss(head, features, target)


@no_cuda
def test_under_autocast_cuda():
    head = made("conditional", LARGE, {}, torch.float32).cuda()
    features, target = drawn(3000, dtype=torch.float32)
    features, target = features.detach().cuda().requires_grad_(), target.cuda()
    with torch.autocast("cuda", torch.bfloat16):
        assert_equal_to_linear_and_loss(head, features, target, atol=2e-2, rtol=2e-2)
