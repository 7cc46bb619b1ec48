"""The Search page over searches whose runs have made-up metrics."""

from __future__ import annotations

import pytest

from hierapp.search import journal, space
from hierapp.search.report import Report
from hierapp.search.runner import SearchRunner
from hierapp.training.form_fields import fields_of
from tests.app.conftest import figures, texts
from tests.search.conftest import begun, carry_on, report

VARIED = ["learning_rate=1e-4..1e-1:log", "optimizer=adam,sgd", "momentum=0.5..0.9", "mass=0..1", "crop=0..2"]

NETWORK = fields_of("network")  # each is of some networks only


def some(config):
    return 1 - abs(config["learning_rate"] - 0.01)


@pytest.fixture
def over(store):
    """A search that has ended, with enough trials for everything."""
    search = begun(store, trials=12, varied=VARIED, losses=("hierarchical", "hxe"))
    carry_on(search, some)
    return search


def test_without_a_search_there_is_the_form_with_sensible_ranges(open_page, store):
    page = open_page("search")
    assert not page.exception
    assert "There are no searches yet" in page.info[0].value
    assert page.multiselect(key="varied").value == [
        "learning_rate",
        "optimizer",
        "hierarchical.mass",
        "hierarchical.soft",
    ]
    assert page.selectbox(key="scale-learning_rate").value == "logarithmic"
    bounds = [page.number_input(key=f"{end}-learning_rate").value for end in ("low", "high")]
    assert bounds == [1e-4, 0.1]
    assert page.multiselect(key="values-optimizer").value == ["adam", "adamw", "sgd"]
    assert not page.button(key="start-search").disabled


def test_the_button_begins_the_search_that_the_form_says(open_page, store):
    page = open_page("search", data="digits", loss="hierarchical", epochs="1")
    names = ["learning_rate", "batch_size", "optimizer", "hierarchical.mass", "hierarchical.soft"]
    page.multiselect(key="varied").set_value(names).run()
    page.number_input(key="high-learning_rate").set_value(0.05).run()
    page.selectbox(key="scale-batch_size").set_value("linear").run()
    page.number_input(key="low-batch_size").set_value(16).run()
    page.multiselect(key="values-optimizer").set_value(["adam", "sgd"]).run()
    page.selectbox(key="scale-hierarchical.mass").set_value("values").run()
    page.multiselect(key="values-hierarchical.mass").set_value(["0", "0.5", "1"]).run()
    page.number_input(key="trials").set_value(3).run()
    page.text_input(key="search-name").set_value("mine").run()
    page.button(key="start-search").click().run()
    assert not page.exception
    assert not page.error
    plan = journal.find(store, "mine").plan
    assert plan.varied == (
        "learning_rate=0.0001..0.05:log",
        "batch_size=16..256",
        "optimizer=adam,sgd",
        "hierarchical.mass=0,0.5,1",
        "hierarchical.soft=0..1",
    )
    assert (plan.trials, plan.losses, plan.epochs, plan.values["data"]) == (3, ("hierarchical",), 1, "digits")
    assert page.selectbox(key="search").value == "mine"
    assert "The first trial is running" in texts(page)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda page: page.number_input(key="high-learning_rate").set_value(1e-5), "put the smaller number first"),
        (lambda page: page.number_input(key="low-learning_rate").set_value(0.0), "cannot be log"),
        (lambda page: page.multiselect(key="values-optimizer").set_value(["adam"]), "two or more distinct values"),
    ],
)
def test_a_range_that_is_wrong_is_told_and_nothing_can_be_started(change, words, open_page, store):
    page = change(open_page("search", data="digits")).run()
    assert words in page.error[0].value
    assert "start-search" not in [button.key for button in page.button]


def test_every_parameter_has_fields_whose_usual_values_are_a_valid_range(open_page, store):
    chosen = ["hierarchical", "hxe", "simloss"]
    names = [name for name in space.variable(chosen) if name not in NETWORK]
    page = open_page("search", data="digits", loss=chosen, varied=names)
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert page.multiselect(key="varied").value == names


def test_a_name_that_is_taken_is_told(open_page, store, over):
    page = open_page("search", view="new", data="digits")
    assert page.text_input(key="search-name").value == "search-1"
    page.text_input(key="search-name").set_value("lr").run()
    page.button(key="start-search").click().run()
    assert "A search 'lr'" in texts(page)


def test_options_of_a_loss_that_is_not_chosen_any_more_do_not_vary(open_page, store):
    page = open_page("search", data="digits")
    page.multiselect(key="loss").set_value(["simloss"]).run()
    assert not page.error
    assert page.multiselect(key="varied").value == ["learning_rate", "optimizer"]


def test_a_search_shows_its_trials_the_best_and_what_mattered(open_page, over):
    page = open_page("search")
    assert not page.exception
    assert not page.error
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["State"] == "finished"
    assert metrics["Trials ended"] == "12 of 12"
    best = Report.of(over).best
    assert metrics["Best validation accuracy"] == f"{best.value:.2%}"
    frame = page.dataframe[0].value
    assert frame["trial"].tolist() == list(range(11, -1, -1))
    assert frame["run"].tolist()[-1] == "runs?runs=1"
    assert len(figures(page)) == 3
    assert page.button(key="stop-search").disabled
    assert page.button(key="resume-search").disabled


def test_the_best_opens_in_the_train_form(open_page, over):
    best = Report.of(over).best.run
    page = open_page("search")
    page.button(key="open-best").click().run()
    assert not page.exception
    assert page.title[0].value == "Train"
    assert page.number_input(key="learning-rate").value == pytest.approx(best.config.learning_rate)
    assert page.multiselect(key="loss").value == [best.config.loss]
    assert page.selectbox(key="optimizer").value == best.config.optimizer


def test_a_search_that_goes_on_is_stopped_and_resumed_by_buttons(open_page, store):
    search = begun(store, varied=VARIED)
    one = SearchRunner(search)
    one.step()
    one.step()
    report(store, "1", [0.5])
    page = open_page("search")
    assert "The search's process is gone" in page.warning[0].value
    page.button(key="resume-search").click().run()
    assert {metric.label: metric.value for metric in page.metric}["State"] == "running"
    page.button(key="stop-search").click().run()
    assert not page.exception
    assert {metric.label: metric.value for metric in page.metric}["State"] == "stopping"
    assert not one.step()  # as the search's process does
    assert store.run("1").cancel_requested is not None
    page.button(key="see-runs").click().run()
    assert page.title[0].value == "Runs"


def test_what_stopped_a_search_is_told(open_page, store):
    search = begun(store)
    search.note_error("The launcher cannot be understood; mend it.")
    assert "The launcher cannot be understood" in open_page("search").error[0].value


def test_a_broken_plan_is_told_and_the_others_can_be_seen(open_page, store, over):
    broken = begun(store, name="broken")
    (broken.folder / "plan.json").write_text("{")
    page = open_page("search", search="broken")
    assert not page.exception
    assert "The plan of this search is broken" in texts(page)
    page.selectbox(key="search").set_value("lr").run()
    assert not page.error
