"""Find the cats that became trucks: against a loop over single images with single examples."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.decoding import DECODERS
from hierapp.errors import ConfigError
from hierapp.lab import disagreements
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice
from hierapp.lab.decoding import decide
from hierapp.lab.disagreements import WHICH, SearchCriteria
from hierapp.lab.example import Example
from hierapp.lab.trees import named
from hierapp.training.predictions import Outputs
from hierapp.trees import DISTANCES
from tests.losses.literal import RAGGED

TREES = {"figure 7": named("lab:figure-7"), "ragged": RAGGED, "flat": named("cifar10-flat")}


def drawn(tree: LabelTree, count: int, seed: int = 0) -> Outputs:
    """Outputs of a network that is often wrong; the first are ties, and a certain one."""
    generator = np.random.default_rng(seed)
    size = len(tree.leaves)
    target = generator.integers(0, size, count)
    logits = generator.normal(0, 1.5, (count, size))
    logits[np.arange(count), target] += 1
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p[0], p[1], p[2] = 1 / size, [0.5, 0.5, *[0.0] * (size - 2)], [1.0, *[0.0] * (size - 1)]
    return Outputs(p.astype(np.float16), target.astype(np.int32), tree.leaves, "digits", 1)


def distance(tree: LabelTree, true: int, node: int, kind: str) -> int:
    """Step by step up the tree."""
    one, other = tree.path(int(tree.leaf_nodes[true])), tree.path(node)
    common = max(set(one) & set(other), key=lambda each: tree.depth[each])
    up, down = (len(path) - 1 - path.index(common) for path in (one, other))
    return {"edges": up + down, "lca-depth": max(up, down), "lca-height": int(tree.height[common])}[kind]


@pytest.mark.parametrize("name", TREES)
def test_predictions_are_those_of_the_board_for_each_image(name):
    tree = TREES[name]
    outputs = drawn(tree, 60)
    found = disagreements.decoded(outputs, tree)
    log_probs = outputs.log_probs()
    for place in range(60):
        example = Example.from_leaf_log_probs(tree, log_probs[place].tolist(), int(outputs.target[place]))
        for choice in EVERY_DECODER:
            said = decide(example, choice)
            assert found.nodes[choice.rule][place] == said.node, (place, choice)
            assert found.right(choice.rule)[place] == said.exact
            assert found.costs[choice.rule][place] == distance(tree, example.target, said.node, "lca-depth")


@pytest.mark.parametrize("kind", DISTANCES)
@pytest.mark.parametrize("name", TREES)
def test_costs_are_steps_up_the_tree_and_those_between_leaves(name, kind):
    tree = TREES[name]
    pairs = [(true, node) for true in range(len(tree.leaves)) for node in range(len(tree.nodes))]
    true, nodes = zip(*pairs, strict=True)
    assert disagreements.costs(tree, true, nodes, kind).tolist() == [distance(tree, *pair, kind) for pair in pairs]
    leaves = range(len(tree.leaves))
    for one in leaves:
        found = disagreements.costs(tree, [one] * len(leaves), tree.leaf_nodes, kind)
        assert found.tolist() == tree.distances(kind)[one].tolist()


def literal(found: disagreements.Decoded, criteria: SearchCriteria) -> list[int]:
    """The same by a loop."""
    chosen = []
    tree = found.tree
    for place, true in enumerate(found.target.tolist()):
        first, second = (int(found.nodes[rule][place]) for rule in (criteria.first, criteria.second))
        node = int(tree.leaf_nodes[true])
        holds = {
            "differ": first != second,
            "mended": first != node and second == node,
            "spoilt": first == node and second != node,
            "wrong": first != node,
        }[criteria.which]
        cost = distance(tree, true, first, "lca-depth")
        if (
            holds
            and cost >= criteria.least
            and (criteria.true is None or criteria.true == true)
            and (criteria.predicted is None or criteria.predicted == first)
        ):
            chosen.append((-cost, place))
    return [place for _, place in sorted(chosen)]


@pytest.mark.slow
@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("name", TREES)
def test_the_images_found_are_those_of_a_loop(name, which):
    tree = TREES[name]
    found = disagreements.decoded(drawn(tree, 300, 1), tree)
    some = 0
    for first in DECODERS:
        for second in DECODERS:
            for true, predicted, least in (
                (None, None, 0),
                (0, None, 0),
                (None, int(tree.leaf_nodes[1]), 0),
                (None, None, 2),
                (1, int(tree.leaf_nodes[0]), 1),
            ):
                criteria = SearchCriteria(first, second, which, true, predicted, least)
                places = disagreements.search(found, criteria).tolist()
                assert places == literal(found, criteria), criteria
                some += len(places)
    assert some > 100


def test_the_report_s_cat_is_found():
    tree = TREES["figure 7"]
    p = np.array([[0.24, 0.18, 0.18, 0.38, 0.02], [0.9, 0.025, 0.025, 0.025, 0.025]], np.float16)
    found = disagreements.decoded(Outputs(p, np.array([0, 0], np.int32), tree.leaves, "cifar10", 1), tree)
    criteria = SearchCriteria(which="mended", true=0, predicted=tree.nodes.index("truck"), least=2)
    assert disagreements.search(found, criteria).tolist() == [0]
    compared = disagreements.compare(found, "leaf", "top-down")
    assert (compared.differ, compared.mended, compared.spoilt) == (1, 1, 0)
    assert compared.summary == (
        "leaf and top-down differ on 1 of 2 test images. top-down corrects 1 mistake of leaf and makes 0 that leaf"
        " does not: 1 more exactly correct. The mean distance from the truth is 1.0000 with leaf and 0.0000 with"
        " top-down."
    )
    assert disagreements.tally(found, "threshold") == disagreements.Tally("threshold", 1, 1, 0.5)


@pytest.mark.parametrize("name", TREES)
def test_what_two_decoders_gain_and_lose_adds_up(name):
    tree = TREES[name]
    found = disagreements.decoded(drawn(tree, 500, 2), tree)
    for first in DECODERS:
        for second in DECODERS:
            told = disagreements.compare(found, first, second)
            assert told.second.right - told.first.right == told.mended - told.spoilt
            assert told.differ == sum(found.nodes[first] != found.nodes[second]) >= told.mended + told.spoilt
            assert told.first.distance == pytest.approx(sum(found.costs[first].tolist()) / 500)
            above = sum(
                node != tree.leaf_nodes[true] and node in tree.path(int(tree.leaf_nodes[true]))
                for node, true in zip(found.nodes[first].tolist(), found.target.tolist(), strict=True)
            )
            assert told.first.above == above


def test_options_of_the_decoders_count():
    tree = TREES["figure 7"]
    outputs = drawn(tree, 100)
    sure = disagreements.decoded(outputs, tree, [DecoderChoice.of("threshold", {"threshold": 0})])
    assert set(sure.nodes) == {"threshold"}
    assert set(sure.nodes["threshold"].tolist()) <= set(tree.leaf_nodes.tolist())


def test_other_classes_and_unknown_decoders_are_refused():
    tree = TREES["figure 7"]
    with pytest.raises(ConfigError, match="other classes"):
        disagreements.decoded(drawn(tree, 5), TREES["flat"])
    found = disagreements.decoded(drawn(tree, 5), tree, [DecoderChoice("leaf")])
    with pytest.raises(ConfigError, match="Expected a decoder among leaf but got 'top-down'"):
        disagreements.search(found, SearchCriteria())
    with pytest.raises(ConfigError, match="Expected a decoder among leaf"):
        disagreements.compare(found, "leaf", "nobody")


def test_no_images_give_no_figures_and_no_error():
    tree = TREES["figure 7"]
    none = Outputs(np.empty((0, 5), np.float16), np.empty(0, np.int32), tree.leaves, "digits", 1)
    found = disagreements.decoded(none, tree)
    assert disagreements.search(found, SearchCriteria()).tolist() == []
    assert disagreements.compare(found, "leaf", "top-down").differ == 0


def test_many_images_take_far_less_time_than_one_by_one():
    tree = named("cifar100")
    outputs = drawn(tree, 10_000)
    disagreements.decoded(drawn(tree, 10), tree)
    start = time.perf_counter()
    found = disagreements.decoded(outputs, tree)
    disagreements.compare(found, "leaf", "top-down")
    disagreements.search(found, SearchCriteria())
    together = time.perf_counter() - start
    start = time.perf_counter()
    for place in range(20):
        one = outputs.log_probs(np.array([place]))[0].tolist()
        example = Example.from_leaf_log_probs(tree, one, int(outputs.target[place]))
        for choice in EVERY_DECODER:
            decide(example, choice)
    assert together < (time.perf_counter() - start) * 10_000 / 20 / 10
