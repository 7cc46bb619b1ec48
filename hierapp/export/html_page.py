"""One self-contained HTML file: tables, drawings and Plotly plots, for light and dark themes, screen and print.

Nothing is loaded from elsewhere: Plotly is included, and the page's content security policy forbids requests. The
template `templates/report.html` escapes every text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hierapp.plots.core import ON_DARK, ON_LIGHT

WIDTH = 700  # of plots, in pixels: the width of an A4 sheet without margins

# Lines visible on white and on black; the background is that of the page.
_TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12},
        **{
            axis: {"gridcolor": "rgba(128,140,155,0.25)", "zerolinecolor": "rgba(128,140,155,0.4)", "automargin": True}
            for axis in ("xaxis", "yaxis")
        },
        "hoverlabel": {"font": {"color": "#1b2430"}, "bgcolor": "#ffffff"},
    }
)


class Page:
    """A page written from top to bottom; the template escapes every text.

    Args:
        title: the title, as plain text.
    """

    def __init__(self, title: str) -> None:
        self.title, self.plots = title, 0
        self._parts: list[dict[str, object]] = []
        self.heading(title, 1)

    def heading(self, text: str, level: int = 2) -> None:
        self._add("heading", text=text, level=level)

    def text(self, *sentences: str, soft: bool = False) -> None:
        """Add a paragraph."""
        self._add("text", text=" ".join(sentences), style="soft" if soft else "")

    def lines(self, text: str) -> None:
        """Add a text with its own line breaks."""
        self._add("text", text=text, style="lines")

    def table(self, frame: pd.DataFrame) -> None:
        """Add a table; floats have four digits, missing values are empty."""
        shown = frame.to_html(
            index=False, border=0, na_rep="", float_format="{:.4f}".format, escape=True, justify="left"
        )
        self._add("table", table=Markup(shown))  # noqa: S704 - escaped by pandas

    def facts(self, rows: Sequence[tuple[str, object]]) -> None:
        """Add names and values, one per line."""
        self._add("facts", rows=rows)

    def plot(self, plot: go.Figure, alt: str) -> None:
        """Add a Plotly plot; `alt` describes it in words."""
        self.plots += 1
        plot = go.Figure(plot).update_layout(template=_TEMPLATE, width=WIDTH)
        # Plotly writes <, > and / as \\u.... in JSON, so that no text in it ends the script.
        spec = Markup(plot.to_json(engine="json"))  # noqa: S704
        self._add("plot", name=f"plot-{self.plots}", spec=spec, alt=alt)

    def drawing(self, svg: str, alt: str) -> None:
        """Add a drawing of `tree_svg`, whose texts are already escaped."""
        self._add("drawing", svg=Markup(svg), alt=alt)  # noqa: S704

    def html(self) -> str:
        """Return the complete file."""
        from plotly.offline import get_plotlyjs

        return (
            _environment()
            .get_template("report.html")
            .render(
                title=self.title,
                parts=self._parts,
                plotly=Markup(get_plotlyjs()) if self.plots else "",  # noqa: S704 - Plotly's own code
                scales={"light": ON_LIGHT, "dark": ON_DARK},
            )
        )

    def _add(self, kind: str, **values: object) -> None:
        self._parts.append({"kind": kind, **values})


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
