"""`make docs`: the site is built without a warning, and reads nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp.lab.stories import STORIES
from tests.docs import pages

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed; see make docs"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; its configuration makes each warning an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=pages.TOP,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    for page in {*site.rglob("*.html")} - {*(site / "stories").iterdir()}:  # one file each, which other tests read
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=[\"']?([^\"'\s>]+)", html)
        loaded += re.findall(r"<link\b(?=[^>]*stylesheet)[^>]*?\bhref=[\"']?([^\"'\s>]+)", html)
        assert loaded
        assert [url for url in loaded if re.match(r"(?:https?:)?//", url)] == [], page.name


def test_formulas_are_mathml(site):
    html = (site / "losses.html").read_text(encoding="utf-8")
    assert html.count("<math") > 100
    assert "arithmatex" not in html


def test_examples_of_docstrings_are_code_blocks(site):
    html = (site / "api" / "decoding.html").read_text(encoding="utf-8")
    assert html.count('<span class="gp">') > 10  # prompts, highlighted
    assert "<p>&gt;&gt;&gt;" not in html


def test_every_story_is_a_page_of_its_own(site):
    html = (site / "stories.html").read_text(encoding="utf-8")
    for story in STORIES:
        assert f'href="stories/{story.id}.html"' in html
        assert story.title in (site / "stories" / f"{story.id}.html").read_text(encoding="utf-8")


def test_search_knows_the_pages(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    titles = {entry["title"] for entry in index["docs"]}
    assert {"Decoders", "Glossary", "Changelog"} <= titles
