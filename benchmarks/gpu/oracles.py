"""All tests named `*_cuda` or with the id `cuda`, by pytest in a process of its own, as far as the time goes.

pytest is told everything here and reads no configuration of the project, which needs plugins that a machine with a GPU
need not have. A test that takes the GPU's context with it, or the whole process, counts as failed, and the next process
goes on behind it. A dry run has one test of each kind on the CPU.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gpu import pytest_lines
from benchmarks.gpu.needs import REPOSITORY
from benchmarks.gpu.session import Session

INI = """[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider -p benchmarks.gpu.pytest_lines
markers =
{markers}
"""
HAS_CUDA_TESTS = re.compile(r"^def test_\w*_cuda\(|^@on_devices", re.MULTILINE)
MOST_FAULTS = 30
SPARE_SECONDS = 4.0  # to write the results


@dataclass
class Result:
    """How a test went; "running" if its process ended before it did."""

    outcome: str = "running"
    seconds: float = 0.0
    message: str = ""


@dataclass
class Tests:
    """The tests that were begun, by id, how many there are, and the files that cannot be imported, with the reason."""

    count: int = 0
    uncollected: dict[str, str] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Tests:
        tests = cls()
        for line in pytest_lines.read(file):
            if line["event"] == "chosen":
                tests.count = line["count"]
                continue
            if line["event"] == "uncollected":
                tests.uncollected[line["id"]] = line["message"]
                continue
            result = tests.results.setdefault(line["id"], Result())
            # A test that failed does not pass by what comes after.
            if line["event"] != "begin" and result.outcome != "failed":
                result.outcome, result.message = line["event"], line["message"]
            result.seconds += line.get("seconds", 0.0)
        return tests


def run(session: Session) -> None:
    """Run the tests; a row for each file, a fault for each test that failed."""
    with tempfile.TemporaryDirectory() as folder:
        ini, lines = Path(folder) / "pytest.ini", Path(folder) / "tests.jsonl"
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
        markers = project["tool"]["pytest"]["ini_options"]["markers"]
        ini.write_text(INI.format(markers="\n".join(f"    {marker}" for marker in markers)))
        tests, problem = Tests(), ""
        while session.seconds_left() > SPARE_SECONDS:
            begun, problem = len(tests.results), pytest_once(session, ini, lines)
            tests = Tests.read(lines)
            if len(tests.results) in (begun, tests.count):
                break
    tell(session, tests, problem)


def test_files() -> list[str]:
    """The files with tests for CUDA."""
    files = sorted((REPOSITORY / "tests").rglob("test_*.py"))
    return [str(file.relative_to(REPOSITORY)) for file in files if HAS_CUDA_TESTS.search(file.read_text())]


def pytest_once(session: Session, ini: Path, lines: Path) -> str:
    """Run what is left of the tests in one process; what is wrong with how that ended."""
    device = session.choose("cuda", "cpu")
    command = [sys.executable, "-m", "pytest", "-c", str(ini), "--rootdir", str(REPOSITORY)]
    command += ["-q", "--tb=short", "--continue-on-collection-errors"]
    process = subprocess.Popen(
        [*command, "--lines", str(lines), "--device", device, *test_files()], cwd=REPOSITORY, env=environment()
    )
    try:
        code = process.wait(timeout=max(1.0, session.seconds_left() - SPARE_SECONDS))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "the time was over"
    # 0 all passed, 1 some failed, 2 the GPU's context was lost, 5 nothing was chosen.
    return "" if code in (0, 1, 2, 5) else f"pytest ended with exit code {code}"


def environment() -> Mapping[str, str]:
    """The same plugins everywhere: none. And CUDA's matrix library must know before it starts what some tests ask."""
    return {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def tell(session: Session, tests: Tests, problem: str) -> None:
    """Tables, notes and faults of what the tests left."""
    by_file: dict[str, list[Result]] = {}
    for test, result in tests.results.items():
        by_file.setdefault(test.partition("::")[0], []).append(result)
    for file, results in sorted(by_file.items()):
        outcomes = Counter(result.outcome for result in results)
        row = {name: outcomes[name] for name in ("passed", "failed", "skipped")}
        session.add("Tests", {"file": file, **row, "seconds": round(sum(result.seconds for result in results), 1)})
    cut = problem == "the time was over"
    for file, message in tests.uncollected.items():
        session.fault(f"{file} cannot be imported: {message}")
    failed = {test: result for test, result in tests.results.items() if result.outcome == "failed"}
    for test, result in list(failed.items())[:MOST_FAULTS]:
        session.fault(f"{test}: {result.message}")
    if len(failed) > MOST_FAULTS:
        session.fault(f"{len(failed) - MOST_FAULTS} more tests failed; gpu.log has them.")
    for place, (test, result) in enumerate(tests.results.items(), start=1):
        if result.outcome == "running" and cut and place == len(tests.results):
            session.note(f"{test} was not done when the time was over.")
        elif result.outcome == "running":
            session.fault(f"{test}: the process ended within this test.")
    outcomes = Counter(result.outcome for result in tests.results.values())
    session.note(
        f"{len(tests.results)} of {tests.count} tests were run: {outcomes['passed']} passed, {outcomes['failed']}"
        f" failed, {outcomes['skipped']} were skipped."
    )
    for reason, count in Counter(r.message for r in tests.results.values() if r.outcome == "skipped").items():
        session.note(f"Skipped, {count}: {reason}")
    slow = sorted(tests.results.items(), key=lambda each: -each[1].seconds)[:3]
    session.note("The slowest: " + "; ".join(f"{test.rpartition('::')[2]} {r.seconds:.1f} s" for test, r in slow))
    if len(tests.results) < tests.count:
        session.note(f"{tests.count - len(tests.results)} tests were left out: {problem or 'no process got to them'}.")
    if not outcomes["passed"]:
        session.fault(f"No test passed{': ' + problem if problem else ''}; gpu.log says why.")
    elif outcomes["skipped"] > outcomes["passed"]:
        session.fault("Most tests were skipped: nothing is proved.")
    elif problem and not cut:
        session.fault(f"In the end {problem}; gpu.log says why.")
