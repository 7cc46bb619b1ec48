"""What a paper needs of a comparison: its table as LaTeX, Markdown or CSV, and a paragraph of methods."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from hierapp.analysis import summary
from hierapp.analysis.groups import Group
from hierapp.export import bibliography, spreadsheet
from hierapp.utils.text import pluralize

CAPTION = "Mean ± sample standard deviation over the seeds, test images."
_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_FIGURE = re.compile(r"-?\d+(\.\d+)?( ± \d+(\.\d+)?)?")


def latex(frame: pd.DataFrame, caption: str) -> str:
    r"""Return a table for the package booktabs, with figures in math mode and the first column on the left.

    >>> print(latex(pd.DataFrame({"group": ["a_b"], "accuracy": ["0.69 ± 0.01"]}), "Test part"))
    \begin{table}
      \centering
      \caption{Test part}
      \begin{tabular}{lr}
        \toprule
        group & accuracy \\
        \midrule
        a\_b & $0.69 \pm 0.01$ \\
        \bottomrule
      \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    rows = [" & ".join(_latex_cell(value) for value in row) + r" \\" for row in _texts(frame)]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{escaped(caption)}}}",
            f"  \\begin{{tabular}}{{l{'r' * (len(frame.columns) - 1)}}}",
            r"    \toprule",
            "    " + " & ".join(map(escaped, map(str, frame.columns))) + r" \\",
            r"    \midrule",
            *(f"    {row}" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return text that LaTeX prints verbatim."""
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split())).replace("±", r"$\pm$")


def markdown(frame: pd.DataFrame) -> str:
    """Return a table in Markdown.

    >>> print(markdown(pd.DataFrame({"group": ["a|b"], "n": [3]})))
    | group | n |
    | :--- | ---: |
    | a\\|b | 3 |
    <BLANKLINE>
    """
    lines = [[str(name) for name in frame.columns], [":---", *["---:"] * (len(frame.columns) - 1)], *_texts(frame)]
    head, ruler, *rows = lines
    shown = [[_markdown_cell(value) for value in row] for row in (head, *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (shown[0], ruler, *shown[1:]))


def csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV without formulas for spreadsheets."""
    return spreadsheet.to_csv(frame)


def methods(groups: Sequence[Group], metric: str) -> str:
    """Return a paragraph on what was trained and compared, with seeds, versions and tests."""
    runs = [run for group in groups for run in group.runs.values()]
    trained = [run for run in runs if not run.is_imported]
    said = []
    if trained:
        models, data = (_listed([getattr(run.config, name) for run in trained]) for name in ("model", "data"))
        epochs, sizes = (_listed([getattr(run.config, name) for run in trained]) for name in ("epochs", "batch_size"))
        rates = _listed([f"{run.config.learning_rate:g}" for run in trained])
        trees = _listed([run.config.tree for run in trained])
        said.append(
            f"We trained {models} on {data} with the label tree {trees} for {epochs} epochs with batches of {sizes}"
            f" and a learning rate of {rates}."
        )
        if recipes := [recipe for recipe in dict.fromkeys(map(summary.recipe, trained)) if recipe]:
            said.append(f"Apart from the defaults of hierapp: {'; '.join(recipes)}.")
    for group in groups:
        seeds = ", ".join(map(str, group.runs))
        cited = bibliography.keys_of(group.run.config.loss) if not group.run.is_imported else []
        cites = f" [{', '.join(cited)}]" if cited else ""
        said.append(f"{group.label}{cites}: {pluralize(len(group.runs), 'seed')} ({seeds}).")
    said.append(
        f"All figures are means and sample standard deviations over the seeds, on the test images. The {metric} of"
        " two groups is compared by Wilcoxon's exact signed-rank test where the seeds match in pairs, otherwise by the"
        " exact Mann-Whitney test, two-sided, with Holm's correction for the number of comparisons; intervals of"
        " differences have a level of 95 %."
    )
    versions = _listed([run.version for run in trained if run.version])
    devices = _listed([run.device for run in trained if run.device])
    if versions:
        said.append(f"Software: hierapp {versions}" + (f"; devices: {devices}." if devices else "."))
    return " ".join(said) + "\n"


def _listed(values: Sequence[object]) -> str:
    found = list(dict.fromkeys(map(str, values)))
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def _texts(frame: pd.DataFrame) -> list[list[str]]:
    return [["" if value is None or value != value else str(value) for value in row] for row in frame.to_numpy()]


def _latex_cell(value: str) -> str:
    return "$" + value.replace("±", r"\pm") + "$" if _FIGURE.fullmatch(value) else escaped(value)


def _markdown_cell(value: str) -> str:
    return " ".join(value.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
