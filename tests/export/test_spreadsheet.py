"""No text of a user is a formula in the tables that people open with a spreadsheet."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from hierapp.export import bundle, run_files, spreadsheet
from hierapp.runs import Store, notes
from hierapp.training import RunConfig
from hierapp.training.predictions import Outputs
from hierapp.trees import library as tree_library

FORMULAS = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","Sign in")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
)
BEGIN = tuple("=+-@\t\r\n\uff1d")


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_gets_a_quote_before_it(formula):
    assert spreadsheet.guarded(formula).startswith("'" + formula[0])
    assert spreadsheet.guarded(f"a;{formula}").startswith(f"a;'{formula[0]}")


@pytest.mark.parametrize("text", ["cat", "", "a=b", "-1", "+2.5", "-1e-5", "'=1", " =1"])
def test_other_texts_are_not_changed(text):
    assert spreadsheet.guarded(text) == text


def test_names_of_classes_are_no_formulas_in_predictions():
    said = Outputs.of(np.eye(9, dtype=np.float32), np.arange(9), FORMULAS, "digits", 1)
    table = pd.read_csv(io.StringIO(run_files.predictions(said), newline=""))
    assert table["true"].tolist() == [spreadsheet.guarded(name) for name in FORMULAS]
    assert table["probability_of_true"].tolist() == [1.0] * 9


def test_notes_and_trees_are_no_formulas_in_the_table_of_runs(tmp_path):
    store = Store(tmp_path)
    config = RunConfig.make(data="digits", tree="=1+2;=3.json", loss="simloss")
    (run,) = store.add([config], tree_library.load("digits"))
    notes.put(store, run, FORMULAS[1] + ";=1+1")
    text = bundle.table(store.runs())
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(BEGIN)]
    halves = [part for line in text.splitlines() for part in line.split(";")]  # by one that divides at semicolons
    assert not [part for part in halves if part.startswith(BEGIN)]
