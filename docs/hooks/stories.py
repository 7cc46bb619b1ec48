"""The lab's stories as pages of the site: one HTML file each, as `python -m hierapp lab export --story` writes them."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from hierapp.lab import one_file
from hierapp.lab.stories import STORIES

PAGE = "stories.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a file for each story."""
    for story in STORIES:
        files.append(File.generated(config, f"stories/{story.id}.html", content=one_file.of_story(story.id)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead the titles on the page of the stories to them; in the repository there are none."""
    if page.file.src_uri != PAGE:
        return markdown
    for story in STORIES:
        found = re.escape(f"**{story.title}**")
        markdown, count = re.subn(found, f"[{story.title}](stories/{story.id}.html){{target=_blank}}", markdown)
        if count != 1:
            raise PluginError(f"{PAGE} names the story {story.title!r} {count} times, not once.")
    return markdown
