"""Pages and images of the site that lie elsewhere in the checkout: changelog, contributing, security, logo; links."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[2]
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
# A link to a file that is no page, such as a script of examples/.
SOURCE = re.compile(r"\[`?[^\]`]+`?\]\((?:\.\./)+([\w./-]+\.(?:cff|json|py|yaml))\)")
# A link that is called by its file.
BY_FILE = re.compile(r"\[(?:docs/)?([\w/]+\.md)\]\(")
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


def titles(nav: object) -> dict[str, str]:
    """Return the title of each page of the navigation.

    >>> titles([{"Home": "index.md"}, {"Guides": [{"Data": "data.md"}]}])
    {'index.md': 'Home', 'data.md': 'Data'}
    """
    if isinstance(nav, list):
        return {page: title for part in nav for page, title in titles(part).items()}
    if isinstance(nav, dict):
        return {
            page: name
            for title, part in nav.items()
            for page, name in ({part: title} if isinstance(part, str) else titles(part)).items()
        }
    return {}


def on_page_markdown(markdown: str, config: MkDocsConfig, **_: object) -> str:
    """Name links by the titles of pages, not of files, and lead those to the top folder's pages to the site's."""
    for name, page in PAGES.items():
        markdown = re.sub(rf"\]\(\.\./((?:\.\./)*){re.escape(name)}", rf"](\1{page}", markdown)
    known = titles(config.nav)
    markdown = BY_FILE.sub(lambda link: f"[{known.get(link[1], link[1]).lower()}](", markdown)
    return SOURCE.sub(r"`\1`", markdown)
