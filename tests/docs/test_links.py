"""Every link of the documentation leads to a file that exists, and to a heading of it."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.docs import pages


@pytest.mark.parametrize("name", pages.NAMES)
def test_links_lead_somewhere(name):
    page = pages.TOP / name
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", pages.FENCE.sub("", pages.text(name))):
        if link.startswith(("http:", "https:")):
            continue
        target = page.parent / link if link else page
        assert target.exists(), f"{name}: {link}"
        if anchor:
            assert anchor in pages.anchors(target), f"{name}: {link}#{anchor}"


def entries(part: object) -> list[str]:
    """The pages of the site's navigation."""
    if isinstance(part, str):
        return [part]
    found = part.values() if isinstance(part, dict) else part
    assert not isinstance(found, str)
    return [page for each in found for page in entries(each)]  # type: ignore[attr-defined]


def test_every_page_is_in_the_navigation():
    site = yaml.safe_load(pages.text("mkdocs.yml"))
    shown = entries(site["nav"])
    own = {file.relative_to(pages.DOCS).as_posix() for file in pages.DOCS.rglob("*.md")}
    assert own <= set(shown)
    assert {page.lower() for page in shown if page not in own} == {"changelog.md", "contributing.md", "security.md"}


def test_the_readme_is_short():
    """One screen and a half, says the plan; the manual is in docs/."""
    assert len(pages.text("README.md").split()) < 650
