"""Tables of the documentation that the code knows, too."""

import ast
import re

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.decoding import decode, decode_set
from hierapp.losses import LOSSES
from hierapp.losses.table import table
from hierapp.metrics import report
from tests.docs import pages


def test_the_table_of_losses_is_the_registry():
    """`python -m hierapp.losses.table` prints it."""
    assert table(LOSSES.values()) in pages.text("docs/library.md")


def test_glossary_is_sorted_and_counted():
    text = pages.text("docs/glossary.md")
    terms = re.findall(r"^\| ([^|]*) \| ", text, re.MULTILINE)[2:]
    assert terms == sorted(terms, key=str.casefold)
    assert f"The {len(terms)} terms" in text


def test_every_page_of_the_app_is_described():
    (menu,) = re.findall(r"^MENU = (\{.*?^\})", pages.text("app.py"), re.MULTILINE | re.DOTALL)
    titles = [title for section in ast.literal_eval(menu).values() for title, _ in section.values()]
    assert [title for title in titles if f"| {title} |" not in pages.text("docs/pages.md")] == []


def test_the_worked_example_of_the_metrics_is_computed():
    tree = LabelTree.from_paths([("animal", "pet", "cat"), ("animal", "pet", "dog"), ("vehicle", "truck")])
    found = report([[8, 1, 1], [2, 6, 2], [0, 3, 7]], tree)
    shown = re.findall(
        r"^\| (cat|dog|truck) \| .*? \| ([.\d]+) \| ([.\d]+) \| ([.\d]+) \|$", pages.text("docs/metrics.md"), re.M
    )
    assert [name for name, *_ in shown] == list(tree.leaves)
    for row, (_, *values) in enumerate(shown):
        names = ("weighted_precision", "weighted_class_accuracy", "weighted_f1")
        assert [found[name][row] for name in names] == pytest.approx([float(value) for value in values], abs=5e-6)
    assert (found["accuracy"], found["mean_distance"], found["severity"]) == pytest.approx((0.7, 0.7, 21 / 9))


def test_the_predictions_for_figure_7_are_computed():
    tree = LabelTree.from_paths(
        [("animal", "cat"), ("animal", "dog"), ("animal", "horse"), ("vehicle", "truck"), ("vehicle", "ship")]
    )
    log_p = np.log([[0.24, 0.18, 0.18, 0.38, 0.02]])
    rules = ("leaf", "top-down", "min-risk", "threshold", "parent-weighted")
    found = [tree.nodes[decode(log_p, tree, rule)[0]] for rule in rules]
    assert found == ["truck", "cat", "cat", "animal", "truck"]
    text = pages.text("docs/decoders.md")
    for best in ("node", "set"):
        (row,) = re.findall(rf"^\| best {best} \| (.*) \|$", text, re.MULTILINE)
        for cell, count_root in zip(row.split(" | "), (True, False), strict=True):
            names = [name.strip() for name in cell.split(",")[:-1]]
            if best == "node":
                assert names == [tree.nodes[decode(log_p, tree, "hf-beta", count_root=count_root)[0]]]
            else:
                inside = decode_set(log_p, tree, "hf-beta", count_root=count_root)[0]
                assert names == [name for name, is_in in zip(tree.nodes, inside, strict=True) if is_in]
