"""Who may begin, stop and resume searches."""

import dataclasses

import pytest

from hierapp.access import Actions, Limits, Person, Role
from hierapp.access.roles import LOCAL
from hierapp.access.search_actions import SearchActions
from hierapp.errors import AccessError
from hierapp.search import journal
from hierapp.search.report import Report
from hierapp.search.runner import SearchRunner
from tests.search.conftest import a_plan, quiet_store

ADA, BOB = Person("ada@x.edu", Role.ADMIN), Person("bob@x.edu", Role.RUNNER)
EVE, NOBODY = Person("eve@x.edu", Role.RUNNER), Person("vic@x.edu", Role.VIEWER)


@pytest.fixture
def store(tmp_path, monkeypatch):
    return quiet_store(tmp_path, monkeypatch)


def limited(**limits):
    return Person("bob@x.edu", Role.RUNNER, Limits(**limits))


def refused(what, *arguments):
    with pytest.raises(AccessError) as error:
        what(*arguments)
    return str(error.value)


@pytest.mark.parametrize("person", [ADA, BOB, LOCAL])
def test_a_search_and_its_runs_belong_to_whoever_began_it(person, store):
    search = Actions(store, person).searches.begin(a_plan(owner="somebody@else.edu"))
    assert journal.find(store, "lr").plan.owner == person.email
    one = SearchRunner(search)
    one.step()
    one.step()
    assert store.runs()[0].owner == person.email


def test_a_viewer_begins_nothing(store):
    assert "not start searches" in refused(Actions(store, NOBODY).searches.begin, a_plan())
    assert journal.names(store) == []


def test_only_its_owner_and_admins_stop_and_resume_a_search(store):
    Actions(store, BOB).searches.begin(a_plan())
    for person in (EVE, NOBODY):
        for what in ("stop", "resume"):
            refused(getattr(Actions(store, person).searches, what), "lr")
    assert Report.of(journal.find(store, "lr")).state == "running"
    Actions(store, BOB).searches.stop("lr")
    assert Report.of(journal.find(store, "lr")).state == "stopped"
    Actions(store, ADA).searches.resume("lr")
    assert Report.of(journal.find(store, "lr")).state == "running"


def test_limits_hold_for_searches(store):
    few = Actions(store, limited(waiting=2, epochs=5)).searches
    assert "at most 2 runs" in refused(few.begin, a_plan(at_once=3))
    assert "5 epochs here, but 6" in refused(few.begin, a_plan(values={"epochs": 6}))
    few.begin(a_plan(at_once=2))
    assert journal.find(store, "lr").plan.waiting == 2


def test_only_an_admin_searches_among_models_of_their_own(store):
    plan = a_plan(varied=["model=lenet,json:loads"])
    assert "may run custom code" in refused(Actions(store, BOB).searches.begin, plan)
    assert "may run custom code" in refused(Actions(store, BOB).searches.begin, a_plan(values={"model": "json:loads"}))
    search = Actions(store, ADA).searches.begin(plan)
    as_runner = SearchActions(store, dataclasses.replace(ADA, role=Role.RUNNER))  # who was an admin when it began
    assert "may run custom code" in refused(as_runner.resume, search.name)
