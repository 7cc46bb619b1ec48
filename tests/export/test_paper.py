"""Tables, methods and BibTeX for a paper."""

import pytest

from hierapp.analysis import comparison, groups as grouping
from hierapp.cli.main import main
from hierapp.export import bibliography, paper
from hierapp.losses import LOSSES
from hierapp.runs import Store
from tests.finished_runs import add_finished


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    store = Store(home)
    for seed in (0, 1):
        for loss in ("cross-entropy", "hxe"):
            add_finished(store, loss, seed, with_outputs=False)
    return home


@pytest.fixture
def groups(home):
    return grouping.groups(Store(home).runs())


def test_latex_has_a_row_for_each_group_with_figures_in_math_mode(groups):
    text = paper.latex(comparison.table(groups), "100 % & more")
    assert r"\caption{100 \% \& more}" in text
    assert (
        text.index(r"\toprule") < text.index(r"\midrule") < text.index("cross-entropy & $2$") < text.index(r"\bottom")
    )
    assert text.count(r" \\") == 3
    assert r" \pm " in text


def test_markdown_and_csv_have_the_same_figures(groups):
    frame = comparison.table(groups)
    lines = paper.markdown(frame).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    for value in frame.iloc[1].map(str):
        assert value in lines[3]
        assert value in paper.csv(frame)


def test_methods_say_seeds_versions_tests_and_sources(groups):
    text = paper.methods(groups, "accuracy")
    for part in (
        "lenet on digits",
        "cross-entropy [lossinlayers]",
        "2 seeds (0, 1)",
        "bertinetto2020",
        "Holm",
        "hierapp 0",
    ):
        assert part in text


def test_each_source_with_a_name_and_a_year_has_its_entry():
    for spec in LOSSES.values():
        if any(word.isdigit() for word in spec.source.replace(";", " ").split()):
            assert bibliography.keys_of(spec.name), spec.source
    text = bibliography.bibtex(["hxe", "soft-labels", "conditional"])
    assert text.startswith("@inproceedings{bertinetto2020,")
    assert text.count("@") == 1


def test_a_short_table_has_the_usual_metrics_and_the_chosen_one(groups):
    usual = ["group", "n", "accuracy", "mean distance", "severity", "class accuracy", "weighted class accuracy"]
    assert list(comparison.short_table(groups)) == usual
    assert list(comparison.short_table(groups, "log_loss")) == [*usual, comparison.title("log_loss")]


@pytest.mark.parametrize("form", ["latex", "markdown", "csv", "bibtex", "methods"])
def test_the_command_line_prints_each_form(form, home, monkeypatch, capsys):
    monkeypatch.setenv("HIERAPP_HOME", str(home))
    assert main(["compare", "1", "2", "3", "4", "--as", form]) == 0
    assert ("bertinetto2020" if form == "bibtex" else "hxe") in capsys.readouterr().out
