import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import losses
from hierapp.lab import engine
from hierapp.lab.choices import EVERY_LOSS, LossChoice
from hierapp.lab.example import Example
from hierapp.lab.judgement import Judgement, Refusal, judge, judge_all
from tests.losses.literal import RAGGED, SETTINGS as EVERY_SETTING, UNIFORM, literal, options_for
from tests.strategies import trees

# In the lab there is no training part, so no class priors.
SETTINGS = [(name, options) for name, options in EVERY_SETTING if "prior" not in options]


def choice_for(tree, name, options):
    return LossChoice.of(name, options_for(tree, options))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(max_examples=25)
@given(tree=trees(max_nodes=25), seed=st.integers(0, 2**31))
def test_the_parts_add_up_to_the_librarys_value(name, options, tree, seed):
    example = Example.random(tree, seed)
    word = judge(example, choice_for(tree, name, options))
    added = math.fsum(part.value for term in word.terms for part in term.contributions)
    assert added == pytest.approx(word.value, abs=1e-9, rel=1e-9)
    assert math.fsum(word.share_of(node) for node in range(len(tree.nodes))) == pytest.approx(word.value, abs=1e-9)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(max_examples=10)
@given(tree=trees(max_nodes=20), seed=st.integers(0, 2**31))
def test_the_value_is_the_definitions(name, options, tree, seed):
    example = Example.random(tree, seed)
    word = judge(example, choice_for(tree, name, options))
    row = torch.tensor(engine.read(example, engine.loss_of(choice_for(tree, name, options), tree)))
    wanted = literal(name, tree, row, example.target, options_for(tree, options))
    assert word.value == pytest.approx(float(wanted), abs=1e-9, rel=1e-9)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(max_examples=8)
@given(tree=trees(max_nodes=15), seed=st.integers(0, 2**31))
def test_the_gradient_is_that_of_finite_differences(name, options, tree, seed):
    example = Example.random(tree, seed)
    choice = choice_for(tree, name, options)
    word, loss, step = judge(example, choice), engine.loss_of(choice, tree), 1e-5
    row = engine.read(example, loss)
    steps = step * np.eye(len(row))
    slopes = (
        (engine.values(loss, row + steps, example.target) - engine.values(loss, row - steps, example.target)) / 2 / step
    )
    shown = [slope for slope in word.gradient if slope is not None]
    assert shown == pytest.approx(slopes.tolist(), abs=1e-7)
    assert [node for node, slope in enumerate(word.gradient) if slope is not None] == sorted(loss.output_nodes)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(max_examples=10)
@given(tree=trees(max_nodes=20), seed=st.integers(0, 2**31))
def test_what_is_untouched_changes_nothing_and_the_rest_does(name, options, tree, seed):
    example = Example.random(tree, seed)
    choice = choice_for(tree, name, options)
    word, loss = judge(example, choice), engine.loss_of(choice, tree)
    row, shaken = engine.read(example, loss), np.random.default_rng(seed).normal(size=len(tree.nodes))
    moved = row.copy()
    for column, node in enumerate(engine.logit_nodes(loss)):
        if node in word.untouched:
            moved[column] += shaken[node]
            assert abs(word.gradient[node]) < 1e-12
        else:
            moves = [np.where(np.arange(len(row)) == column, to, row) for to in (row[column] + 1.0, 50.0, -50.0)]
            changed = engine.gradients(loss, np.stack([row, *moves, row * 0]), example.target)[1][:, column]
            assert np.abs(changed).max() > 1e-13
    assert engine.values(loss, moved[None], example.target)[0] == pytest.approx(word.value, abs=1e-9)


@pytest.mark.parametrize("name", losses.LOSSES)
@settings(max_examples=8)
@given(tree=trees(max_nodes=15), seed=st.integers(0, 2**31))
def test_what_a_loss_reads_leads_back_to_the_example(name, tree, seed):
    example, loss = Example.random(tree, seed), engine.loss_of(LossChoice.of(name), tree)
    row = engine.read(example, loss)
    again = engine.example_of(row, loss, like=example)
    assert again.z == pytest.approx(example.z)
    assert engine.read(again, loss) == pytest.approx(row)
    points = engine.probabilities(row, loss)
    found = engine.logits_of(points[None], loss)
    assert engine.values(loss, found, example.target) == pytest.approx(engine.values(loss, row[None], example.target))


def test_logit_adjustment_needs_priors_and_has_no_effect_in_the_lab():
    example = Example.random(RAGGED, 0)
    for name in ("cross-entropy", "conditional"):
        assert judge(example, LossChoice.of(name, {"tau": 1.0})).value == judge(example, LossChoice.of(name)).value


def test_which_logits_a_loss_never_touches():
    example = Example.level(RAGGED, RAGGED.leaves.index("d"))
    inner_group = {RAGGED.nodes.index(name) for name in ("a", "B", "b", "c")}
    assert set(judge(example, LossChoice.of("conditional")).untouched) == inner_group
    # The mass term weighs a against B by their depth; b and c are equally deep.
    assert set(judge(example, LossChoice.of("hierarchical")).untouched) == {RAGGED.nodes.index(name) for name in "bc"}
    assert judge(example, LossChoice.of("hierarchical", {"soft": 0.1})).untouched == ()
    assert judge(example, LossChoice.of("cross-entropy")).untouched == ()


def test_formulas_have_the_numbers_put_in():
    example = Example.from_conditionals(UNIFORM, {"x": 0.4, "a": 0.25}, "a")
    terms = {term.key: term for term in judge(example, LossChoice.of("hierarchical")).terms}
    assert [part.text for part in terms["path"].contributions] == [
        "s(v) · −log p(v) = 2 · −log 0.4 = 1.83",
        "s(v) · −log p(v) = 1 · −log 0.25 = 1.39",
    ]
    assert terms["path"].contributions[0].latex == r"s(v) \cdot -\log p(v) = 2 \cdot -\log 0.4 = 1.83"
    assert terms["mass"].constant
    assert terms["mass"].value == pytest.approx(2.0)
    assert "m · z(v) = 1 · 0.4 = 0.4" in [part.text for part in terms["mass"].contributions]
    assert not judge(Example.level(RAGGED), LossChoice.of("hierarchical")).terms[1].constant


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(max_examples=5)
@given(tree=trees(max_nodes=15), seed=st.integers(0, 2**31))
def test_a_term_called_constant_is_one(name, options, tree, seed):
    example, other = Example.random(tree, seed, target=0), Example.random(tree, seed + 1, target=0)
    choice = choice_for(tree, name, options)
    for one, two in zip(judge(example, choice).terms, judge(other, choice).terms, strict=True):
        if one.constant:
            assert one.value == pytest.approx(two.value, abs=1e-9)


def test_a_loss_without_a_split_has_one_part(monkeypatch):
    entry = losses.LOSSES["conditional"]
    monkeypatch.setitem(losses.LOSSES, "new", replace(entry, title="New"))
    word = judge(Example.level(RAGGED), LossChoice.of("new"))
    (term,) = word.terms
    assert term.value == word.value == pytest.approx(math.log(4))


def test_propriety_is_said_with_its_reason():
    word = judge(Example.level(RAGGED), LossChoice.of("hierarchical", {"mass": 0}))
    assert not word.is_proper
    assert "deep leaves" in word.reason


def test_all_losses_side_by_side_and_a_refusal_among_them():
    words = judge_all(Example.level(RAGGED))
    assert [word.choice for word in words] == list(EVERY_LOSS)
    assert all(isinstance(word, Judgement) for word in words)
    (refused,) = judge_all(Example.level(RAGGED), [LossChoice.of("level-wise", {"weights": "1,2"})])
    assert isinstance(refused, Refusal)
    assert "3 weights" in refused.reason


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_are_judged_and_written(size):
    example = Example.level(RAGGED, 3).with_logit(1, size)
    for word in judge_all(example):
        assert math.isfinite(word.value)
        assert sum(term.value for term in word.terms) == pytest.approx(word.value, rel=1e-9, abs=1e-9)
        assert all(part.text and "nan" not in part.text for term in word.terms for part in term.contributions)
