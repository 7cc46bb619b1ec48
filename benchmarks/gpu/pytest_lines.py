"""A pytest plugin: pick the tests for a device, and write a line of JSON as each one begins and ends.

So that tests that were done stay known when the process ends in whatever way, and the rest can be run by another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# After one of these nothing works any more in the process that has the GPU.
FATAL = ("CUDA error", "device-side assert", "cudaErrorIllegalAddress")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lines", type=Path, required=True, help="the file for the lines")
    parser.addoption("--device", choices=["cuda", "cpu"], required=True, help="the tests of which device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what is for the device and was not begun before; for the CPU one test of each function."""
    device, begun = config.getoption("device"), {line["id"] for line in read(config.getoption("lines"))}
    chosen, functions = [], set()
    for item in items:
        function = item.nodeid.partition("[")[0]
        if is_for(item, device) and (device == "cuda" or function not in functions):
            functions.add(function)
            chosen.append(item)
    write(config, "chosen", "", count=len(chosen))
    items[:] = [item for item in chosen if item.nodeid not in begun]


def is_for(item: pytest.Item, device: str) -> bool:
    """Whether a test runs on the device: by its parameter, or without one by its name."""
    called = getattr(item, "callspec", None)
    of_test = called.params.get("device") if called else None
    return of_test == device if of_test else device == "cuda" and "cuda" in item.name.partition("[")[0]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report: pytest.CollectReport = yield
    if report.failed:
        # The import's error stands in the last line.
        write(collector.config, "uncollected", collector.nodeid, message=report.longreprtext.strip().splitlines()[-1])
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    write(item.config, "begin", item.nodeid)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield
    if report.outcome != "passed" or report.when == "call":
        write(item.config, report.outcome, item.nodeid, seconds=report.duration, message=message(report))
    if report.failed and any(word in report.longreprtext for word in FATAL):
        item.session.shouldstop = "the GPU's context is lost"
    return report


def message(report: pytest.TestReport) -> str:
    """What went wrong, or why a test was skipped, in one line."""
    if isinstance(report.longrepr, tuple):
        text = report.longrepr[2].removeprefix("Skipped: ")
    else:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = crash.message if crash else report.longreprtext
    return " ".join(text.split())[:300]


def write(config: pytest.Config, event: str, test: str, **more: Any) -> None:
    with config.getoption("lines").open("a") as file:
        file.write(json.dumps({"event": event, "id": test, **more}) + "\n")


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file; the last may have been cut off by the process's end."""
    whole = file.read_text().rpartition("\n")[0] if file.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]
