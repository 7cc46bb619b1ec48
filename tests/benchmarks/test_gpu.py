"""The GPU benchmark, gone through on a CPU with no more installed than it says it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as command, needs, results
from benchmarks.gpu.session import Session

ABSENT = (
    "streamlit", "plotly", "optuna", "rich", "authlib", "ray", "tensorboard", "playwright", "xdist", "pytest_timeout",
    "hiclass", "torchmetrics",
)  # fmt: skip
BLOCK = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def bare_environment(tmp_path) -> dict[str, str]:
    """The variables of a process in which only what the benchmark needs can be imported."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCK)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HIERAPP_"))}
    return {**kept, "PYTHONPATH": str(tmp_path / "site"), "HIERAPP_HOME": str(tmp_path / "home")}


@pytest.mark.long
@pytest.mark.skipif(bool(os.environ.get("CUDA_VISIBLE_DEVICES")), reason="a dry run is for machines without a GPU")
def test_dry_run_goes_through_every_part(bare_environment, tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--dry-run", "--out", str(tmp_path / "out")],
        cwd=needs.REPOSITORY,
        env=bare_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    log = (tmp_path / "out" / "gpu.log").read_text()
    assert run.returncode == 0, run.stdout + run.stderr + log
    found = json.loads((tmp_path / "out" / results.JSON_FILE).read_text())
    assert found["conditions"]["torch"]
    assert {name: (part["state"], part["faults"]) for name, part in found["parts"].items()} == {
        name: ("done", []) for name in command.PARTS
    }
    assert all(part["tables"] for part in found["parts"].values()), "each part measured something"
    page = (tmp_path / "out" / results.MARKDOWN_FILE).read_text()
    assert all(f"## {part.title}" in page for part in command.PARTS.values())


def test_needs_lists_pinned_wheels(capsys):
    assert needs.main() == 0
    said = capsys.readouterr().out
    assert "pydantic==" in said
    assert "pydantic-core==" in said
    assert "streamlit" not in said


@pytest.mark.slow
def test_failed_part_keeps_its_results_and_the_next_one_runs(monkeypatch, tmp_path):
    def start(name: str, out: Path, dry: bool, seconds: float) -> str | None:
        session = Session(out / f"part-{name}.json", name, dry, seconds)
        session.add("Times", {"what": "steps", "seconds": 1.5})
        if name == "losses":
            return "The part ended with exit code -9; gpu.log has the details."
        session.end()
        return None

    monkeypatch.setattr(command, "start", start)
    assert command.lead(tmp_path, ["losses", "training"], dry=True) == 1
    parts = json.loads((tmp_path / results.JSON_FILE).read_text())["parts"]
    assert (parts["losses"]["state"], parts["training"]["state"]) == ("cut", "done")
    assert parts["losses"]["tables"] == {"Times": [{"what": "steps", "seconds": 1.5}]}
    assert "exit code -9" in parts["losses"]["faults"][0]


def test_exception_in_a_part_is_a_fault(monkeypatch, tmp_path):
    class Broken:
        @staticmethod
        def run(session: Session) -> None:
            raise ValueError("no such kernel\nmore")

    monkeypatch.setattr(command.importlib, "import_module", lambda name: Broken)
    assert command.work("losses", tmp_path, dry=True, seconds=1.0) == 0
    part = results.read_part(tmp_path / "part-losses.json", "Losses", None)
    assert part["state"] == "failed"
    assert part["faults"] == ["The part failed: ValueError: no such kernel"]


def test_part_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "GRACE_SECONDS", 0.5)
    popen = subprocess.Popen
    monkeypatch.setattr(command.subprocess, "Popen", lambda arguments, **how: popen(["/bin/sleep", "60"], **how))
    assert "killed" in str(command.start("losses", tmp_path, dry=True, seconds=0.1))
