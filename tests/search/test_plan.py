"""What is asked for, and what is kept of it."""

import json

import pytest

from hierapp.errors import ConfigError, StoreError, TreeError
from hierapp.search import journal, sampler
from hierapp.search.plan import Plan, options_of
from tests.search.conftest import a_plan, begun


def test_a_plan_comes_back_from_disk_as_it_was(store):
    plan = a_plan(losses=("hierarchical", "hxe"), options={"hxe.alpha": 0.5}, owner="bob@x.edu", waiting=3)
    journal.begin(store, plan)
    found = journal.find(store, "lr").plan
    assert found == plan
    assert found.dimensions == plan.dimensions


def test_a_trial_is_configured_by_what_stays_and_what_varies():
    plan = a_plan(
        losses=("hierarchical", "hxe"),
        varied=["mass=0..1", "learning_rate=0.1..1", "alpha=0.1,0.2"],
        options={"hierarchical.soft": 0.25},
        values={"optimizer": "sgd"},
    )
    config = plan.config({"loss": "hierarchical", "hierarchical.mass": 0.5, "learning_rate": 0.2})
    assert (config.loss, config.options["mass"], config.options["soft"]) == ("hierarchical", 0.5, 0.25)
    assert (config.learning_rate, config.optimizer, config.epochs) == (0.2, "sgd", 3)
    other = plan.config({"loss": "hxe", "hxe.alpha": 0.2, "learning_rate": 0.2})
    assert other.options["alpha"] == 0.2
    assert "mass" not in other.options


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "two words"}, "not a valid search name"),
        ({"name": "../up"}, "not a valid search name"),
        ({"name": "x" * 33}, "at most 32"),
        ({"trials": 0}, "from 1 to 1,000 trials"),
        ({"at_once": 0}, "trials at once"),
        ({"metric": "test_accuracy"}, "Unknown metric 'test_accuracy'"),
        ({"pruner": "axe"}, "Unknown pruner 'axe'"),
        ({"seed": -1}, "sampler's seed"),
        ({"varied": ["learning_rate=0..0.1"]}, "learning_rate"),
        ({"varied": ["mass=-1..1"]}, "mass of hierarchical"),
        ({"varied": ["batch_size=0..100"]}, "batch_size"),
        ({"varied": ["warmup_epochs=0..3"]}, "warm-up"),
        ({"varied": ["mass=0..1"], "options": {"hierarchical.mass": 1}}, "remove one of the two"),
        ({"losses": ("hierarchical", "level-wise"), "options": {"level-wise.weights": "1,2,3,4,5,6,7"}}, "weights"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is(given, says):
    with pytest.raises(ConfigError) as error:
        a_plan(**given).check()
    assert says in str(error.value)
    assert str(error.value).endswith(".")


def test_options_go_to_the_losses_that_have_them():
    assert options_of(("hierarchical", "hierarchical-convex"), {"soft": "0.1"}) == {
        "hierarchical.soft": "0.1",
        "hierarchical-convex.soft": "0.1",
    }
    with pytest.raises(ConfigError, match="has an option 'beta'"):
        options_of(("hierarchical",), {"beta": 1})


def test_a_name_is_given_once(store):
    begun(store)
    with pytest.raises(StoreError, match="A search 'lr'"):
        begun(store, trials=99)
    assert journal.find(store, "lr").plan.trials == 6
    assert [each.name for each in (store.folder / "searches").iterdir()] == ["lr"]


def test_what_is_not_there_is_told(store):
    for name in ("lr", "..", "", "a/b"):
        with pytest.raises(StoreError, match="There is no search"):
            journal.find(store, name)
    assert journal.names(store) == []


def test_a_broken_plan_is_told(store):
    search = begun(store)
    (search.folder / "plan.json").write_text("{")
    with pytest.raises(StoreError, match="The plan of this search is broken"):
        journal.find(store, "lr")


def test_a_plan_of_a_later_version_is_read_as_far_as_it_is_known():
    later = json.loads(a_plan().to_json()) | {"color": "blue"}
    assert Plan.from_json(json.dumps(later)) == a_plan()


def test_a_line_that_was_cut_short_spoils_no_other(store):
    search = begun(store)
    sampler.add(search.plan, search.study(), {"learning_rate": 0.01})
    with (search.folder / journal.JOURNAL).open("a") as file:
        file.write('{"op_code": 8, "tri')
    search.note(0, run="7")
    search.note(0, pruned=[2, 3.0])
    (entry,) = search.read().entries
    assert (entry.params, entry.run, entry.pruned) == ({"learning_rate": 0.01}, "7", (2, 3.0))


def test_the_tree_must_be_over_the_data_sets_classes(store):
    from hierapp.search import runner
    from hierapp.trees import formats as tree_formats, library as tree_library

    text = tree_formats.render(tree_library.load("cifar10"), "json")
    plan = Plan("lr", ("hxe",), {"data": "digits", "tree": "cifar10"}, ("learning_rate=0.1..1",), text)
    with pytest.raises(TreeError):
        runner.begin(store, plan)
    assert journal.names(store) == []
