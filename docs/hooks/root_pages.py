"""Pages and images of the site that lie elsewhere in the checkout: changelog, contributing, security, logo."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[2]
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
# A link to a file that is no page, such as a script of examples/.
SOURCE = re.compile(r"\[`?[^\]`]+`?\]\((?:\.\./)+([\w./-]+\.(?:cff|json|py|yaml))\)")
IMAGES = {"assets/icon.svg": "images/icon.svg"}


def from_docs(text: str) -> str:
    """Return Markdown of the top folder with its links as they are from docs/."""
    for name, page in PAGES.items():
        text = text.replace(f"]({name}", f"]({page}")
    return re.sub(r"\]\(docs/", "](", text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and images."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=from_docs((TOP / name).read_text(encoding="utf-8"))))
    for name, image in IMAGES.items():
        files.append(File.generated(config, image, content=(TOP / name).read_bytes()))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Turn links to the top folder's pages into links of the site, and links to source files into their names."""
    for name, page in PAGES.items():
        markdown = re.sub(rf"\]\(\.\./((?:\.\./)*){re.escape(name)}", rf"](\1{page}", markdown)
    return SOURCE.sub(r"`\1`", markdown)
