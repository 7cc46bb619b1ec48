"""Notes of runs: what people write beside them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from hierapp.cli import main as cli
from hierapp.errors import ConfigError, StoreError
from hierapp.export import bundle, report as html_report, run_files
from hierapp.runs import Store, notes
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

LINES = '<b>Better</b> than *expected*, "why"?\n\n    see run 2, größer'


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    made = Store()
    made.add(
        [RunConfig.make(data="digits", tree="digits", loss="hxe", seed=n) for n in (0, 1)], tree_library.load("digits")
    )
    return made


def test_a_run_has_the_note_it_was_given_last_and_other_runs_have_none(store):
    assert store.run("1").own_note == ""
    notes.put(store, "1", "first")
    assert notes.put(store, "1", f"\n {LINES.replace('?', '?' + chr(13))} \n") == LINES
    assert [run.own_note for run in store.runs()] == [LINES, ""]
    notes.put(store, "1", " \n")
    assert store.run("1").own_note == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 2001, "has 2,001 characters, but at most 2,000"),
        ("red \x1b[31m", r"contains the character U\+001B"),
        ("nothing \x00", r"U\+0000"),
        ("half \udc80", r"U\+DC80"),
    ],
)
def test_what_is_too_long_or_no_text_is_refused_and_the_note_stays(store, text, why):
    notes.put(store, "1", "x" * 2000)
    with pytest.raises(ConfigError, match=why):
        notes.put(store, "1", text)
    assert store.run("1").own_note == "x" * 2000


def test_a_note_of_no_run_is_told(store):
    with pytest.raises(StoreError, match="There is no run '9'"):
        notes.put(store, "9", "x")


def test_the_command_writes_prints_and_clears_a_note(store, capsys):
    assert cli.main(["note", "2"]) == 0
    assert capsys.readouterr().out == "run 2: no note\n"
    assert cli.main(["note", "2", "see", "run 1,\nor not"]) == 0
    assert cli.main(["note", "2"]) == 0
    assert capsys.readouterr().out == 2 * "see run 1,\nor not\n"
    cli.main(["runs", "--json"])
    assert [run["own_note"] for run in json.loads(capsys.readouterr().out)] == ["", "see run 1,\nor not"]
    assert cli.main(["note", "2", "--clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "2", "own_note": ""}
    assert store.run("2").own_note == ""


def test_show_keeps_the_lines_of_a_note_in_its_column(store, capsys):
    notes.put(store, "1", "one\ntwo")
    assert cli.main(["show", "1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("own_note"))
    assert shown[at].endswith(" one")
    assert shown[at + 1] == shown[at].replace("own_note", " " * 8).replace("one", "two")


def test_a_text_and_clear_together_are_refused_and_the_note_stays(store, capsys):
    notes.put(store, "1", "stays")
    assert cli.main(["note", "1", "x", "--clear"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert store.run("1").own_note == "stays"


def test_the_table_and_the_bundle_have_the_note_as_it_stands_but_for_folders(store, tmp_path):
    notes.put(store, "1", LINES)
    notes.put(store, "2", f"weights in {tmp_path}/mine")
    first, second = csv.DictReader(io.StringIO(bundle.table(store.runs())))
    assert (first["own note"], second["own note"]) == (LINES, "weights in HIERAPP_HOME/mine")
    facts = [json.loads(run_files.texts(store, run)["run.json"]) for run in store.runs()]
    assert [each["own_note"] for each in facts] == [LINES, "weights in HIERAPP_HOME/mine"]


def test_the_report_shows_notes_letter_by_letter_with_their_lines(store):
    assert b"Notes" not in html_report.render(store, store.runs())
    notes.put(store, "1", LINES)
    page = html_report.render(store, store.runs()).decode()
    assert (
        '<h2>Notes</h2>\n<h3>Run 1, hxe · seed 0</h3>\n<p class="lines">&lt;b&gt;Better&lt;/b&gt; than *expected*,'
        " &#34;why&#34;?\n\n    see run 2, größer</p>\n"
    ) in page


def test_a_note_that_was_changed_since_it_was_seen_is_not_replaced(store):
    notes.put(store, "1", "first")
    notes.put(store, "1", "of another tab", seen="first")
    with pytest.raises(StoreError, match="of another tab"):
        notes.put(store, "1", "of this tab", seen="first")
    assert store.run("1").own_note == "of another tab"
    notes.put(store, "1", "of another tab", seen="first")
    notes.put(store, "1", "of both tabs", seen="of another tab")
    assert store.run("1").own_note == "of both tabs"
