"""What docs/statistics.md shows works as it stands there."""

from __future__ import annotations

import doctest
import re

import pytest

from hierapp.cli.main import parser
from hierapp.paths import project_folder
from hierapp.stats import best_possible_p, seeds_to_reach

PAGE = project_folder() / "docs" / "statistics.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_example_gives_what_it_shows():
    assert doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8") == doctest.TestResults(0, 10)


def test_every_command_is_one_that_the_command_line_knows():
    commands = re.findall(r"^ {4}python -m hierapp (.*)$", TEXT, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        assert parser().parse_args(command.split()).command


def test_the_table_of_what_n_can_show_is_computed():
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert [int(n) for n, *_ in rows] == [3, 4, 5, 6, 8, 10]
    for n, unpaired, paired in rows:
        assert best_possible_p(int(n), int(n)) == pytest.approx(float(unpaired), rel=0.05)
        assert best_possible_p(int(n)) == pytest.approx(float(paired), rel=0.05)
    assert [(seeds_to_reach(0.05 / k), seeds_to_reach(0.05 / k, paired=True)) for k in (1, 4, 10)] == [
        (4, 6),
        (5, 8),
        (6, 9),
    ]
