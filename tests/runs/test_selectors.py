"""Runs that words name."""

from __future__ import annotations

import pytest

from hierapp.cli import main as cli
from hierapp.errors import StoreError
from hierapp.execution import scheduler
from hierapp.runs import Store, tags
from hierapp.runs.selectors import chosen
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    made = Store()
    configs = [RunConfig.make(data="digits", tree="digits", loss="cross-entropy", seed=seed) for seed in range(12)]
    made.add(configs, tree_library.load("digits"))
    for run in ("3", "11"):
        tags.put(made, run, ["search:three"])
    return made


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["4", "2"], ["4", "2"]),
        (["9-11"], ["9", "10", "11"]),
        (["11-99", "1-2", "2"], ["11", "12", "1", "2"]),
        (["tag:search:three", "1-3"], ["3", "11", "1", "2"]),
    ],
)
def test_numbers_ranges_and_tags_name_runs_each_once(store, words, runs):
    assert chosen(store, words) == runs


@pytest.mark.parametrize("word", ["13", "9-3", "20-30", "tag:three", "tag:", "-1", "1-", "one"])
def test_what_names_no_run_is_told(store, word):
    with pytest.raises(StoreError, match=r"no run|No run matches"):
        chosen(store, ["1", word])


def test_runs_are_tagged_when_they_are_queued_and_compared_by_the_tag(store, monkeypatch, capsys):
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    line = ["run", "--data", "digits", "--loss", "hxe", "--tag", "first", "--tag", "#hour", "--detach"]
    assert cli.main(line) == 0
    assert store.run("13").tags == ("first", "hour")
    assert cli.main(["run", "--data", "digits", "--loss", "hxe", "--tag", "two words", "--detach"]) == 2
    assert len(store.runs()) == 13
    capsys.readouterr()
    assert cli.main(["compare", "tag:hour"]) == 2
    assert "Run 13 is queued" in capsys.readouterr().err
