"""Results as files, what ships, and which of the sources is shown."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from hierapp.errors import StoreError
from hierapp.metrics import report as metrics_report
from hierapp.plots import reproduction as reproduction_plots
from hierapp.reproduction import planning, results, state, timing
from hierapp.reproduction.figures import FIGURES, find
from hierapp.reproduction.presets import SIZES
from hierapp.reproduction.shown import shown
from hierapp.utils import processes
from tests.reproduction import made_up
from tests.store_states import working

QUICK = SIZES["quick"]


def finish(store, planned, accuracy):
    """A run of three epochs that ended with this accuracy."""
    (run,) = store.add([planned.config], planned.tree)
    attempt = working(store, run)
    attempt.begin("cpu", "0.1.0 (abc)")
    counts = np.full((10, 10), round(1000 * (1 - accuracy) / 9), dtype=np.int64)
    np.fill_diagonal(counts, round(1000 * accuracy))
    for epoch in (1, 2, 3):
        attempt.end_epoch(epoch, {"val_accuracy": accuracy * epoch / 3, "epoch_seconds": 2.0}, counts // (4 - epoch))
    attempt.finish(3, metrics_report(counts, planned.tree), counts)
    return run


@pytest.fixture
def soft(store):
    """All runs of figure 8, soft labels half a point better."""
    for planned in planning.plan(find(["8"]), QUICK):
        finish(store, planned, 0.7 + 0.005 * (planned.group.name == "soft labels") + 0.001 * planned.config.seed)
    return store


def made(store, data="cifar10"):
    return state.outcome(store, QUICK, data, "python -m hierapp reproduce")


def test_a_store_without_runs_has_no_report(store):
    assert made(store) is None


def test_what_can_be_judged_is_in_the_report_and_nothing_else(soft):
    outcome = made(soft)
    assert list(outcome.results) == ["3c", "8", "12"]  # they share the hierarchical runs
    assert (outcome.seeds, outcome.runs, outcome.epochs) == ([0, 1, 2, 3], 7, 5)
    (first, second) = outcome.results["8"].claims
    assert first.verdict == "agrees"
    assert second.verdict in ("agrees", "differs", "cannot tell")
    assert outcome.results["8"].seconds == 6.0 * 7
    assert outcome.environment["hierapp"] == "0.1.0 (abc)"


def test_a_report_comes_back_from_its_file_and_names_no_folder(soft, tmp_path):
    file = tmp_path / "new" / "report.json"
    outcome = made(soft)
    results.save(outcome, file)
    assert results.load(file) == outcome
    assert str(soft.folder) not in file.read_text()
    assert file.stat().st_size < 100_000
    assert [each.name for each in file.parent.iterdir()] == ["report.json"]


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', "[1]", '{"format": 1, "size": "huge"}'])
def test_a_file_that_is_none_is_told_in_a_sentence(text, tmp_path):
    file = tmp_path / "quick.json"
    file.write_text(text)
    with pytest.raises(StoreError, match="does not contain reproduction results"):
        results.load(file)


def test_a_file_that_is_not_there_is_none(tmp_path):
    assert results.load(tmp_path / "quick.json") is None


def test_a_place_that_cannot_be_written_is_told(soft, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        results.save(made(soft), tmp_path / "file" / "report.json")


@pytest.mark.parametrize("size", SIZES)
def test_what_ships_loads_and_fits_the_presets(size):
    outcome = results.load(results.shipped_file(size))
    if outcome is None:
        assert not results.shipped_file(size).exists()
        return
    assert (outcome.size, outcome.data) == (size, planning.DATA)
    by_id = {figure.id: figure for figure in FIGURES}
    for name, result in outcome.results.items():
        assert result.figure == name
        assert [claim.claim for claim in result.claims] == [claim.text for claim in by_id[name].claims]
        assert [claim.rule for claim in result.claims] == [claim.rule for claim in by_id[name].claims]
        assert reproduction_plots.draw(result.plot) is not None or result.plot.kind == "none"


def test_runs_come_before_kept_results_and_these_before_what_ships(soft, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "shipped_file", lambda size: tmp_path / f"shipped-{size}.json")
    outcome = made(soft)
    mended = outcome.model_copy(update={"results": {"8": outcome.results["8"], "12": outcome.results["12"]}})
    results.save(mended, tmp_path / "shipped-quick.json")
    results.save(mended.model_copy(update={"results": {"8": outcome.results["8"]}}), results.file_of("quick"))
    empty = type(soft)(tmp_path / "another")
    found = {each.figure.id: each.source for each in shown(empty, QUICK)}
    assert (found["8"], found["12"], found["3ab"]) == ("kept", "shipped", None)
    found = {each.figure.id: each.source for each in shown(soft, QUICK)}
    assert (found["8"], found["12"], found["3c"], found["3ab"]) == ("runs", "runs", "runs", None)
    assert {each.source for each in shown(empty, QUICK, "digits")} == {None}
    assert {each.source for each in shown(empty, SIZES["full"])} == {None}


def test_a_figure_knows_what_it_lacks(soft):
    by_id = {each.figure.id: each for each in state.statuses(soft, FIGURES, QUICK)}
    assert by_id["8"].is_complete
    assert by_id["8"].lacking == []
    assert not by_id["1011"].is_complete
    assert {each.group.name for each in by_id["1011"].lacking} == {"constant rate", "SGD", "SGD, rate 1e-2, momentum"}
    assert not by_id["appendix-a"].timed


def test_of_two_that_start_a_timing_at_once_one_starts_it(store, monkeypatch):
    at_once, started = threading.Barrier(2), []

    def inherit(command, log, *rest, files, **named):
        started.append(os.dup(files[0]))  # as a process that holds the lock from its start

    monkeypatch.setattr(processes, "spawn", inherit)

    def start() -> None:
        at_once.wait()
        timing.start("quick", "digits")

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (held,) = started
    assert timing.is_running()
    os.close(held)
    assert not timing.is_running()


def test_the_times_are_measured_kept_and_judged(store):
    found = timing.measure(planning.tree_of("digits", "base"), rounds=2, batches=1)
    assert set(found.seconds) == set(timing.WAYS)
    assert len(found.ratios) == 2
    assert min(found.ratios) > 1  # a loop over 128 images and all nodes against one gather
    timing.keep(found, "quick", "digits")
    assert timing.kept("quick", "digits") == found
    assert timing.kept("full", "digits") is None
    (status,) = state.statuses(store, find(["appendix-a"]), QUICK, "digits")
    assert status.is_complete
    assert state.result(store, status, QUICK, "digits").claims[0].sentence.startswith("The tensor version is")


def test_a_measurement_that_is_broken_is_none():
    timing.keep(made_up.timing(100, 200), "quick", "digits")
    (file,) = results.folder().glob("*.json")
    file.write_text("{")
    assert timing.kept("quick", "digits") is None


def test_curves_of_a_class_share_their_color_and_the_weighted_one_is_dashed():
    plot = results.Plot(
        kind="curves",
        what="class accuracy",
        lines={name: results.Line(epochs=[1, 2], mean=[0.1, 0.2]) for name in ("cat", "cat, weighted", "dog")},
    )
    cat, weighted, dog = reproduction_plots.draw(plot).data
    assert cat.line.color == weighted.line.color != dog.line.color
    assert (cat.line.dash, weighted.line.dash) == (None, "dash")


def test_dots_say_what_they_are_and_a_matrix_needs_no_tree_of_its_own():
    dots = reproduction_plots.draw(results.Plot(kind="dots", each="fold", dots={"CE": {1: 0.7, 2: 0.72}}))
    assert dots.data[0].hovertemplate.startswith("fold ")
    matrix = reproduction_plots.draw(results.Plot(kind="matrix", classes=["a", "b"], counts=[[1, 2], [3, 4]]))
    assert matrix.data[0].z.shape == (2, 2)
    assert reproduction_plots.draw(results.Plot()) is None
