"""What the general figures hold, and how much of it for large trees."""

import numpy as np
import plotly.graph_objects as go
import pytest

from hierapp import LabelTree
from hierapp.analysis import confusion_tree
from hierapp.metrics.confusion import confusion_matrix, sparse_confusion_matrix
from hierapp.plots import core as plots
from hierapp.plots.blocks import MOST_CELLS
from hierapp.plots.similarity import similarity_plot
from hierapp.similarities.similarity import tree_similarity
from hierapp.trees import generators
from hierapp.trees.excerpt import excerpt

THOUSAND = generators.random([f"class {i}" for i in range(1_000)], seed=0)
SMALL = LabelTree.from_edges([("root", "animal"), ("animal", "<cat>"), ("animal", "dog"), ("root", "truck")])


def test_a_small_tree_has_every_node_and_edge():
    lines, nodes = plots.tree_plot(SMALL).data
    assert list(nodes.text) == ["root", "animal", "&lt;cat&gt;", "dog", "truck"]
    assert nodes.hovertext[1] == "<b>animal</b><br>depth 2, 2 classes below"
    assert list(lines.x).count(None) == 4


def test_a_node_that_is_not_opened_shows_its_classes():
    _, nodes = plots.excerpt_plot(excerpt(SMALL, most_rows=2)).data
    assert list(nodes.text) == ["root", "animal (2)", "truck"]


def test_small_matrices_hold_every_cell_by_name():
    distances = plots.matrix_plot(SMALL.distances(), SMALL.leaves, "distance")
    assert distances.data[0].z.tolist() == SMALL.distances().tolist()
    assert list(distances.layout.xaxis.ticktext) == ["&lt;cat&gt;", "dog", "truck"]


CONFUSION = np.ones((1_000, 1_000), np.int64)


@pytest.mark.parametrize(
    ("figure", "most"),
    [
        (lambda: plots.tree_plot(THOUSAND), 100_000),
        (lambda: plots.matrix_plot(THOUSAND.distances(), THOUSAND.leaves, "distance"), 2_000_000),
        (lambda: plots.matrix_plot(THOUSAND.adjacency(), THOUSAND.nodes, "child", total=True), 2_000_000),
        (lambda: plots.confusion_plot(CONFUSION, THOUSAND), 2_000_000),
        (lambda: similarity_plot(tree_similarity(THOUSAND), THOUSAND), 2_000_000),
        (lambda: plots.confusion_plot(CONFUSION, generators.flat(THOUSAND.leaves)), 2_000_000),
    ],
    ids=["tree", "distances", "adjacency", "confusion", "similarity", "flat"],
)
def test_a_figure_of_a_thousand_classes_sends_what_can_be_seen(figure, most):
    drawn = figure()
    assert len(drawn.to_json()) < most
    assert len(drawn.layout.shapes) <= 2 * plots.MOST_LINES


def test_a_cell_of_many_classes_stands_for_a_node_of_the_tree():
    pairs = np.random.default_rng(0).integers(0, 1_000, (2, 500))
    plot = plots.confusion_plot(sparse_confusion_matrix(*pairs, 1_000), THOUSAND)
    names = list(plot.layout.xaxis.ticktext)
    nodes = [THOUSAND.nodes.index(name) for name in names]
    assert len(names) <= confusion_tree.MOST
    group = np.searchsorted(THOUSAND.leaf_ranges[nodes, 0], pairs, side="right") - 1
    assert plot.data[0].customdata.tolist() == confusion_matrix(*group, len(nodes)).tolist()


def test_a_cell_of_many_classes_without_groups_stands_for_a_block():
    flat = generators.flat(THOUSAND.leaves)
    counts = np.arange(1_000)[:, None] + np.zeros((1, 1_000), np.int64)
    plot = plots.confusion_plot(counts, flat)
    heat, names = plot.data[0], plot.layout.xaxis.ticktext
    assert len(names) == 334 <= MOST_CELLS
    assert heat.customdata[1, 0] == (3 + 4 + 5) * 3
    assert heat.z[1].sum() == pytest.approx(1)
    assert names[1] == f"{THOUSAND.leaves[3]} … {THOUSAND.leaves[5]}"
    means = plots.matrix_plot(counts, THOUSAND.leaves, "distance").data[0].z
    assert means[1, 0] == 4
    assert means[-1, -1] == 999  # the last block is smaller


def test_of_many_classes_the_least_accurate_are_drawn():
    accuracy = np.linspace(1, 0, 1_000).tolist()
    plot = plots.class_accuracy_plot({"a": accuracy}, {"a": accuracy}, THOUSAND, {"a": "red"})
    assert list(plot.data[0].y) == list(THOUSAND.leaves[-plots.MOST_CLASSES :])
    assert plot.layout.xaxis.title.text == "class accuracy, the 200 lowest of 1,000"


@pytest.mark.parametrize(("epochs", "dtick"), [([], 1), ([0.5, 1, 2, 3], 1), ([1, 40], None)])
def test_ticks_are_at_whole_epochs(epochs, dtick):
    plot = go.Figure(go.Scatter(x=epochs, y=epochs))
    plots.epoch_axis(plot)
    assert plot.layout.xaxis.dtick == dtick
