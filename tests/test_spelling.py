"""Spelling is American in code, messages and documentation."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
BRITISH = re.compile(
    r"\w*(colour|grey|behaviour|favour|neighbour|honour|labelled|labelling|modelled|modelling|centred|artefact)\w*"
    r"|centres?|licences?|fulfil|whilst|learnt|programmes?"
    r"|\w*(normal|optim|initial|regular|general|summar|visual|recogn|serial|organ|standard|synchron|parametr|parameter"
    r"|minim|maxim|token|penal|final|random|custom|emphas|categor|character|discret|vector)is(e[ds]?|ing|ations?)"
)
SUFFIXES = {".py", ".md", ".js", ".css", ".toml", ".yml", ".yaml", ".cff"}
# What is read in either spelling, and this list.
READ = {"hierapp/data/imports/layout.py", "hierapp/data/imports/maps/classes.py", "tests/test_spelling.py"}


def test_words_have_their_american_spelling():
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    files: dict[str, str] = {}  # a file for each word
    for name in listed.splitlines():
        if (TOP / name).suffix in SUFFIXES and name not in READ and (TOP / name).is_file():
            text = (TOP / name).read_text(encoding="utf-8")
            files |= dict.fromkeys(re.findall("[a-z]+", text.lower()), name)
    assert [f"{name}: {word}" for word, name in files.items() if BRITISH.fullmatch(word)] == []
