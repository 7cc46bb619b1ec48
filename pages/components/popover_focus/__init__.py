"""Popovers that are opened by keyboard take the focus."""

from pathlib import Path

from pages.components.page_script import page_script

popovers_take_focus = page_script(Path(__file__).parent / "focus.js")
