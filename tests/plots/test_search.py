"""The figures of a search: what stands where."""

import pytest

from hierapp.plots.core import COLORS
from hierapp.plots.search import best_plot, importance_plot, parallel_plot
from hierapp.search.plan import METRICS
from hierapp.search.space import parse
from hierapp.search.trials import Trial

ACCURACY, DISTANCE = METRICS["val_accuracy"], METRICS["val_distance"]
SPACE = parse(["learning_rate=1e-4..1e-2:log", "optimizer=adam,sgd", "momentum=0.5..0.9"], ["hxe"])
FIRST = Trial(0, {"optimizer": "adam", "learning_rate": 1e-3}, "finished", value=0.9)
SECOND = Trial(1, {"optimizer": "sgd", "learning_rate": 1e-4, "momentum": 0.9}, "finished", value=0.5)


def test_each_trial_crosses_each_axis_where_its_value_lies():
    plot = parallel_plot([FIRST, SECOND], SPACE, ACCURACY)
    worst, best = plot.data  # the best is drawn last
    assert list(plot.layout.xaxis.ticktext) == ["optimizer", "learning rate", "momentum", "validation accuracy"]
    assert list(best.y) == pytest.approx([0, 0.5, 0, 1])  # momentum says nothing with adam: at the lower end
    assert list(worst.y) == pytest.approx([1, 0, 1, 0])
    assert best.line.color == COLORS[2]
    words = {(note.x, round(note.y, 3)): note.text for note in plot.layout.annotations}
    assert (words[0, 0], words[0, 1]) == ("adam", "sgd")
    assert (words[1, 0], words[1, 0.5], words[1, 1]) == ("0.0001", "0.001", "0.01")
    assert (words[2, 0], words[2, 0.15], words[2, 1]) == ("–", "0.5", "0.9")
    assert (words[3, 0], words[3, 1]) == ("50.0%", "90.0%")


def test_where_less_is_better_the_least_is_the_best():
    plot = parallel_plot([FIRST, SECOND], SPACE, DISTANCE)
    assert plot.data[-1].line.color == COLORS[2]
    assert "trial 1: 0.500" in plot.data[-1].hovertemplate


def test_trials_of_one_value_are_drawn():
    assert len(parallel_plot([FIRST, FIRST], SPACE, ACCURACY).data) == 2


def test_the_best_so_far_is_a_line_to_the_last_trial():
    pruned = Trial(2, {}, "pruned", value=0.1)
    plot = best_plot([FIRST, SECOND, pruned], [(0, 0.9), (1, 0.9)], ACCURACY)
    assert [(line.name, list(line.x)) for line in plot.data] == [
        ("finished", [0, 1]),
        ("pruned", [2]),
        ("best so far", [0, 1, 2]),
    ]
    assert len(best_plot([Trial(0, {}, "running")], [], ACCURACY).data) == 0


def test_names_are_shown_as_they_are():
    plot = importance_plot({"<b>x": 0.75, "y": 0.25})
    assert list(plot.data[0].y) == ["&lt;b&gt;x", "y"]
