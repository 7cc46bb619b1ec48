"""Tags of runs: words that the store keeps with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hierapp.cli import main as cli
from hierapp.errors import ConfigError, StoreError
from hierapp.export.bundle import table
from hierapp.runs import Store, tags
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    made = Store()
    made.add(
        [RunConfig.make(data="digits", tree="digits", loss="hxe", seed=n) for n in (0, 1)], tree_library.load("digits")
    )
    return made


def test_a_run_has_the_tags_it_was_given_last_and_other_runs_have_none(store):
    assert store.run("1").tags == ()
    tags.put(store, "1", ["paper", "#baseline", "paper"])
    assert [run.tags for run in store.runs()] == [("paper", "baseline"), ()]
    tags.put(store, "1", ["größer-1.5"])
    assert store.run("1").tags == ("größer-1.5",)
    assert table(store.runs()).splitlines()[1].endswith(',"größer-1.5",""')
    tags.put(store, "1", [])
    assert store.run("1").tags == ()


@pytest.mark.parametrize("word", ["", "two words", "a,b", "<b>", "-x", "x" * 41, "a\nb", "#"])
def test_what_is_no_word_is_refused_and_the_tags_stay(store, word):
    tags.put(store, "1", ["paper"])
    with pytest.raises(ConfigError, match="is not a valid tag"):
        tags.put(store, "1", ["good", word])
    assert store.run("1").tags == ("paper",)


def test_tags_of_many_runs_change_what_all_share_and_leave_each_its_own(store):
    tags.put(store, "1", ["mine", "paper"])
    tags.put(store, "2", ["paper", "yours"])
    assert tags.shared(store.runs()) == ("paper",)
    assert tags.changed(store.runs(), ["#lecture"]) == {"1": ("mine", "lecture"), "2": ("yours", "lecture")}
    assert tags.changed(store.runs(), ["paper", "mine"]) == {"1": ("mine", "paper"), "2": ("yours", "paper", "mine")}
    assert tags.shared([]) == ()
    with pytest.raises(ConfigError, match="is not a valid tag"):
        tags.changed(store.runs(), ["two words"])


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [(["a", "b", "c"], "b c x"), (["b"], "b x"), (["x", "b"], "x b"), ([], "x"), (["a", "b"], "b x")],
    ids=["added", "removed here and there", "added here and there", "all removed", "unchanged"],
)
def test_tags_that_were_changed_since_they_were_seen_are_merged(store, wanted, kept):
    tags.put(store, "1", ["a", "b"])
    tags.put(store, "1", ["b", "x"], seen=["a", "b"])
    assert tags.put(store, "1", wanted, seen=["a", "b"]) == store.run("1").tags == tuple(kept.split())


def test_too_many_tags_and_no_such_run_are_told(store):
    with pytest.raises(ConfigError, match="21 tags"):
        tags.put(store, "1", [f"t{n}" for n in range(21)])
    with pytest.raises(StoreError, match="There is no run '9'"):
        tags.put(store, "9", ["x"])


def test_the_command_tags_a_run_and_lists_them(store, capsys):
    assert cli.main(["tag", "2", "paper", "lr:0.1"]) == 0
    assert capsys.readouterr().out == "run 2: paper lr:0.1\n"
    cli.main(["runs", "--json"])
    assert [run["tags"] for run in json.loads(capsys.readouterr().out)] == [[], ["paper", "lr:0.1"]]
    assert cli.main(["tag", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "2", "tags": []}
    assert cli.main(["tag", "2", "a b"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
