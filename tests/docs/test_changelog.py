"""The changelog after merges: each heading and each entry of a version once."""

from __future__ import annotations

import re

from hierapp import __version__
from tests.docs import pages

VERSIONS = re.split(r"^## ", pages.text("CHANGELOG.md"), flags=re.MULTILINE)[1:]


def test_the_first_two_sections_are_what_is_coming_and_this_version():
    assert VERSIONS[0].startswith("[Unreleased]")
    assert re.match(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d\n", VERSIONS[1])


def test_headings_stand_once_and_in_their_order():
    known = ["Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"]
    for text in VERSIONS:
        found = re.findall(r"^### (.*)$", text, re.MULTILINE)
        assert found == [name for name in known if name in found]
        below = re.findall(r"^#### (.*)$", text, re.MULTILINE)
        assert len(below) == len(set(below))


def test_no_entry_stands_twice():
    for text in VERSIONS:
        beginnings = [" ".join(entry.split())[:45] for entry in re.split(r"^- ", text, flags=re.MULTILINE)[1:]]
        assert sorted(beginnings) == sorted(set(beginnings))
