import numpy as np
import pytest

from hierapp.errors import ConfigError
from hierapp.lab import engine
from hierapp.lab.choices import EVERY_LOSS, LossChoice
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.lab.landscape import cut, plane, printed
from tests.losses.literal import ANIMALS, RAGGED, UNIFORM

ONE, OTHER, THIRD = (Example.random(RAGGED, seed, target=1) for seed in range(3))


@pytest.mark.parametrize("choice", EVERY_LOSS, ids=lambda choice: choice.name)
@pytest.mark.parametrize("space", ["logits", "probabilities"])
def test_a_slice_runs_between_the_values_of_its_ends(choice, space):
    line = cut(ONE, OTHER, choice, space, points=11)
    assert [line.curve[0], line.curve[-1]] == pytest.approx([judge(each, choice).value for each in (ONE, OTHER)])
    assert line.chord == pytest.approx(np.linspace(line.curve[0], line.curve[-1], 11).tolist())
    assert line.below_chord == (line.excess <= 1e-9)
    assert line.summary.endswith(".")


@pytest.mark.parametrize("choice", EVERY_LOSS, ids=lambda choice: choice.name)
def test_half_way_probabilities_are_the_mean_of_those_the_loss_reads(choice):
    link = engine.loss_of(choice, RAGGED).link
    if link in ("nodes", "sigmoid"):
        return  # its probabilities are not those of an example
    if link == "leaves":
        mean = [(a + b) / 2 for a, b in zip(ONE.leaf_probabilities, OTHER.leaf_probabilities, strict=True)]
        between = Example.from_leaf_probabilities(RAGGED, mean, 1)
    else:
        named = {name: (a + b) / 2 for name, a, b in zip(RAGGED.nodes[1:], ONE.p[1:], OTHER.p[1:], strict=True)}
        between = Example.from_conditionals(RAGGED, named, RAGGED.leaves[1])
    line = cut(ONE, OTHER, choice, "probabilities", points=3)
    assert line.curve[1] == pytest.approx(judge(between, choice).value)


def holds(name, space, options=None, tree=RAGGED):
    """Whether no slice among many bends down."""
    choice = LossChoice.of(name, options or {})
    examples = [Example.random(tree, seed, target=seed % len(tree.leaves)) for seed in range(12)]
    return all(cut(a, b, choice, space, 41).is_convex for a in examples for b in examples[:4])


# Sums of -log p are convex in p and, as log-sum-exps less a logit, in the logits; what has marginals of several leaves
# in a logarithm is convex in p alone; an expectation is linear in p.
@pytest.mark.parametrize(
    ("name", "options", "in_logits", "in_probabilities"),
    [
        ("cross-entropy", {}, True, True),
        ("regularized-cross-entropy", {"penalty": 0.9}, False, True),
        ("conditional", {}, True, True),
        ("hierarchical-convex", {}, True, True),
        ("hierarchical-convex", {"soft": 1.0}, True, True),
        ("hierarchical", {"mass": 0.0}, True, True),
        ("hierarchical", {"mass": 5.0}, False, False),
        ("hxe", {"alpha": 1.0}, False, True),
        ("soft-labels", {}, True, True),
        ("simloss", {}, False, True),
        ("tree-wasserstein", {}, False, True),
        ("level-wise", {}, False, True),
        ("softmax-margin", {}, True, False),
        ("tree-min-focal", {"gamma": 0.0}, True, True),
        ("tree-min-focal", {}, False, True),
        ("frame", {}, True, True),
    ],
)
def test_which_losses_are_convex(name, options, in_logits, in_probabilities):
    assert holds(name, "logits", options) == in_logits
    assert holds(name, "probabilities", options) == in_probabilities


def test_on_uniform_depth_the_hierarchical_loss_is_convex_in_both():
    assert holds("hierarchical", "logits", tree=UNIFORM)
    assert holds("hierarchical", "probabilities", tree=UNIFORM)


def test_a_chord_that_is_violated_is_told_with_its_place():
    low, high = (Example.level(RAGGED, 3).with_logit(RAGGED.nodes.index("d"), size) for size in (-8.0, 8.0))
    line = cut(low, high, LossChoice.of("tree-wasserstein"), "logits")
    assert not line.below_chord
    assert line.excess > 0.5
    assert 0 < line.excess_at < 1
    assert "above its chord" in line.summary


def test_a_surface_has_the_values_of_its_corners():
    choice = LossChoice.of("hierarchical")
    surface = plane(ONE, OTHER, THIRD, choice, "logits", points=5)
    origin, one = surface.at.index(0.0), surface.at.index(1.0)
    assert surface.values[origin][origin] == pytest.approx(judge(ONE, choice).value)
    assert surface.values[origin][one] == pytest.approx(judge(OTHER, choice).value)
    assert surface.values[one][origin] == pytest.approx(judge(THIRD, choice).value)


def test_a_surface_in_probabilities_ends_where_they_do():
    surface = plane(ONE, OTHER, THIRD, LossChoice.of("cross-entropy"), "probabilities", points=11)
    assert surface.values[0][-1] == pytest.approx(judge(OTHER, LossChoice.of("cross-entropy")).value)
    assert all(value is not None for b, row in enumerate(surface.values) for value in row[: 11 - b])
    assert surface.values[-1][-1] is None


def test_the_printed_minus_sign_has_no_lower_bound():
    example = Example.random(ANIMALS, 0, target=0)
    said = printed(example)
    assert said.mended == judge(example, LossChoice.of("hierarchical-convex")).value > 0
    assert said.value == -said.mended
    falling = [value for _, value in said.fall]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < said.fall[0][1] - 15  # log 1e-1 to log 1e-8 is 16.1
    line = cut(example, Example.random(ANIMALS, 1, target=0), LossChoice.of("hierarchical-convex")).as_printed()
    assert not line.is_convex
    assert max(line.curve) <= 0
    assert line.title.endswith("as printed")


@pytest.mark.parametrize(
    "call",
    [
        lambda: cut(ONE, Example.level(UNIFORM), LossChoice.of("conditional")),
        lambda: cut(ONE, OTHER, LossChoice.of("conditional"), "sideways"),
        lambda: cut(ONE, OTHER, LossChoice.of("conditional"), points=2),
        lambda: plane(ONE, OTHER, THIRD, LossChoice.of("conditional"), points=2),
    ],
)
def test_what_is_no_slice_is_refused_in_a_sentence(call):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        call()
