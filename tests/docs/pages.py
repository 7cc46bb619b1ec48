"""The pages of the documentation, and what stands on them."""

from __future__ import annotations

import re
from pathlib import Path

from hierapp.paths import project_folder

TOP = project_folder()
DOCS = TOP / "docs"
FILES = sorted([*TOP.glob("*.md"), *DOCS.rglob("*.md")])
NAMES = [file.relative_to(TOP).as_posix() for file in FILES]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    """The Markdown of a page, by its path from the top folder."""
    return (TOP / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The fenced code blocks of a page in one language."""
    return [code for said, code in FENCE.findall(text(name)) if said == language]


def shell_lines(name: str) -> list[str]:
    """The lines of a page's indented code blocks, continued lines joined."""
    joined = text(name).replace("\\\n", " ")
    return [line.strip() for line in joined.split("\n") if line.startswith("    ")]


def inline_code(name: str) -> list[str]:
    """What stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text(name)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site and repository hosts make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower()
        slug = re.sub(r"[ -]+", "-", slug)
        number = 0
        while (name := f"{slug}_{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found
