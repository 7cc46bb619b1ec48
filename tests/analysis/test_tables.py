"""All runs of a store as one table."""

import subprocess
import sys

import pytest

import hierapp
from hierapp.errors import MissingPackageError
from hierapp.runs import Store, trash
from tests.finished_runs import add_finished


def test_a_row_a_run_with_fields_and_metrics(tmp_path):
    store = Store(tmp_path / "home")
    run = add_finished(store)
    frame = hierapp.load_runs(tmp_path / "home")
    assert frame["id"].tolist() == [run]
    assert frame["state"].tolist() == ["finished"]
    assert frame["loss"].tolist() == [store.run(run).config.loss]
    assert frame["accuracy"].tolist() == [store.run(run).test["accuracy"]]


def test_an_empty_store_is_an_empty_table(tmp_path):
    frame = hierapp.load_runs(tmp_path)
    assert len(frame) == 0
    assert {"id", "state", "data", "learning_rate"} <= set(frame.columns)


def test_missing_pandas_is_named_when_it_is_called(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="needs pandas, which is not installed; install it with"):
        hierapp.load_runs(tmp_path)


def test_runs_in_the_trash_are_left_out(tmp_path):
    store = Store(tmp_path / "home")
    trash.delete(store, [add_finished(store)])
    assert len(hierapp.load_runs(tmp_path / "home")) == 0


@pytest.mark.slow
def test_the_core_needs_no_tables_figures_or_configurations():
    code = (
        "import sys; from hierapp import LabelTree, TreeError, load_runs, make_loss;"
        "from hierapp.decoding import decode;"
        "from hierapp.metrics import confusion_matrix, probability_report, report;"
        "make_loss('hierarchical', LabelTree.from_edges([('r', 'a'), ('r', 'b')]));"
        "print(sorted({'streamlit', 'pandas', 'plotly', 'pydantic', 'optuna', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
