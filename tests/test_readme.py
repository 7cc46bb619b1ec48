"""What the README shows works as it stands there."""

import re
from pathlib import Path

from hierapp.cli import parser
from hierapp.paths import project_folder

README = (project_folder() / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(monkeypatch, capsys):
    monkeypatch.chdir(project_folder())
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() in {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog"} | {
        "horse",
        "ship",
        "truck",
    }


def test_every_command_is_one_that_the_command_line_knows():
    joined = README.replace("\\\n", " ")
    commands = re.findall(r"^ {4}python -m hierapp (.*)$", joined, re.MULTILINE)
    assert len(commands) > 8
    for command in commands:
        assert parser().parse_args(command.split()).command


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert Path(project_folder() / link).exists(), link
