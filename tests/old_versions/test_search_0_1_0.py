"""A search of version 0.1.0 opens, and goes on: ten of its twelve trials were finished, and two were waiting."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hierapp.runs import Store
from hierapp.search import journal, old_journal, trials
from hierapp.search.report import Report
from tests.search.conftest import carry_on, quiet_store

HERE = Path(__file__).resolve().parent


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    with zipfile.ZipFile(HERE / "search-0.1.0.zip") as archive:
        archive.extractall(tmp_path / "home")
    return quiet_store(tmp_path, monkeypatch)


def test_the_old_search_is_as_it_was(store):
    search = journal.find(store, "lr")
    book = (search.folder / old_journal.BOOK).read_text()
    asked = _asked(book)
    found = trials.read(search)
    assert [trial.params for trial in found] == asked
    assert [trial.run.id for trial in found] == [run.id for run in store.runs()]
    assert [trial.state for trial in found] == ["finished"] * 10 + ["waiting"] * 2
    seen = Report.of(search)
    assert (seen.state, seen.best.number, seen.best.value) == ("interrupted", 6, 0.992582)
    assert seen.as_dict()["importances"] == pytest.approx({"learning_rate": 0.96574, "optimizer": 0.03426}, abs=1e-4)
    assert (search.folder / old_journal.BOOK).read_text() == book


def test_the_old_search_goes_on_and_optuna_opens_it(store):
    search = journal.find(store, "lr")
    carry_on(search, lambda config: 1 - abs(config["learning_rate"] - 0.01))
    assert Report.of(search).state == "finished"
    assert len(store.runs()) == 12
    backend = JournalFileBackend(str(search.folder / journal.JOURNAL))
    study = optuna.load_study(study_name="lr", storage=JournalStorage(backend))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 12
    assert [trial.value for trial in study.trials] == [trial.value for trial in trials.read(search)]


def _asked(book: str) -> list[dict[str, object]]:
    return [line["ask"] for line in map(json.loads, filter(None, book.split("\n"))) if "ask" in line]
