"""One self-contained HTML file: tables, drawings and Plotly plots, for light and dark themes, screen and print.

Nothing is loaded from elsewhere: Plotly is included, and the page's content security policy forbids requests. This
module escapes every text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go

from hierapp.plots.core import ON_DARK, ON_LIGHT

WIDTH = 700  # of plots, in pixels: the width of an A4 sheet without margins

_CSS = """
:root { color-scheme: light dark; --ink: #1b2430; --paper: #ffffff; --line: #d5dbe3; --soft: #5b6675; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --paper: #10161e; --line: #34404f; --soft: #9fabba; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 900px; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin-bottom: 0.3rem; overflow-wrap: anywhere; }
p { overflow-wrap: anywhere; } .lines { white-space: pre-wrap; } .soft { color: var(--soft); font-size: 0.9rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem 0.25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  max-width: 24rem; overflow-wrap: break-word; }
th { font-weight: 600; }
figure { margin: 0.5rem 0 1.5rem; overflow-x: auto; }
figcaption { margin-top: 0.4rem; color: var(--soft); font-size: 0.9rem; }
svg { max-width: 100%; height: auto; } .js-plotly-plot svg { max-width: none; }
@page { size: A4; margin: 12mm; }
@media print {
  :root { --ink: #000000; --paper: #ffffff; --line: #bbbbbb; --soft: #444444; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } figure, tr { break-inside: avoid; }
  .table, figure { overflow: visible; } table { font-size: 7.5pt; }
  th, td { padding-right: 0.4rem; }
  .modebar-container { display: none !important; }
}
"""

_DRAW = """
const dark = matchMedia("(prefers-color-scheme: dark)");
const plots = [...document.querySelectorAll("figure > div[data-spec]")];
const look = (layout, isDark) => ({
  "font.color": isDark ? "#e8edf3" : "#1b2430",
  ...(layout.coloraxis ? {"coloraxis.colorscale": isDark ? SCALES.dark : SCALES.light} : {}),
});
for (const plot of plots) {
  const {data, layout} = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
  const name = plot.dataset.spec;
  const save = (format, icon) => ({
    name: `Download as ${format.toUpperCase()}`, icon,
    click: shown => Plotly.downloadImage(shown, {format, filename: name, width: shown.offsetWidth,
      height: shown.offsetHeight, scale: format === "png" ? 3 : 1}),
  });
  Plotly.newPlot(plot, data, layout, {
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
    modeBarButtonsToAdd: [save("png", Plotly.Icons.camera), save("svg", Plotly.Icons.disk)],
  }).then(() => Plotly.relayout(plot, look(layout, dark.matches)));
}
const paint = isDark => plots.forEach(plot => plot.layout && Plotly.relayout(plot, look(plot.layout, isDark)));
dark.addEventListener("change", () => paint(dark.matches));
addEventListener("beforeprint", () => paint(false));
addEventListener("afterprint", () => paint(dark.matches));
"""

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
    """A page written from top to bottom.

    Args:
        title: the title, as plain text.
    """

    def __init__(self, title: str) -> None:
        self.title, self.plots = title, 0
        self._parts: list[str] = []
        self.heading(title, 1)

    def heading(self, text: str, level: int = 2) -> None:
        self._parts.append(f"<h{level}>{escape(text)}</h{level}>")

    def text(self, *sentences: str, soft: bool = False) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p{' class=soft' if soft else ''}>{escape(' '.join(sentences))}</p>")

    def lines(self, text: str) -> None:
        """Add a text with its own line breaks."""
        self._parts.append(f"<p class=lines>{escape(text)}</p>")

    def table(self, frame: pd.DataFrame) -> None:
        """Add a table; floats have four digits, missing values are empty."""
        shown = frame.to_html(
            index=False, border=0, na_rep="", float_format="{:.4f}".format, escape=True, justify="left"
        )
        self._parts.append(f'<div class="table">{shown}</div>')

    def facts(self, rows: Sequence[tuple[str, object]]) -> None:
        """Add names and values, one per line."""
        lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
        self._parts.append(f'<div class="table"><table>{lines}</table></div>')

    def plot(self, plot: go.Figure, alt: str) -> None:
        """Add a Plotly plot; `alt` describes it in words."""
        self.plots += 1
        name = f"plot-{self.plots}"
        plot = go.Figure(plot).update_layout(template=_TEMPLATE, width=WIDTH)
        # Plotly writes <, > and / as \\u.... in JSON, so that no text in it ends the script.
        spec = plot.to_json(engine="json")
        self._parts.append(
            f'<figure><div data-spec="{name}" role="img" aria-label="{escape(alt)}"></div>'
            f'<script type="application/json" id="{name}">{spec}</script>'
            f"<figcaption>{escape(alt)}</figcaption></figure>"
        )

    def drawing(self, svg: str, alt: str) -> None:
        """Add a drawing of `tree_svg`, whose texts are already escaped."""
        self._parts.append(f"<figure>{svg}<figcaption>{escape(alt)}</figcaption></figure>")

    def html(self) -> str:
        """Return the complete file."""
        from plotly.offline import get_plotlyjs

        scales = json.dumps({"light": ON_LIGHT, "dark": ON_DARK})
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline';"
            " style-src 'unsafe-inline'; img-src data: blob:\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_CSS}</style></head><body><main>\n"
            + "\n".join(self._parts)
            + (f"\n</main><script>{get_plotlyjs()}</script>\n" if self.plots else "\n</main>\n")
            + (f"<script>const SCALES = {scales};{_DRAW}</script>" if self.plots else "")
            + "</body></html>\n"
        )
