"""What commands do with files that are none, and with names that no file can have."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from hierapp.cli import main as cli
from hierapp.data.imports import job as import_job
from hierapp.errors import DatasetError
from hierapp.similarities import library as similarity_library
from hierapp.trees import library as tree_library
from hierapp.utils.reading import open_file

LONG = "a" * 300
READING = (
    ("tree", "check", "FILE.json"),
    ("tree", "show", "FILE.csv"),
    ("tree", "convert", "FILE.json", "out.csv"),
    ("tree", "propose", "--by", "words", "--classes", "FILE.txt"),
    ("run", "--data", "digits", "--loss", "simloss", "--tree", "FILE.json", "--detach"),
    ("search", "one", "--data", "digits", "--loss", "simloss", "--tree", "FILE.json", "--detach"),
    ("similarity", "keep", "FILE.csv"),
    ("similarity", "show", "FILE.csv"),
    ("data", "check", "FILE.zip"),
    ("data", "check", "FILE.csv"),
    ("predictions", "import", "FILE.npz", "--tree", "digits"),
    ("predictions", "import", "FILE.csv", "--tree", "digits"),
    ("data", "import", "FILE.zip", "--name", "some"),
    ("store", "restore", "FILE.zip"),
)
NAMING = (
    *((*words[:1], *(LONG + word[4:] if word.startswith("FILE") else word for word in words[1:])) for words in READING),
    ("tree", "convert", "cifar10", f"{LONG}.json"),
    ("similarity", "show", LONG),
    ("similarity", "delete", LONG),
    ("similarity", "embed", "digits", "--out", f"{LONG}.csv"),
    ("data", "get", LONG),
    ("data", "delete", LONG),
    ("data", "check", LONG),
    ("data", "import", LONG, "--name", LONG),
    ("show", LONG),
    ("tag", LONG, LONG),
    ("note", LONG, LONG),
    ("search", LONG, "--loss", LONG),
    ("compare", LONG, LONG),
    ("export", "1", "-o", f"{LONG}.zip"),
    ("report", "1", "-o", f"{LONG}.html"),
    ("tensorboard", "1", "-o", LONG),
    ("store", "backup", f"{LONG}.zip"),
    ("reproduce", LONG),
    ("run", "--loss", LONG, "--data", LONG, "--model", LONG),
)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        status = cli.main(words)
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr().err
    assert status == 2, words
    assert said.count("\n") == 1, words
    return said


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "link to a pipe"])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_is_no_file_is_refused_at_once(kind, words, capsys, tmp_path):
    if kind == "folder" and words[0] == "data":
        pytest.skip("data sets are read from folders, too")
    (name,) = (word for word in words if word.startswith("FILE"))
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "link to a pipe":
        os.mkfifo("pipe")
        Path(name).symlink_to("pipe")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(name)
    elif kind == "device":
        Path(name).symlink_to("/dev/zero")
    else:
        Path(name).mkdir()
    done = threading.Event()
    watch = threading.Timer(60, lambda: done.is_set() or os._exit(3))  # a read of a pipe cannot be interrupted
    watch.start()
    try:
        refused(words, capsys)
    finally:
        done.set()
        watch.cancel()
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("words", NAMING, ids=lambda words: " ".join(words)[:60])
def test_a_name_of_300_characters_is_refused_in_one_line(words, capsys):
    refused(words, capsys)


@pytest.mark.parametrize("words", [("reproduce", "--epochs=--"), ("export", "1", "-o--"), ("run", "--seeds=--")])
def test_an_option_without_a_value_is_refused(words, capsys):
    assert "expected one argument" in refused(words, capsys)


def test_a_line_break_in_an_argument_that_is_not_known_costs_one_line_all_the_same(capsys):
    assert "unrecognized arguments: a b" in refused(("tree", "check", "x", "a\nb"), capsys)


def test_words_after_two_dashes_are_no_options(capsys):
    assert "There is no run" in refused(("note", "1", "--", "--epochs=--"), capsys)


def test_a_pipe_among_ones_own_trees_and_similarities_does_not_stop_the_list(tmp_path):
    for folder, suffix in ((tree_library.own_folder(), ".json"), (similarity_library.own_folder(), ".csv")):
        folder.mkdir(parents=True)
        os.mkfifo(folder / f"pipe{suffix}")
    assert not [entry for entry in tree_library.entries() if not entry.shipped]
    assert not [entry for entry in similarity_library.entries() if not entry.shipped]


def test_a_path_that_is_too_long_is_told_on_the_data_page():
    with pytest.raises(DatasetError, match="There is no file or folder"):
        import_job.begin(import_job.Request("x", import_job.Options(), f"/tmp/{LONG}"))


def test_files_and_links_to_them_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    with open_file(tmp_path / "link") as opened:
        assert opened.read() == b"abc"


def test_weights_of_levels_give_no_warning(capsys, monkeypatch):
    monkeypatch.setattr("hierapp.execution.scheduler.ensure_scheduler", lambda store: None)
    words = ("run", "--data", "digits", "--loss", "level-wise", "--option", "weights=1,0.5", "--detach", "--json")
    assert cli.main(words) == 0  # a warning is an error in tests
    assert cli.main(("runs", "--json")) == 0
    assert '"weights": [1.0, 0.5]' in capsys.readouterr().out


@pytest.mark.parametrize("command", [["run"], ["search", "mine", "--vary", "learning_rate=1e-4..1e-1:log"]])
def test_a_tree_with_several_readings_is_chosen_for_runs_and_searches(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    file = tmp_path / "tree.csv"
    digits = [str(digit) for digit in range(10)]
    file.write_text("".join(f"digit,{digit}\n" for digit in digits))
    start = [*command, "--data", "digits", "--loss", "hxe", "--tree", str(file), "--detach"]
    assert cli.main([*start, "--as", "no such reading"]) == 2
    assert "no such reading" in capsys.readouterr().err
    assert cli.main([*start, "--as", "edges"]) == 0
