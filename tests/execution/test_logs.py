"""The end of a log, and which logs there are."""

from __future__ import annotations

import io

import pytest

from hierapp.errors import StoreError
from hierapp.execution import logs
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees.library import load


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.txt"


def test_a_log_that_is_not_there_is_told_from_an_empty_one(log):
    assert logs.tail(log) is None
    log.touch()
    assert logs.tail(log) == []


def test_a_log_that_cannot_be_read_is_told_in_one_sentence(log):
    log.mkdir()
    with pytest.raises(StoreError, match=r"log\.txt cannot be read"):
        logs.tail(log)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1 << 16])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_lines_are_those_of_the_whole_text_whatever_the_blocks(block, end, log, monkeypatch):
    monkeypatch.setattr(logs, "BLOCK", block)
    text = "first\n\nzwölf Äpfel für 3 €\n  indented\nlast" + end
    log.write_text(text)
    for count in range(1, 7):
        assert logs.tail(log, count) == text.splitlines()[-count:]


def test_only_the_end_of_a_large_log_is_read(log, monkeypatch):
    with log.open("wb") as file:
        file.seek(1 << 40)  # a terabyte without a block on disk
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(1000)))
    read = []

    class Counted(io.FileIO):
        def read(self, size=-1):
            read.append(size)
            assert sum(read) <= 2 * logs.BLOCK + logs.FARTHEST
            return super().read(size)

    monkeypatch.setattr(type(log), "open", lambda self, mode: Counted(self, "r"))
    assert logs.tail(log, 3) == ["line 997", "line 998", "line 999"]
    assert sum(read) <= logs.BLOCK
    assert logs.tail(log, search="not in it") == []


def test_search_finds_the_last_lines_with_the_words_in_any_case(log):
    log.write_text("".join(f"Epoch {number}: loss\nother\n" for number in range(500)))
    assert logs.tail(log, 2, "epoch") == ["Epoch 498: loss", "Epoch 499: loss"]
    assert logs.tail(log, search="EPOCH 7:") == ["Epoch 7: loss"]
    assert logs.tail(log, search="(.*") == []
    assert len(logs.tail(log, search="")) == 200


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"\x1b[1;31mred\x1b[0m and \x1b[38;5;12mblue\x1b[m", "red and blue"),
        (b"\x1b]0;a title\x07text", "text"),
        (b"\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b[2K\x1b[1A\x1b[?25lup\x1b(B", "up"),
        (b"10 %\r50 %\r100 %", "100 %"),
        (b"written on Windows\r", "written on Windows"),
        (b"bell\x07 null\x00 tab\tstays", "bell null tab\tstays"),
        (b"caf\xe9", "caf�"),
        (b"x" * 5000, "x" * 2000 + "…"),
    ],
)
def test_lines_are_shown_as_a_terminal_would_without_its_colors(written, shown, log):
    log.write_bytes(b"before\n" + written + b"\nafter\n")
    assert logs.tail(log) == ["before", shown, "after"]


def test_the_logs_are_the_launchers_and_each_runs_the_newest_first(tmp_path):
    store = Store(tmp_path)
    config = RunConfig.make(data="digits", tree="digits", loss="simloss")
    store.add([config] * 2, load("digits"))
    assert [(each.name, each.title, each.file) for each in logs.known(store)] == [
        ("launcher", "Scheduler", tmp_path / "launcher.log"),
        ("2", "Run 2: simloss on digits, queued", tmp_path / "runs" / "2" / "log.txt"),
        ("1", "Run 1: simloss on digits, queued", tmp_path / "runs" / "1" / "log.txt"),
    ]
