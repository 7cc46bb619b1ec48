"""Every command with hostile arguments: an exit status, at most one line of error, and nothing outside."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from hierapp.cli import main as cli
from hierapp.runs import Store
from hierapp.trees import library as tree_library
from tests.finished_runs import add_finished
from tests.fuzz.values import value
from tests.fuzz.watch import Watch

CALLS = 4_300
LEFT_OUT = ("app",)  # it becomes the server
# Without these a command waits for what it has started.
DETACHED = ("run", "resume", "search", "reproduce")


@pytest.fixture
def home(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with runs, files of every kind in the working folder, and nothing that takes minutes."""
    store = Store()
    for loss in ("cross-entropy", "hierarchical"):
        add_finished(store, loss)
    for suffix in ("json", "csv", "zip"):
        os.mkfifo(f"pipe.{suffix}")
        Path(f"noise.{suffix}").write_bytes(bytes(range(256)) * 3)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.json")
    Path("folder.json").mkdir()
    Path("link.json").symlink_to("/dev/zero")
    Path("empty.json").touch()
    tree_library.load("digits").save("tree.json")
    tree_library.load("digits").save("tree.csv")
    monkeypatch.setattr("hierapp.data.download.get", lambda name, **given: [])
    monkeypatch.setattr("hierapp.data.wordnet_files.get", lambda: Path("wordnet"))
    monkeypatch.setattr("hierapp.cli.reproduce._measure", lambda *given: None)


@pytest.mark.parametrize("calls", [40, pytest.param(CALLS, marks=pytest.mark.fuzz)])
def test_hostile_arguments_cost_one_line(calls, home, watch, capfd):
    generator = Random(20)
    commands = list(leaves(cli.parser(), ()))
    assert len(commands) > 25
    statuses: dict[int, int] = {}
    wrong: list[str] = []
    for _ in range(calls):
        words = arguments(generator, *generator.choice(commands))
        try:
            with watch.call(words):
                try:
                    status = cli.main(words)
                except SystemExit as ended:
                    status = int(ended.code or 0)
        except Exception as error:
            status = -1
            wrong.append(f"{short(words)}: {error!r}"[:2000])
        told = capfd.readouterr().err
        if status not in (-1, 0, 1, 2) or "Traceback" in told or (status == 2 and told.strip("\n").count("\n")):
            wrong.append(f"{short(words)} ended with {status} and said {told[:2000]!r}")
        statuses[status] = statuses.get(status, 0) + 1
    with capfd.disabled():
        print(f"command line: {calls} calls, by exit status {statuses}", *wrong[:40], sep="\n")
    assert wrong == []
    assert statuses[2] > calls / 3


def short(words: Sequence[str]) -> str:
    return str([word[:400] for word in words])


def leaves(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list]]:
    """Yield every command with its arguments."""
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not groups:
        full = cli.parser(path[0])
        for word in path:
            (group,) = (each for each in full._actions if isinstance(each, argparse._SubParsersAction))
            full = group.choices[word]
        deeper = [each for each in full._actions if isinstance(each, argparse._SubParsersAction)]
        if deeper:
            for word in deeper[0].choices:
                yield from leaves(deeper[0].choices[word], (*path, word))
        else:
            yield path, full._actions
        return
    for word, below in groups[0].choices.items():
        if word not in LEFT_OUT:
            yield from leaves(below, (*path, word))


def arguments(generator: Random, path: Sequence[str], actions: Sequence[argparse.Action]) -> list[str]:
    """Draw the words of a call."""
    words = list(path)
    for action in actions:
        is_optional = bool(action.option_strings) and not action.required
        if is_optional and ("--help" in action.option_strings or generator.random() < 0.75):
            continue
        given = [drawn(generator, action) for _ in range(generator.choice((1, 1, 1, 2)) if many(action) else 1)]
        if not action.option_strings:
            words += given if generator.random() < 0.95 else []
        elif action.nargs == 0:
            words.append(generator.choice(action.option_strings))
        elif generator.random() < 0.5:
            words += [action.option_strings[-1], *given]
        else:
            words.append(f"{action.option_strings[-1]}={given[0]}")
    if path[0] in DETACHED:
        words.insert(1, "--detach")
    if generator.random() < 0.1:
        words.insert(generator.randrange(len(words) + 1), value(generator))
    return words if words[0] not in LEFT_OUT else words[1:]


def many(action: argparse.Action) -> bool:
    return action.nargs in ("*", "+")


def drawn(generator: Random, action: argparse.Action) -> str:
    if action.choices and generator.random() < 0.7:
        return str(generator.choice(list(action.choices)))
    if generator.random() < 0.25:
        return generator.choice(("1", "2", "digits", "tree.json", "hierarchical", "3"))
    return value(generator)
