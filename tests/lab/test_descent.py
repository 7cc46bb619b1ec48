import pytest
import torch

from hierapp import make_loss
from hierapp.errors import ConfigError
from hierapp.lab import engine
from hierapp.lab.choices import EVERY_LOSS, LossChoice
from hierapp.lab.descent import descend
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from tests.losses.literal import ANIMALS, RAGGED

START = Example.random(RAGGED, 3, target=1)


@pytest.mark.filterwarnings("ignore::hierapp.losses.propriety.ImproperLossWarning")
@pytest.mark.parametrize("choice", EVERY_LOSS, ids=lambda choice: choice.name)
def test_steps_are_those_of_torchs_own_descent(choice):
    steps = descend(START, choice, rate=0.3, steps=20)
    loss = make_loss(choice.name, RAGGED)
    logits = torch.tensor(engine.read(START, engine.loss_of(choice, RAGGED))[None], requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=0.3)
    for example, value in zip(steps.examples, steps.values, strict=True):
        found = loss(logits, torch.tensor([START.target]))
        assert value == pytest.approx(found.item(), abs=1e-9)
        if loss.link in ("leaves", "siblings"):
            assert example.leaf_probabilities == pytest.approx(loss.leaf_log_probs(logits).exp()[0].tolist(), abs=1e-9)
        else:  # a softmax over all nodes is the same for logits less the root's
            own = logits[0, 1:] - logits[0, 0] if loss.link == "nodes" else logits[0]
            assert example.logits == pytest.approx(own.tolist(), abs=1e-9)
        optimizer.zero_grad()
        found.backward()
        optimizer.step()


@pytest.mark.parametrize("choice", EVERY_LOSS, ids=lambda choice: choice.name)
def test_a_small_step_lowers_the_loss_and_leaves_the_start_alone(choice):
    before = START.logits
    step = descend(START, choice, rate=0.01)
    assert step.values[1] < step.values[0]
    assert step.examples[0] is START
    assert before == START.logits
    assert descend(START, choice, rate=0.01) == step


def test_no_logit_moves_that_a_loss_never_touches():
    end = descend(START, LossChoice.of("conditional"), steps=100).last
    for node in judge(START, LossChoice.of("conditional")).untouched:
        assert end.logits[node - 1] == START.logits[node - 1]


def test_siblings_keep_their_mean_under_a_flat_loss():
    start = Example.random(ANIMALS, 1, target=0)
    end = descend(start, LossChoice.of("cross-entropy"), steps=10).last
    for below in ANIMALS.children:
        if below:
            means = [sum(example.logits[child - 1] for child in below) / len(below) for example in (start, end)]
            assert means[0] == pytest.approx(means[1])


def test_no_step_is_the_start():
    assert descend(START, LossChoice.of("conditional"), steps=0).last is START


@pytest.mark.parametrize(("rate", "steps"), [(0.0, 1), (float("nan"), 1), (101.0, 1), (1.0, -1), (1.0, 1001)])
def test_a_rate_or_number_of_steps_out_of_bounds_is_refused(rate, steps):
    with pytest.raises(ConfigError, match=r"Expected .*\.$"):
        descend(START, LossChoice.of("conditional"), rate, steps)


def test_a_wild_descent_stays_finite():
    end = descend(Example.level(RAGGED), LossChoice.of("hierarchical"), rate=100.0, steps=300)
    assert all(abs(value) < 1e6 for value in end.values)
