"""Every decoder on CUDA predicts what it predicts on the CPU, also where nodes are equally likely."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from hierapp import LabelTree
from hierapp.decoding import decode, inputs
from hierapp.decoding.decoders import leaf_risks
from hierapp.trees import DISTANCES
from tests.devices import DEEP, LARGE, in_precisions, nothing_waits, on_devices
from tests.losses.literal import ANIMALS, RAGGED, UNIFORM

TREES = {"ragged": RAGGED, "animals": ANIMALS, "uniform": UNIFORM, "deep": DEEP, "large": LARGE}
RULES = [
    ("leaf", {}),
    ("top-down", {}),
    *(("min-risk", {"distance": kind}) for kind in DISTANCES),
    *(("threshold", {"threshold": share}) for share in (0.0, 0.3, 0.5, 0.9, 1.0)),
    *(("climb", {"threshold": share}) for share in (0.0, 0.3, 0.9, 1.0)),
    *(("min-cost", {"cost": kind}) for kind in DISTANCES),
    *(("hf-beta", {"beta": beta, "count_root": beta > 1}) for beta in (0.5, 1.0, 2.0)),
    ("parent-weighted", {}),
]
with_rules = pytest.mark.parametrize(
    ("rule", "options"), RULES, ids=["-".join([rule, *map(str, options.values())]) for rule, options in RULES]
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for one another where another process keeps a core busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(tree: LabelTree, dtype: torch.dtype) -> Tensor:
    """Log-probabilities [B, L]: at random, sure, evenly spread, and with many leaves alike."""
    generator, size = torch.Generator().manual_seed(len(tree.nodes)), len(tree.leaves)
    logits = 2 * torch.randn(24, size, generator=generator)
    logits = torch.cat([logits, logits[:4].round(), 8 * logits[:4], torch.zeros(1, size)])
    certain = torch.full((2, size), -torch.inf)
    certain[0, 0] = certain[1, -1] = 0.0
    return torch.cat([torch.log_softmax(logits, 1), certain]).to(dtype)


@on_devices
@in_precisions
@pytest.mark.parametrize("tree_name", TREES)
@with_rules
def test_every_rule_predicts_what_the_cpu_predicts_in_double_precision(rule, options, tree_name, dtype, device):
    tree = TREES[tree_name]
    log_p = drawn(tree, dtype)
    expected = decode(log_p.double(), tree, rule, **options)
    found = decode(log_p.to(device), tree, rule, **options)
    assert (found.device.type, found.dtype) == (device, torch.int64)
    assert torch.equal(found.cpu(), expected)
    # As pixels, [B, L, H, W].
    pixels = log_p[:24].view(2, 3, 4, -1).movedim(-1, 1).to(device)
    assert torch.equal(decode(pixels, tree, rule, **options).flatten().cpu(), expected[:24])


@on_devices
@pytest.mark.parametrize("tree_name", TREES)
@pytest.mark.parametrize("kind", DISTANCES)
def test_risks_are_expected_distances_on_cuda(kind, tree_name, device):
    tree = TREES[tree_name]
    log_p = torch.log_softmax(drawn(tree, torch.float64), 1)
    found = leaf_risks(log_p.to(device), tree, kind).cpu()
    expected = log_p.exp() @ torch.tensor(tree.distances(kind), dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@on_devices
@with_rules
def test_decoding_never_waits_for_the_device(rule, options, device, monkeypatch):
    """Apart from the check that its input are log-probabilities, which reads one truth value back."""
    monkeypatch.setattr(inputs, "check_log_probs", lambda rows: None)
    log_p = drawn(DEEP, torch.float32).to(device)
    expected = decode(log_p, DEEP, rule, **options)  # brings the tree's tables to the device
    with nothing_waits(device):
        found = decode(log_p, DEEP, rule, **options)
    assert torch.equal(found, expected)


def test_of_equally_likely_nodes_of_one_depth_the_first_is_taken():
    """The sums of sixths differ in the last digits, by where they stand and by the device."""
    edges = [("root", group) for group in "ABC"] + [(group, group.lower() + each) for group in "ABC" for each in "01"]
    tree = LabelTree.from_edges(edges)
    even = torch.full((1, 6), 1 / 6, dtype=torch.float64).log()
    for share, expected in ((1 / 3, "A"), (1 / 6, "a0")):
        assert tree.nodes[decode(even, tree, "threshold", threshold=share)] == expected
