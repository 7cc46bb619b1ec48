"""Every command that the documentation shows is one that exists, with these options."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from hierapp.cli.main import parser
from tests.docs import pages

CALL = re.compile(r"(?:^|\s)(?:\S*python -m )?hierapp ([a-z]+(?: .*)?)$")
KNOWN = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]


def words(command: str) -> list[str]:
    """Split as a shell does; a variable becomes a number, and RUN... is one run."""
    return [word.removesuffix("...") for word in shlex.split(re.sub(r"\$\w+", "1", command), comments=True)]


def commands(lines: list[str]) -> list[list[str]]:
    """The arguments of hierapp in each line that calls it."""
    return [words(found[1]) for line in lines if (found := CALL.search(line))]


def test_commands_are_found():
    assert len(commands(pages.shell_lines("docs/cli.md"))) > 25
    assert ["app"] in commands(pages.inline_code("README.md"))


@pytest.mark.parametrize("name", [name for name in pages.NAMES if commands(pages.shell_lines(name))])
def test_commands_in_code_blocks_are_accepted(name):
    for command in commands(pages.shell_lines(name)):
        assert parser().parse_args(command).command, command


def test_commands_in_sentences_exist():
    for name in pages.NAMES:
        found = commands(
            [code for code in pages.inline_code(name) if code.startswith(("python -m hierapp ", "hierapp "))]
        )
        assert {command[0] for command in found} <= KNOWN.keys(), name


@pytest.mark.parametrize("name", pages.NAMES)
def test_modules_and_their_options_exist(name):
    for line in [*pages.shell_lines(name), *pages.inline_code(name)]:
        for module, rest in re.findall(r"python -m ((?:benchmarks|hierapp)\.[\w.]+)([^|>#]*)", line):
            spec = importlib.util.find_spec(module)
            assert spec is not None, f"{name}: {module}"
            file = Path(spec.origin or "")
            source = (file.with_name("__main__.py") if spec.submodule_search_locations else file).read_text("utf-8")
            assert [option for option in re.findall(r" (--[a-z-]+)", rest) if f'"{option}"' not in source] == []


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (pages.TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in pages.NAMES:
        lines = [*pages.shell_lines(name), *pages.inline_code(name)]
        shown = {target for line in lines for target in re.findall(r"(?:^|&& )make ([a-z][a-z-]+)", line)}
        assert shown <= targets, name


def test_every_command_is_described():
    table = pages.text("docs/cli.md").split("## Commands")[1]
    assert [name for name in KNOWN if f"`{name}`" not in table] == []
