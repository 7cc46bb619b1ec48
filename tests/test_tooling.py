"""The files of the development tools fit together: CI workflow, hooks, Makefile, marks, pins."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

from hierapp.paths import project_folder
from tests import coverage_table

PROJECT = project_folder()
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LARGEST_FILE = 1_000_000  # bytes; data sets are downloaded, never committed
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def pins(name: str) -> dict[str, str]:
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==(\S+)", "\n".join(lines), re.MULTILINE))


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    return yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))


def test_ci_runs_on_push_and_pull_request(workflow):
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true


def test_ci_matrix_begins_with_oldest_supported_python(workflow):
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert all(isinstance(python, str) for python in pythons)  # 3.10 without quotes would be 3.1
    assert f">={pythons[0]}" == PYPROJECT["project"]["requires-python"]
    assert pythons == ["3.11", "3.12", "3.13"]


def test_ci_commands_are_make_targets(workflow):
    commands = {
        name: [step["run"] for step in job["steps"] if step.get("run", "").startswith("make ")]
        for name, job in workflow["jobs"].items()
    }
    assert commands == {
        "test": ["make lint", "make test", "make test-long", "make wheel"],
        "coverage": ["make coverage"],
        "docs": ["make docs"],
    }
    assert {command.split()[1] for job in commands.values() for command in job} <= TARGETS


@pytest.mark.parametrize(
    "file", sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.stem
)
def test_issue_forms_have_what_the_host_requires(file):
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    if file.stem == "config":
        assert isinstance(form["blank_issues_enabled"], bool)
        return
    assert form["name"]
    assert form["description"]
    assert all(part["attributes"]["label"] for part in form["body"])
    names = [part["id"] for part in form["body"]]
    assert len(names) == len(set(names))


def test_contributing_shows_existing_make_targets():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = re.findall(r"\bmake ([a-z][a-z-]*)", text)
    assert "test-fast" in shown
    assert set(shown) <= TARGETS


def test_contributing_names_existing_files():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:hierapp|pages|tests|docs|\.github)/[\w./-]+)`", text)
    assert len(named) > 12
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_hooks_use_pinned_tools_of_the_environment():
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]  # nothing is fetched
    distributions = {"lint-imports": "import-linter"}
    for hook in config["repos"][0]["hooks"]:
        folder, _, program = hook["entry"].split()[0].rpartition("/")
        assert folder == ".venv/bin"
        assert distributions.get(program, program) in pins("requirements-dev.txt")
        assert f"$(BIN)/{program}" in MAKEFILE


def test_fast_tests_choose_by_declared_marks():
    declared = {mark.split(":")[0] for mark in PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]}
    fast = re.search(r"^FAST := (.*)$", MAKEFILE, re.MULTILINE)
    assert fast is not None
    assert set(re.findall(r"not (\w+)", fast[1])) == declared


@pytest.mark.parametrize("name", sorted(file.name for file in PROJECT.glob("requirements*.txt")))
def test_constraints_repeat_the_pins(name):
    constraints = pins("constraints.txt")
    assert {package: constraints.get(package) for package in pins(name)} == pins(name)


@pytest.mark.parametrize("name", sorted(file.name for file in PROJECT.glob("requirements*.txt")))
def test_each_dependency_has_its_reason(name):
    table = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    reasons = {
        package for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for package in re.findall(r"[\w-]+", row)
    }
    assert set(pins(name)) - reasons == set()


def test_no_string_stands_alone():
    """A long sentence that was cut in two without parentheses loses its second half, and a page shows it at its top."""
    found = []
    for folder in ("hierapp", "pages", "benchmarks"):
        for file in (PROJECT / folder).rglob("*.py"):
            bodies = [getattr(node, "body", None) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
            found += [
                f"{file.relative_to(PROJECT)}:{line.lineno}"
                for body in bodies
                if isinstance(body, list)
                for line in body[1:]  # the first may be a docstring
                if isinstance(line, ast.Expr)
                and isinstance(line.value, ast.Constant | ast.JoinedStr)
                and getattr(line.value, "value", None) is not ...
            ]
    assert found == []


def test_coverage_is_summed_by_package():
    def file(covered, lines, of, branches):
        names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        return {"summary": dict(zip(names, (covered, lines, of, branches), strict=True))}

    files = {
        "hierapp/losses/a.py": file(8, 10, 1, 2),
        "hierapp/losses/kernels/b.py": file(10, 10, 8, 8),
        "hierapp/paths.py": file(0, 0, 0, 0),
        "pages/runs/page.py": file(5, 10, 0, 0),
    }
    rows = coverage_table.table({"files": files}).splitlines()[2:]
    assert rows == ["| hierapp.losses | 30 | 90% |", "| pages | 10 | 50% |", "| all | 40 | 80% |"]


def test_the_environment_finds_the_checkout_from_any_folder(tmp_path):
    venv.create(tmp_path / "environment", symlinks=True)
    python = tmp_path / "environment" / "bin" / "python"
    (code,) = re.findall(r"^export CHECKOUT := (.*?)\n\n", MAKEFILE, re.MULTILINE | re.DOTALL)
    subprocess.run([python, "-c", re.sub(r"\\\n\s*", "", code), PROJECT], check=True)
    said = subprocess.run(
        [python, "-c", "import hierapp; print(hierapp.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(said.strip()).parent == PROJECT / "hierapp"


def test_no_file_of_the_repository_is_as_large_as_a_data_set():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [PROJECT / name for name in listed.stdout.split("\0") if name]
    assert [file.name for file in files if file.is_file() and file.stat().st_size > LARGEST_FILE] == []
