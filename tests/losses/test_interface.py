"""What a training loop meets: shapes, dtypes, reductions, class weights, ignored targets, torch's transforms."""

import copy
import inspect
import pickle
from dataclasses import replace
from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hierapp import make_loss
from hierapp.errors import ConfigError
from hierapp.losses import LOSSES, check_options
from tests.losses.literal import ANIMALS, RAGGED, SETTINGS, sample

LEAVES = len(RAGGED.leaves)


def soft_target(*shape):
    return torch.softmax(torch.randn(shape[0], LEAVES, *shape[1:], dtype=torch.float64), 1)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_reductions(name, options, make):
    loss = make(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=1)
    each = loss(logits, target, reduction="none")
    assert each.shape == (4,)
    torch.testing.assert_close(loss(logits, target), each.mean())
    torch.testing.assert_close(loss(logits, target, reduction="sum"), each.sum())
    torch.testing.assert_close(make(name, RAGGED, reduction="sum", **options)(logits, target), each.sum())


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_dense_prediction_is_pixel_by_pixel(name, options, make):
    loss = make(name, RAGGED, **options)
    logits = torch.randn(2, loss.num_outputs, 3, 5, dtype=torch.float64)
    pixels = logits.permute(0, 2, 3, 1).reshape(-1, loss.num_outputs)
    hard, soft = torch.randint(LEAVES, (2, 3, 5)), soft_target(2, 3, 5)
    each = loss(pixels, hard.flatten(), reduction="none")
    torch.testing.assert_close(loss(logits, hard, reduction="none"), each.view(2, 3, 5))
    torch.testing.assert_close(loss(logits, hard), each.mean())
    each = loss(pixels, soft.permute(0, 2, 3, 1).reshape(-1, LEAVES), reduction="none")
    torch.testing.assert_close(loss(logits, soft, reduction="none"), each.view(2, 3, 5))
    for method, size in (("leaf_log_probs", LEAVES), ("node_log_probs", len(RAGGED.nodes))):
        flat = getattr(loss, method)(pixels).view(2, 3, 5, size)
        torch.testing.assert_close(getattr(loss, method)(logits), flat.permute(0, 3, 1, 2))


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_one_sample_without_a_batch(name, options, make):
    loss = make(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=1)
    each = loss(logits, target, reduction="none")
    alone = loss(logits[2], target[2], reduction="none")
    assert alone.shape == ()
    torch.testing.assert_close(alone, each[2])
    torch.testing.assert_close(loss(logits[2], target[2]), each[2])


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_ignored_targets_count_for_nothing(name, options, make):
    loss = make(name, RAGGED, ignore_index=255, **options)
    logits = torch.randn(2, loss.num_outputs, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[0, 255, 2], [255, 3, 1]])
    each = make(name, RAGGED, **options)(logits, target.where(target != 255, 0), reduction="none")
    keep = target != 255
    torch.testing.assert_close(loss(logits, target), each[keep].mean())
    torch.testing.assert_close(loss(logits, target, reduction="sum"), each[keep].sum())
    assert (loss(logits, target, reduction="none")[~keep] == 0).all()
    loss(logits, target).backward()
    assert (logits.grad.transpose(1, 2)[~keep] == 0).all()
    assert loss(logits, torch.full((2, 3), 255)).isnan()  # as F.cross_entropy


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_class_weights(name, options, make):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.5], dtype=torch.float64)
    weighted, plain = (make(name, RAGGED, weight=each, **options) for each in (weight, None))
    logits, target = sample(RAGGED, plain, seed=4)
    soft = soft_target(4)
    if options.get("label_smoothing"):  # weighs the smoothed target, as torch does
        expected = F.cross_entropy(logits, target, weight, label_smoothing=0.2)
        torch.testing.assert_close(weighted(logits, target), expected)
        expected = F.cross_entropy(logits, soft, weight, label_smoothing=0.2)
        torch.testing.assert_close(weighted(logits, soft), expected)
        return
    each = plain(logits, target, reduction="none") * weight[target]
    torch.testing.assert_close(weighted(logits, target, reduction="none"), each)
    torch.testing.assert_close(weighted(logits, target), each.sum() / weight[target].sum())
    if name == "tree-wasserstein":
        expected = plain(logits, soft, reduction="none") * (soft @ weight)
    else:
        expected = sum(
            soft[:, y] * weight[y] * plain(logits, torch.full((4,), y), reduction="none") for y in range(LEAVES)
        )
    torch.testing.assert_close(weighted(logits, soft, reduction="none"), expected)
    torch.testing.assert_close(weighted(logits, soft), expected.mean())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_torchs(reduction, smoothing):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.5])
    ours = make_loss("cross-entropy", RAGGED, weight=weight, ignore_index=1, label_smoothing=smoothing)
    logits, target = torch.randn(3, 4, 5), torch.randint(LEAVES, (3, 5))
    theirs = F.cross_entropy(logits, target, weight, ignore_index=1, label_smoothing=smoothing, reduction=reduction)
    torch.testing.assert_close(ours(logits, target, reduction=reduction), theirs)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, options, dtype, make):
    loss = make(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=2)
    expected = loss(logits.to(dtype).float(), target)
    value = loss(logits.to(dtype), target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected)
    # As part of a network that is cast: its tables stay exact to float32.
    cast = nn.Sequential(nn.Identity(), loss).to(dtype)[1]
    torch.testing.assert_close(cast(logits.to(dtype), target), expected)
    half = logits.to(dtype).requires_grad_()
    cast(half, target).backward()
    assert half.grad.dtype == dtype


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_nothing_is_saved_and_copies_are_alike(name, options, make):
    loss = make(name, RAGGED, weight=[1, 2, 3, 4], **options)
    assert loss.state_dict() == {}
    assert list(loss.parameters()) == []
    logits, target = sample(RAGGED, loss, seed=1)
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        torch.testing.assert_close(twin(logits, target), loss(logits, target))


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int16])
def test_whole_numbers_of_any_size(dtype):
    loss = make_loss("conditional", RAGGED)
    logits, target = sample(RAGGED, loss, seed=1)
    torch.testing.assert_close(loss(logits, target.to(dtype)), loss(logits, target))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_compiles_without_graph_breaks(name, options, kind, make):
    torch.compiler.reset()
    loss = make(name, RAGGED, weight=[1.0, 2.0, 0.5, 1.0], **options)
    logits, target = sample(RAGGED, loss, seed=6)
    target = target if kind == "hard" else soft_target(4)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = compiled(ours, target)
    torch.testing.assert_close(value, loss(theirs, target))
    value.backward()
    loss(theirs, target).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.slow
def test_all_losses_compile_in_one_process(make):
    """They are more than the graphs that torch compiles for one function."""
    torch.compiler.reset()
    assert len(LOSSES) > torch._dynamo.config.recompile_limit
    for name in LOSSES:
        loss = make(name, RAGGED)
        logits, target = sample(RAGGED, loss, seed=6)
        compiled = torch.compile(loss, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(logits, target), loss(logits, target))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")  # torch.func.jvp's own
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_function_transforms(name, options, make):
    loss = make(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=7)
    soft = soft_target(4)
    for each in (target, soft):
        whole = torch.func.grad(lambda u, t=each: loss(u, t, reduction="sum"))(logits)
        per_sample = torch.func.vmap(torch.func.grad(loss))(logits, each)
        torch.testing.assert_close(per_sample, whole)
        direction = torch.randn_like(logits)
        _, along = torch.func.jvp(lambda u, t=each: loss(u, t, reduction="sum"), (logits,), (direction,))
        torch.testing.assert_close(along, (whole * direction).sum())
    hessian = torch.func.hessian(lambda u: loss(u, target[0]))(logits[0])
    torch.testing.assert_close(hessian, hessian.T)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_loss("nonsense", RAGGED), "Unknown loss 'nonsense'"),
        (lambda: make_loss("cross-entropy", RAGGED, mass=1), "has no option 'mass'"),
        (lambda: make_loss("cross-entropy", RAGGED, similarity=[[1]]), "has no option 'similarity'"),
        (lambda: make_loss("simloss", RAGGED, similarity="ordinal:0.5"), "the matrix"),
        (lambda: make_loss("conditional", RAGGED, matrix_form=True), "has no option 'matrix_form'"),
        (lambda: make_loss("hierarchical", RAGGED, matrix_form=True, soft=1.0), "soft labels"),
        (lambda: make_loss("hierarchical", RAGGED, mass=-1), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, mass="nan"), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, mass=True), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, targets="both"), "path, leaf"),
        (lambda: make_loss("hierarchical", RAGGED, reduction="max"), "mean, sum, none"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(2).long(), "max"), "mean, sum"),
        (lambda: make_loss("hxe", RAGGED, normalize="perhaps"), "true or false"),
        (lambda: make_loss("hxe", RAGGED, parametrization="deep"), "flat, conditional"),
        (lambda: make_loss("level-wise", RAGGED, weights=[1, 2]), "Expected 3 weights"),
        (lambda: make_loss("level-wise", RAGGED, weights=[0, 0, 0]), "not all 0"),
        (lambda: make_loss("level-wise", RAGGED, weights="1,x,2"), "as in 1,0.5,0.25"),
        (lambda: make_loss("level-wise", RAGGED, weights=7), "as in 1,0.5,0.25"),
        (lambda: make_loss("soft-labels", RAGGED, distance="miles"), "lca-depth, lca-height, edges"),
        (lambda: make_loss("simloss", RAGGED, similarity=[[1.0]]), r"shape \[4, 4\]"),
        (lambda: make_loss("simloss", RAGGED, similarity=[[1.0] * 4] * 4), "all ones"),
        (lambda: make_loss("conditional", RAGGED, weight=[1, 2]), r"shape \[4\]"),
        (lambda: make_loss("conditional", RAGGED, weight=[1, 2, 3, -1]), "non-negative"),
        (lambda: make_loss("conditional", RAGGED, weight=["a"] * 4), "not a number"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 4), torch.zeros(2).long()), r"shape \[B, 6\]"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6).long(), torch.zeros(2).long()), "floating"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(3).long()), "Expected target"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(2)), "Expected target"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(2).bool()), "Expected target"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("wrong", [4, -1])
def test_a_target_outside_the_leaves_is_told(name, options, wrong, make):
    loss = make(name, RAGGED, **options)
    with pytest.raises(ConfigError, match="from 0 to 3"):
        loss(torch.zeros(2, loss.num_outputs), torch.tensor([0, wrong]))


def class_of(name):
    module, _, cls = LOSSES[name].where.partition(":")
    return getattr(import_module(f"hierapp.losses.{module}"), cls)


@pytest.mark.parametrize("name", LOSSES)
def test_the_spec_is_that_of_the_class_and_its_defaults_too(name):
    spec, cls = LOSSES[name], class_of(name)
    assert replace(cls.spec, where=spec.where, judge=spec.judge) == spec
    signature = inspect.signature(cls.make if "make" in vars(cls) else cls)
    for option in spec.options:
        if option.kind != "text":  # a word, where the loss takes a matrix
            assert signature.parameters[option.name].default == option.default
    assert set(signature.parameters) - {"tree", "shared"} == {option.name for option in spec.options} | {
        *spec.arguments
    }


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("hxe", {"normalize": "false"}, False),
        ("hxe", {"normalize": 1.0}, True),
        ("level-wise", {"weights": "1, 0.5"}, (1.0, 0.5)),
        ("level-wise", {"weights": [1, 2]}, (1.0, 2.0)),
        ("level-wise", {"weights": ""}, None),
        ("hierarchical", {"mass": "0.5"}, 0.5),
    ],
)
def test_options_as_a_form_or_a_command_line_gives_them(name, given, expected):
    ((option, _),) = given.items()
    assert check_options(name, given)[option] == expected
    known = next(known for known in LOSSES[name].options if known.name == option)
    assert known.check(name, known.text(expected)) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("tree", [RAGGED, ANIMALS], ids=["ragged", "animals"])
def test_values_and_gradients_on_cuda(name, options, tree, make):
    loss = make(name, tree, **options)
    logits, target = sample(tree, loss, seed=5)
    here, there = logits.clone().requires_grad_(), logits.cuda().requires_grad_()
    expected = loss(here, target)
    expected.backward()
    value = loss.to("cuda")(there, target.cuda())
    value.backward()
    torch.testing.assert_close(value.cpu(), expected)
    torch.testing.assert_close(there.grad.cpu(), here.grad)
