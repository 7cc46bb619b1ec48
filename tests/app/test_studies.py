"""The Studies page: what a study asks, a button that queues it, its verdicts."""

from __future__ import annotations

import pytest

from hierapp.access import Actions, Person, Role
from hierapp.errors import AccessError
from hierapp.studies import library, progress, rows
from tests.app.conftest import texts
from tests.cli.test_study import FILE
from tests.finished_runs import add_finished
from tests.studies.conftest import rows_of, study

MEANS = {"plain": 0.5, "hxe": 0.53, "hxe, permuted": 0.5}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The only study: one of the digits."""
    monkeypatch.setattr(library, "shipped", lambda: {"tiny": study()})


def button(page):
    return next((each for each in page.button if each.label.startswith("Queue the")), None)


def test_a_study_is_described_and_has_no_results_before_its_runs(open_page, home):
    page = open_page("studies")
    assert not page.exception
    words = texts(page)
    assert "Is it small?" in words
    assert "48 runs with 12 seeds" in words.replace("\\", "")
    assert "There are no results yet" in words
    assert not home.exists()


def test_the_button_queues_the_tuning_runs_once_and_progress_takes_its_place(open_page, store):
    page = open_page("studies", study="tiny")
    button(page).click().run()
    assert not page.exception
    assert len(store.runs()) == 6
    assert button(page) is None
    assert progress.progress(store, study()).stage == "tuning"


def test_verdicts_and_means_of_results_are_shown(open_page, home):
    rows.write(rows_of(study(), MEANS), home / "studies" / "tiny.csv")
    page = open_page("studies")
    assert not page.exception
    assert "14 comparisons in one family" in texts(page)
    assert len(page.dataframe) == 3
    assert "higher" in set(page.dataframe[0].value["verdict"])


def test_results_are_computed_from_finished_runs(open_page, store, home, monkeypatch):
    one = study(groups=({"name": "plain", "loss": "cross-entropy"},), comparisons=(), tuning={}, seeds=1)
    monkeypatch.setattr(library, "shipped", lambda: {"tiny": one})
    add_finished(store)
    page = open_page("studies")
    next(each for each in page.button if each.label == "Compute the results").click().run()
    assert not page.exception
    assert len(rows.read(home / "studies" / "tiny.csv")) == 5
    assert len(page.dataframe) == 1


def test_a_viewer_computes_nothing(store):
    found = progress.progress(store, study(tuning={}, seeds=1))
    with pytest.raises(AccessError, match="may not"):
        Actions(store, Person("eve@x.edu", Role.VIEWER)).collect_study(found, print)
    assert not library.own_csv(found.study).exists()


def test_a_file_in_the_home_is_a_study_and_a_broken_one_is_told(open_page, home):
    (home / "studies").mkdir(parents=True)
    (home / "studies" / "broken.toml").write_text("title =")
    (home / "studies" / "mine.toml").write_text(FILE)
    page = open_page("studies", study="mine")
    assert not page.exception
    assert "Does it work?" in texts(page)
    assert "broken.toml" in page.warning[0].value


def test_a_broken_file_of_results_is_told(open_page, home):
    (home / "studies").mkdir(parents=True)
    (home / "studies" / "tiny.csv").write_text("nonsense")
    page = open_page("studies")
    assert not page.exception
    assert "does not contain the results" in page.error[0].value


def test_a_data_set_that_is_not_here_is_said_with_how_to_make_it(open_page, monkeypatch):
    missing = study(data="cifar100-lite0", data_from="python -m hierapp features extract")
    monkeypatch.setattr(library, "shipped", lambda: {"tiny": missing})
    page = open_page("studies")
    assert not page.exception
    assert "features extract" in page.info[0].value
    assert button(page) is None
