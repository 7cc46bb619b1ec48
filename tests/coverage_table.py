"""Print the coverage of each package as a Markdown table: `python -m tests.coverage_table COVERAGE.json`."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def table(report: dict[str, Any]) -> str:
    """Return one row per package of hierapp, one for the pages, and the total; branches count as statements do."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in report["files"].items():
        parts = Path(name).parts
        package = "pages" if parts[0] == "pages" else f"hierapp.{parts[1]}" if len(parts) > 2 else "hierapp"
        summary = file["summary"]
        for each in (package, "all"):
            counts[each][0] += summary["covered_lines"] + summary.get("covered_branches", 0)
            counts[each][1] += summary["num_statements"] + summary.get("num_branches", 0)
    counts["all"] = counts.pop("all")  # at the end
    rows = [f"| {name} | {number:,} | {covered / number:.0%} |" for name, (covered, number) in counts.items() if number]
    return "\n".join(["| package | statements and branches | covered |", "| --- | ---: | ---: |", *rows])


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
