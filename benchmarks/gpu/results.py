"""The results of all parts as one JSON file and one page of Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JSON_FILE, MARKDOWN_FILE = "gpu.json", "gpu.md"


def write(out: Path, conditions: Mapping[str, str], parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write both files; called after each part."""
    content = {"conditions": conditions, "parts": parts}
    (out / JSON_FILE).write_text(json.dumps(content, indent=1) + "\n")
    (out / MARKDOWN_FILE).write_text(markdown(conditions, parts))


def read_part(file: Path, title: str, problem: str | None) -> dict[str, Any]:
    """What a part left, and what ended it if it did not end by itself."""
    try:
        part: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        part = {"title": title, "tables": {}, "notes": [], "faults": [], "state": "cut", "seconds": 0.0}
    if problem:
        part["faults"].append(problem)
    return part


def markdown(conditions: Mapping[str, str], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Each part under its title: its tables, notes and faults.

    >>> row = {"title": "Losses", "state": "done", "seconds": 2.0, "notes": ["B = 64."], "faults": []}
    >>> print(markdown({"GPU": "none"}, {"losses": {**row, "tables": {"Times": [{"loss": "hxe", "ms": 0.125}]}}}))
    GPU: none
    <BLANKLINE>
    ## Losses (done, 2 s)
    <BLANKLINE>
    ### Times
    <BLANKLINE>
    | loss | ms |
    | --- | ---: |
    | hxe | 0.125 |
    <BLANKLINE>
    - B = 64.
    <BLANKLINE>
    """
    lines = ["; ".join(f"{name}: {value}" for name, value in conditions.items()), ""]
    for part in parts.values():
        lines += [f"## {part['title']} ({part['state']}, {part['seconds']:.0f} s)", ""]
        for title, rows in part["tables"].items():
            lines += [f"### {title}", "", *table(rows), ""]
        notes = [f"- {note}" for note in part["notes"]] + [f"- **Fault:** {fault}" for fault in part["faults"]]
        lines += [*notes, ""] if notes else []
    return "\n".join(lines)


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as lines of Markdown; numbers stand at the right."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    right = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---:" if each else "---" for each in right) + " |"]
    return lines + ["| " + " | ".join(cell(row.get(name)) for name in columns) + " |" for row in rows]


def cell(value: object) -> str:
    """A value of a table.

    >>> [cell(value) for value in (None, 12345.6, 0.98765, 7, "eager")]
    ['', '12,346', '0.988', '7', 'eager']
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")
