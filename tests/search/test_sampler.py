"""What is tried next, what is hopeless, what mattered: Optuna over made-up trials."""

import random

import optuna
import pytest

from hierapp.search import journal, sampler
from hierapp.search.trials import Trial
from tests.search.conftest import a_plan

WIDE = ["learning_rate=1e-4..1e-1:log", "optimizer=adam,sgd", "momentum=0.5..0.9", "crop=0..4"]


def study_of(plan, trials=()):
    """A study in memory with these trials."""
    study = optuna.create_study(direction=journal.direction(plan))
    for trial in trials:
        sampler.add(plan, study, trial.params)
    sampler.tell(study, trials)
    return study


def tried(plan, value_of, count, state="finished"):
    """Trials one after the other, as the sampler asks for them."""
    found, study = [], study_of(plan)
    for number in range(count):
        params = sampler.ask(plan, study)
        value = value_of(params)
        found.append(Trial(number, params, state, values=((1, value), (2, value), (3, value)), value=value))
        sampler.add(plan, study, params)
        sampler.tell(study, found)
    return found


def curve(number, values, state="finished"):
    points = tuple(enumerate(values, 1))
    return Trial(number, {"learning_rate": 0.01}, state, values=points, value=max(values, default=None))


def test_the_same_trials_lead_to_the_same_question():
    plan = a_plan(varied=WIDE)
    some = tried(plan, lambda params: params["learning_rate"], 12)
    assert sampler.ask(plan, study_of(plan, some)) == sampler.ask(plan, study_of(plan, some))
    assert tried(plan, lambda params: params["learning_rate"], 12) == some


def test_another_seed_asks_something_else_and_so_does_each_trial():
    first = tried(a_plan(varied=WIDE), lambda params: 0.5, 8)
    other = tried(a_plan(varied=WIDE, seed=1), lambda params: 0.5, 8)
    rates = [trial.params["learning_rate"] for trial in (*first, *other)]
    assert len(set(rates)) == 16


def test_every_value_is_within_its_range_and_only_what_says_something_is_asked():
    plan = a_plan(losses=("hierarchical", "hxe"), varied=[*WIDE, "mass=0..1", "alpha=0.1,0.5"])
    for trial in tried(plan, lambda params: params["learning_rate"], 25):
        params = trial.params
        assert 1e-4 <= params["learning_rate"] <= 0.1
        assert params["crop"] in range(5)
        assert ("momentum" in params) == (params["optimizer"] == "sgd")
        assert ("hierarchical.mass" in params) == (params["loss"] == "hierarchical")
        assert ("hxe.alpha" in params) == (params["loss"] == "hxe")
        plan.config(params)


@pytest.mark.parametrize(("metric", "sign"), [("val_accuracy", 1), ("val_distance", -1)])
def test_it_learns_where_the_good_ones_are(metric, sign):
    plan = a_plan(metric=metric, varied=["momentum=0..0.9"], values={"optimizer": "sgd"})
    found = tried(plan, lambda params: -sign * abs(params["momentum"] - 0.3), 40)
    late = [abs(trial.params["momentum"] - 0.3) for trial in found[25:]]
    early = [abs(trial.params["momentum"] - 0.3) for trial in found[:10]]
    assert sum(late) / len(late) < 0.75 * sum(early) / len(early)


def test_a_trial_below_the_median_is_hopeless_after_five():
    plan = a_plan()
    good = [curve(number, [0.5, 0.6, 0.7]) for number in range(5)]
    bad, better = curve(5, [0.1, 0.2], "running"), curve(5, [0.1, 0.65], "running")
    assert sampler.should_prune(plan, study_of(plan, [*good, bad]), 5)
    assert not sampler.should_prune(plan, study_of(plan, [*good, better]), 5)
    assert not sampler.should_prune(plan, study_of(plan, [*good[:4], curve(4, [0.1, 0.2], "running")]), 4)
    assert not sampler.should_prune(a_plan(pruner="off"), study_of(plan, [*good, bad]), 5)
    assert not sampler.should_prune(plan, study_of(plan, [*good, curve(5, [], "running")]), 5)


def test_the_first_fifth_of_the_epochs_is_spared():
    plan = a_plan(values={"epochs": 10})
    good = [curve(number, [0.5, 0.6, 0.7]) for number in range(5)]
    assert not sampler.should_prune(plan, study_of(plan, [*good, curve(5, [0.1], "running")]), 5)
    assert sampler.should_prune(plan, study_of(plan, [*good, curve(5, [0.1, 0.2], "running")]), 5)


def test_less_is_better_where_it_is():
    plan = a_plan(metric="val_distance")
    good = [curve(number, [0.5, 0.4]) for number in range(5)]
    assert not sampler.should_prune(plan, study_of(plan, [*good, curve(5, [0.3, 0.2], "running")]), 5)
    assert sampler.should_prune(plan, study_of(plan, [*good, curve(5, [0.9, 0.8], "running")]), 5)


def test_what_mattered_is_told_once_there_is_enough():
    plan = a_plan(varied=["learning_rate=1e-4..1e-1:log", "crop=0..4"])
    found = tried(plan, lambda params: params["learning_rate"], 30)
    shares = sampler.importances(plan, study_of(plan, found))
    assert next(iter(shares)) == "learning_rate"
    assert shares["learning_rate"] > 0.5
    assert sum(shares.values()) == pytest.approx(1)
    assert sampler.importances(plan, study_of(plan, found[: sampler.ENOUGH - 1])) == {}
    assert sampler.importances(plan, study_of(plan, tried(plan, lambda params: 0.5, 12))) == {}


def test_parameters_of_one_loss_alone_have_their_importance():
    plan = a_plan(losses=("hierarchical", "hxe"), varied=["mass=0..1", "crop=0..4"])
    random.seed(0)
    found = tried(plan, lambda params: params.get("hierarchical.mass", 0.2) + random.random() / 100, 40)
    assert set(sampler.importances(plan, study_of(plan, found))) == {"loss", "hierarchical.mass", "crop"}


@pytest.mark.parametrize("state", ["pruned", "cancelled", "failed", "refused", "gone", "stopped", "interrupted"])
def test_trials_that_ended_otherwise_do_not_break_the_next_question(state):
    plan = a_plan(varied=WIDE)
    found = tried(plan, lambda params: params["learning_rate"], 12)
    odd = Trial(12, sampler.ask(plan, study_of(plan, found)), state, values=((1, 0.1),), value=0.1)
    assert sampler.ask(plan, study_of(plan, [*found, odd]))
    assert sampler.importances(plan, study_of(plan, [*found, odd])) == sampler.importances(plan, study_of(plan, found))
