"""What varies, as it is written."""

import pytest
from hypothesis import given, strategies as st

from hierapp.errors import ConfigError
from hierapp.losses import LOSSES
from hierapp.search.space import Dimension, allowed, parse, usual, usual_range, variable
from hierapp.training.form_fields import fields_of
from hierapp.training.models import OFFERED
from tests.search.conftest import a_plan


def one(word, *losses):
    (found,) = parse([word], losses or ["hierarchical"])
    return found


def test_a_range_is_read_with_its_scale_and_kind():
    assert one("learning_rate=1e-4..1e-1:log") == Dimension("learning_rate", (), 1e-4, 0.1, log=True)
    assert one("momentum=0.5..0.9") == Dimension("momentum", (), 0.5, 0.9)
    assert one("crop=0..4") == Dimension("crop", (), 0, 4, whole=True)
    assert one("batch-size = 16..512:log") == Dimension("batch_size", (), 16, 512, log=True, whole=True)


def test_one_of_several_is_read_in_its_own_type():
    assert one("optimizer=adam, sgd").choices == ("adam", "sgd")
    assert one("batch_size=64,128").choices == (64, 128)
    assert one("flip=false,true").choices == (False, True)
    assert one("mass=0,0.5,1").choices == (0.0, 0.5, 1.0)
    assert one("targets=path,leaf").choices == ("path", "leaf")
    assert one("normalize=true,false", "hxe").choices == (True, False)
    assert one("similarity=tree,ordinal:0.5", "simloss").choices == ("tree", "ordinal:0.5")
    assert one("model=lenet,cnn6").choices == ("lenet", "cnn6")


def test_an_option_goes_to_every_loss_that_has_it_or_to_the_one_that_is_named():
    both = ["hierarchical", "hierarchical-convex", "simloss"]
    assert [each.name for each in parse(["soft=0..1"], both)] == [
        "loss",
        "hierarchical.soft",
        "hierarchical-convex.soft",
    ]
    assert [each.name for each in parse(["hierarchical-convex.soft=0..1"], both)] == [
        "loss",
        "hierarchical-convex.soft",
    ]


def test_what_others_depend_on_comes_first():
    found = parse(["momentum=0.5..0.9", "step_factor=0.1..1", "schedule=step,cosine", "optimizer=adam,sgd"], ["hxe"])
    assert [each.name for each in found] == ["schedule", "optimizer", "momentum", "step_factor"]
    momentum = found[2]
    assert momentum.says_something({"optimizer": "sgd", "loss": "hxe"})
    assert not momentum.says_something({"optimizer": "adam", "loss": "hxe"})
    alpha = one("alpha=0.1..1", "hxe")
    assert alpha.says_something({"loss": "hxe"})
    assert not alpha.says_something({"loss": "simloss"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Nothing varies"),
        (["learning_rate"], "NAME=RANGE"),
        (["=1..2"], "NAME=RANGE"),
        (["learning_rate="], "NAME=RANGE"),
        (["epochs=1..5"], "cannot vary 'epochs'"),
        (["seed=1,2"], "cannot vary 'seed'"),
        (["device=cpu,cuda"], "cannot vary 'device'"),
        (["alpha=0..1"], "mass, soft, soft_reduction of hierarchical"),
        (["simloss.lower_bound=0..1"], "cannot vary 'simloss.lower_bound'"),
        (["learning_rate=0.1..0.01"], "is empty"),
        (["learning_rate=0.1..0.1"], "is empty"),
        (["momentum=0..0.9:log"], "must be above 0"),
        (["momentum=0..0.9:linear"], "nothing or :log"),
        (["momentum=a..b"], "Expected numbers for momentum"),
        (["momentum=0..nan"], "Expected numbers"),
        (["momentum=0..inf"], "Expected numbers"),
        (["batch_size=1.5..3"], "Expected integers for batch_size"),
        (["optimizer=adam"], "two or more distinct values"),
        (["optimizer=adam,adam"], "two or more distinct values"),
        (["optimizer=adam,lion"], "among adam, adamw, sgd"),
        (["optimizer=1..2"], "among adam, adamw, sgd"),
        (["targets=path,twig"], "one of path, leaf"),
        (["flip=yes,no"], "Expected true or false for flip"),
        (["model=lenet,alexnet"], "Unknown model 'alexnet'"),
        (["mass=0..1", "hierarchical.mass=0..2"], "twice for hierarchical.mass"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_a_sentence(words, says):
    with pytest.raises(ConfigError) as error:
        parse(words, ["hierarchical"])
    assert says in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_loss_that_is_unknown_or_missing_is_refused():
    with pytest.raises(ConfigError, match="Unknown loss 'square'"):
        parse(["learning_rate=0.1..1"], ["square"])
    with pytest.raises(ConfigError, match="No loss is chosen"):
        parse(["learning_rate=0.1..1"], [])


@pytest.mark.parametrize("loss", LOSSES)
def test_everything_that_may_vary_has_a_usual_range_that_can_be_tried(loss):
    for name in variable([loss]):
        if name in ("warmup_epochs", "unet_width"):
            continue  # below, and for label maps only
        model = {"model": OFFERED} if name in fields_of("network") else {}
        a_plan(losses=(loss,), varied=[f"{name}={usual_range(name)}"], values={"optimizer": "sgd", **model}).check()
    a_plan(losses=(loss,), varied=["warmup_epochs=0..1"], values={"epochs": 2}).check()


def test_every_field_but_those_of_budget_and_machine_may_vary():
    assert set(fields_of("training")) - set(variable(["hxe"])) == {"epochs"}
    assert set(fields_of("optimization")) | set(fields_of("augmentation")) <= set(variable(["hxe"]))
    assert not set(fields_of("machine")) & set(variable(["hxe"]))


@given(value=st.floats(1e-4, 0.1), whole=st.integers(0, 4))
def test_numbers_are_tried_by_four_digits_within_their_range(value, whole):
    tried = one("learning_rate=1e-4..1e-1:log").clean(value)
    assert 1e-4 <= tried <= 0.1
    assert tried == pytest.approx(value, rel=1e-3)
    assert tried == float(f"{tried:.4g}")
    assert one("crop=0..4").clean(whole) == whole


def test_four_digits_never_lead_out_of_the_range():
    odd = one("learning_rate=0.00123449..0.0123451")
    assert odd.clean(0.00123449) == 0.00123449
    assert odd.clean(0.0123451) == 0.0123451


@pytest.mark.parametrize("name", variable(list(LOSSES)))
def test_the_usual_dimension_is_read_back_from_its_word_and_is_allowed(name):
    dimension, may = usual(name), allowed(name)
    (again,) = [each for each in parse([dimension.word], list(LOSSES)) if each.name == name]
    assert again == dimension
    for end in dimension.ends:
        if may.numeric:
            assert may.low is None or may.low <= end
            assert may.high is None or end <= may.high
        else:
            assert may.is_open or str(end).lower() in may.values
