"""The page is drawn again when the browser's theme is switched: color scales of plots are chosen on the server."""

from pathlib import Path

from pages.components.page_script import page_script

redraw_on_theme_switch = page_script(Path(__file__).parent / "theme.js")
