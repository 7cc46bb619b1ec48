"""What a run may be configured with, and what is refused in one sentence."""

import pytest

from hierapp.errors import ConfigError, HierappError
from hierapp.training import RunConfig
from hierapp.training.plans import plan

GOOD = {"data": "digits", "tree": "digits", "loss": "hierarchical"}


def test_options_are_completed_with_their_defaults():
    config = RunConfig.make(**GOOD, options={"mass": "0"})
    assert config.options == {"targets": "path", "mass": 0.0, "soft": 0.0, "soft_reduction": "mean"}
    assert RunConfig.make(**config.model_dump()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "-1 for epochs"),
        ({"epochs": 0}, "0 for epochs"),
        ({"epochs": 2.5}, "2.5 for epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"data": "imagenet"}, "Unknown data set 'imagenet'"),
        ({"loss": "nonsense"}, "Unknown loss 'nonsense'"),
        ({"model": "vgg"}, "Unknown model 'vgg'"),
        ({"options": {"masss": 1}}, "no option 'masss'"),
        ({"options": {"mass": "much"}}, "mass of hierarchical"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_values_are_told_in_one_sentence(change, message):
    with pytest.raises(HierappError, match=message) as caught:
        RunConfig.make(**{**GOOD, **change})
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_configuration_cannot_be_changed():
    config = RunConfig.make(**GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.epochs = 3


def test_plan_orders_by_seed_and_gives_options_to_the_losses_that_have_them():
    rest = {"data": "digits", "tree": "digits"}
    configs = plan(
        ["cross-entropy", "hierarchical", "hierarchical-convex", "hierarchical"],
        [3, 4],
        {"soft": 0.5, "hierarchical.mass": 0},
        **rest,
    )
    assert [(c.loss, c.seed) for c in configs] == [
        ("cross-entropy", 3),
        ("hierarchical", 3),
        ("hierarchical-convex", 3),
        ("cross-entropy", 4),
        ("hierarchical", 4),
        ("hierarchical-convex", 4),
    ]
    assert configs[1].options["soft"] == configs[2].options["soft"] == 0.5
    assert configs[1].options["mass"] == 0.0
    assert "soft" not in configs[0].options


@pytest.mark.parametrize(
    ("chosen", "seeds", "options", "message"),
    [
        ([], [0], {}, "No loss is chosen"),
        (["simloss"], [], {}, "No seed is chosen"),
        (["simloss"], [0], {"mass": 1}, "has an option 'mass'"),
        (["simloss"], [0], {"hierarchical.mass": 1}, "has an option 'hierarchical.mass'"),
        (["nonsense"], [0], {}, "Unknown loss"),
        (["simloss"], range(10**12), {}, "1,000,000,000,000 runs; start at most 1,000"),
    ],
)
def test_a_plan_that_cannot_be(chosen, seeds, options, message):
    with pytest.raises(ConfigError, match=message):
        plan(chosen, seeds, options, data="digits", tree="digits")
