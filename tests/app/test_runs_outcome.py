"""The runs that are added to a comparison on the Runs page."""

from hierapp.analysis.outcome import outcome
from pages.runs.outcome import more_seeds
from tests.finished_runs import add_finished


def test_groups_get_the_seeds_that_they_lack_and_no_others(store):
    for loss, seeds in (("cross-entropy", range(7)), ("hierarchical", (0, 2, 3))):
        for seed in seeds:
            add_finished(store, loss, seed, with_outputs=False)
    more = more_seeds(outcome(store.runs()).groups, 5)
    assert [(config.loss, config.seed) for config in more] == [("hierarchical", 1), ("hierarchical", 4)]


def test_runs_that_are_added_are_chosen_with_those_before(open_page, store):
    before = [add_finished(store, loss) for loss in ("cross-entropy", "hierarchical")]
    page = open_page("runs", runs=before)
    page.button(key="more-seeds").click().run()
    assert not page.exception
    assert page.session_state["runs"] == [run.id for run in store.runs()]
    assert len(store.runs()) == 12  # 6 seeds, with which p < 0.05 is possible


def test_runs_of_a_second_start_replace_those_that_were_chosen(open_page, store):
    page = open_page("runs", runs=add_finished(store))
    page.switch_page("pages/start/page.py").run()
    page.button[0].click().run()
    assert page.title[0].value == "Runs"
    assert page.session_state["runs"] == ["2", "3", "4"]


def test_an_address_that_names_runs_chooses_them_on_the_way_from_another_page(open_page, store):
    for _ in range(2):
        add_finished(store)
    page = open_page("runs", runs="1")
    page.switch_page("pages/start/page.py").run()
    page.query_params["runs"] = "2"
    page.switch_page("pages/runs/page.py").run()
    assert page.session_state["runs"] == ["2"]
