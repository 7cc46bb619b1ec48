"""Tables of the documentation that the code knows, too."""

import ast
import re

from hierapp.losses import LOSSES
from hierapp.losses.table import table
from tests.docs import pages


def test_the_table_of_losses_is_the_registry():
    """`python -m hierapp.losses.table` prints it."""
    assert table(LOSSES.values()) in pages.text("docs/library.md")


def test_glossary_is_sorted_and_counted():
    text = pages.text("docs/glossary.md")
    terms = re.findall(r"^\| ([^|]*) \| ", text, re.MULTILINE)[2:]
    assert terms == sorted(terms, key=str.casefold)
    assert f"The {len(terms)} terms" in text


def test_every_page_of_the_app_is_described():
    (menu,) = re.findall(r"^MENU = (\{.*?^\})", pages.text("app.py"), re.MULTILINE | re.DOTALL)
    titles = [title for section in ast.literal_eval(menu).values() for title, _ in section.values()]
    assert [title for title in titles if f"| {title} |" not in pages.text("docs/pages.md")] == []
