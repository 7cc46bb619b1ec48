"""What the README shows works as it stands there."""

import re

import pytest

from hierapp.cli.main import parser
from hierapp.losses import LOSSES
from hierapp.losses.table import table
from hierapp.paths import project_folder

README = (project_folder() / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_trains(monkeypatch, capsys):
    import torch

    torch.manual_seed(0)
    monkeypatch.chdir(project_folder())
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    accuracy, predicted = capsys.readouterr().out.split()
    assert float(accuracy) > 0.85
    assert predicted in set("0123456789")


def test_the_table_of_losses_is_the_registry():
    """`python -m hierapp.losses.table` prints it."""
    assert table(LOSSES.values()) in README


def test_every_command_is_one_that_the_command_line_knows():
    joined = README.replace("\\\n", " ")
    commands = re.findall(r"^ {4}python -m hierapp (.*)$", joined, re.MULTILINE)
    assert len(commands) > 8
    for command in commands:
        assert parser().parse_args(command.split()).command


def test_glossary_is_sorted_and_counted():
    text = (project_folder() / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| ([^|]*) \| ", text, re.MULTILINE)[2:]
    assert terms == sorted(terms, key=str.casefold)
    assert f"The {len(terms)} terms" in text
    assert f"(docs/glossary.md): {len(terms)} terms" in README


def test_every_link_leads_somewhere():
    pages = [project_folder() / "README.md", *(project_folder() / "docs").glob("*.md")]
    for page in pages:
        links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", page.read_text(encoding="utf-8"))
        assert links or page.name == "results.md"
        for link, _ in links:
            assert not link or (page.parent / link).exists(), f"{page.name}: {link}"
