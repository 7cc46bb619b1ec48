"""One entry for each page in the browser's history: a change of the address's parameters replaces the entry."""

from pathlib import Path

from pages.components.page_script import page_script

one_entry_per_page = page_script(Path(__file__).parent / "history.js")
