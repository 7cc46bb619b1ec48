"""Formulas become MathML when the site is built: browsers show it without scripts, fonts or a network."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

SPACED = re.compile(r"(<mi>(?:log|exp|max|min)</mi>)(?!<mo)")  # log z, not logz
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
BAR = re.compile(r"<mo([^>]*)>(?:\||&#x0007C;)</mo>")  # |A|, without the spaces of an operator


def mathml(latex: str, display: bool) -> str:
    """Return a formula as MathML; `PluginError` names a command that is not known.

    >>> mathml("x^2", display=False)[:5]
    '<math'
    """
    converted = convert(latex, display="block" if display else "inline")
    if unknown := re.findall(r"\\[A-Za-z]+", converted):
        raise PluginError(f"{', '.join(unknown)} of the formula {latex} is not known to latex2mathml")
    converted = BAR.sub(r'<mo\1 lspace="0" rspace="0">|</mo>', converted)
    return SPACED.sub(r'\1<mspace width="0.17em"/>', converted)


def on_page_content(content: str, page: Page, **_: object) -> str:
    """Replace the formulas of a page."""

    def replace(match: re.Match[str]) -> str:
        element, bracket, latex = match.groups()
        return f'<{element} class="formula">{mathml(html.unescape(latex).strip(), bracket == "[")}</{element}>'

    return FORMULA.sub(replace, content)
