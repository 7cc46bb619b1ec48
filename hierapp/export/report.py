"""Export runs as one HTML file: tables, tests, curves, severity, decoders, confusion matrices, trees, configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from hierapp import stats
from hierapp.analysis import comparison, groups as grouping, summary
from hierapp.analysis.groups import Group
from hierapp.data import registry as datasets
from hierapp.errors import HierappError
from hierapp.export import bundle, readme, report_views, run_files
from hierapp.export.html_page import Page
from hierapp.metrics import confusion
from hierapp.plots import core as plots, curves as curve_plots, tree_svg
from hierapp.runs import Run, Store
from hierapp.utils.files import as_store_error, commit, staging_dir
from hierapp.utils.text import pluralize
from hierapp.version import code_version

MOST_CURVES = 24
MOST_MATRICES = 12
ALL_PAIRS = 5  # groups; if there are more, each is compared with the first one only
TESTED = {"accuracy": "Test accuracy", "mean_distance": "Mean distance of the test images (lca-depth)"}
SAME_FOR_ALL = ("data", "tree", "model", "configuration", "state", "epochs")


def write(store: Store, ids: Sequence[str], file: Path, title: str | None = None) -> list[Run]:
    """Write the report of some runs and return them; unfinished runs are included as far as they are recorded.

    Raises:
        ConfigError: if no run is given.
        StoreError: if there is no such run, or the file exists or cannot be written; then no file is created.
    """
    runs = bundle.chosen(store, ids)
    with as_store_error(f"The report cannot be written to {file.parent}"), staging_dir(file) as folder:
        side = folder / "report.html"
        side.write_bytes(render(store, runs, title))
        commit(side, file)
    return runs


def render(store: Store, runs: Sequence[Run], title: str | None = None) -> bytes:
    """Return the report as UTF-8; the default title names the data sets and losses."""
    runs = [run_files.nameless(run) for run in runs]
    page = Page(title or _title(runs))
    groups = grouping.groups(runs)
    _what(page, runs, groups)
    _notes(page, runs)
    _tables(page, runs)
    _tests(page, groups)
    _curves(page, store, runs, groups)
    for alike in _by_tree(runs):
        report_views.severity(page, alike)
        report_views.decoders(page, alike)
    _classes(page, runs)
    _matrices(page, store, runs, groups)
    _trees(page, runs)
    _configuration(page, runs)
    _environment(page, runs)
    return page.html().encode("utf-8", "replace")


def _title(runs: Sequence[Run]) -> str:
    losses = list(dict.fromkeys(run.config.loss for run in runs))
    named = ", ".join(losses) if len(losses) < 5 else f"{len(losses)} losses"
    return f"{', '.join(dict.fromkeys(_data(run) for run in runs))}: {named}"


def _data(run: Run) -> str:
    entry = datasets.catalogue().get(run.config.data)
    return run.config.data if entry is None else entry.title


def _what(page: Page, runs: Sequence[Run], groups: Sequence[Group]) -> None:
    done = sum(run.state == "finished" for run in runs)
    page.text(
        f"{pluralize(len(runs), 'run')}, {done} of them finished, of {pluralize(len(groups), 'group')}:"
        f" {'; '.join(f'{group.label} ({_seeds(group)})' for group in groups) or 'none'}."
    )
    page.text(f"Created on {datetime.now(UTC):%Y-%m-%d} by hierapp {code_version()}.", soft=True)
    for run in runs:
        if run.state != "finished":
            why = f": {run.error}" if run.error else "."
            of = pluralize(run.config.epochs, "epoch")
            page.text(f"Run {run.id} is {run.state} after {run.epoch} of {of}{why}", soft=True)


def _notes(page: Page, runs: Sequence[Run]) -> None:
    noted = [run for run in runs if run.own_note]
    if not noted:
        return
    names = summary.labels(runs)
    page.heading("Notes")
    for run in noted:
        page.heading(f"Run {run.id}, {names[run.id]}", 3)
        page.lines(run.own_note)


def _tables(page: Page, runs: Sequence[Run]) -> None:
    page.heading("The runs")
    frame = summary.table(runs).reset_index()
    same = [name for name in SAME_FOR_ALL if frame[name].nunique() == 1]
    shared = [f"{name} {frame[name][0]}" for name in same if frame[name][0]]
    if shared:
        page.text(f"The same for all: {', '.join(shared)}.")
    page.table(frame.drop(columns=same))
    means = summary.over_seeds(summary.table(runs))
    if len(means):
        page.heading("Over seeds", 3)
        page.text("Mean and sample standard deviation (n - 1) of the finished runs of each group.", soft=True)
        page.table(means.drop(columns=[name for name in same if name in means]))


def _tests(page: Page, groups: Sequence[Group]) -> None:
    if len(groups) < 2 or len(set(summary.data_labels([group.run for group in groups]).values())) > 1:
        return
    page.heading("Tests")
    baseline = None if len(groups) <= ALL_PAIRS else groups[0].label
    if baseline is not None:
        page.text(f"Each group is compared with {baseline} only; fewer comparisons give more power to each.", soft=True)
    by_label = {group.label: group for group in groups}
    for metric, words in TESTED.items():
        page.heading(words, 3)
        try:
            family = stats.compare_all(
                grouping.values(groups, metric), baseline=baseline, largest=comparison.largest_difference(metric)
            )
        except HierappError as error:
            page.text(str(error))
            continue
        for each in family.comparisons:
            remark = grouping.remark(by_label[each.first], by_label[each.second])
            page.text(f"{each.first} against {each.second}: {each.sentence}", *([remark] if remark else []))


def _curves(page: Page, store: Store, runs: Sequence[Run], groups: Sequence[Group]) -> None:
    shown = list(runs)
    if len(runs) > MOST_CURVES:
        shown = [group.run for group in groups][:MOST_CURVES] or shown[:MOST_CURVES]
    names = summary.labels(shown)
    styles, recorded = curve_plots.run_styles(shown, names), store.metrics(run.id for run in shown)
    alike = [replace(run, config=run.config.model_copy(update={"seed": 0})) for run in shown]
    labels = summary.labels(alike, unique=False)
    page.heading("Curves")
    if len(shown) < len(runs):
        page.text(f"{len(shown)} of {len(runs)} runs, one of each group.", soft=True)
    for metric, words in (("val_accuracy", "validation accuracy"), ("train_loss", "training loss")):
        curves = {names[run]: values[metric] for run, values in recorded.items() if metric in values}
        if curves:
            plot = curve_plots.curves_plot(curves, words, styles, percent=metric == "val_accuracy")
            _name_groups(plot, {names[run]: label for run, label in labels.items()})
            page.plot(plot, f"{words.capitalize()} of each run over the epochs.")
        else:
            page.text(f"No {words} is recorded yet.", soft=True)
    if len({run.config.loss for run in shown}) > 1:
        page.text(
            "Different losses have different scales: compare the shapes of the curves, not their values.", soft=True
        )


def _name_groups(plot: go.Figure, labels: Mapping[str, str]) -> None:
    """Merge the legend entries of a group's runs, which share a color."""
    labels = {plots.plain(name): plots.plain(label) for name, label in labels.items()}
    told: set[str] = set()
    for line in plot.data:
        label = labels[line.meta]
        line.update(name=label, legendgroup=label, showlegend=label not in told)
        told.add(label)


def _classes(page: Page, runs: Sequence[Run]) -> None:
    page.heading("Class accuracy and weighted class accuracy")
    page.text(
        "Weighted class accuracy is TP / (TP + wFN): each missed image counts by the distance (lca-depth) to its"
        " predicted class, so costly mistakes reduce the value more. Mean over the seeds of a group, test images."
    )
    for alike in _by_tree(runs):
        groups = grouping.groups(alike)
        reports = {g.label: [run.test or {} for run in g.runs.values()] for g in groups}
        kept = {
            name: found for name, found in reports.items() if all("weighted_class_accuracy" in test for test in found)
        }
        if not kept:
            continue
        plain, weighted = (
            {
                name: pd.DataFrame([test[key] for test in found], dtype=float).mean().tolist()
                for name, found in kept.items()
            }
            for key in ("class_accuracy", "weighted_class_accuracy")
        )
        colors = {name: plots.COLORS[number % len(plots.COLORS)] for number, name in enumerate(reports)}
        plot = plots.class_accuracy_plot(plain, weighted, alike[0].tree, colors)
        page.plot(plot, f"Accuracy of each class of {_data(alike[0])}, tree {alike[0].config.tree}.")


def _matrices(page: Page, store: Store, runs: Sequence[Run], groups: Sequence[Group]) -> None:
    page.heading("Confusion matrices")
    chosen = [(group.label, group.run) for group in groups]
    chosen += [(summary.loss_label(run), run) for run in runs if run.state != "finished" and run.epoch > 0]
    page.text("Rows are true classes, columns predicted ones, in the order of the tree; one run of each group.")
    for label, run in chosen[:MOST_MATRICES]:
        counts = store.confusion(run.id, "test" if run.state == "finished" else "validation")
        if counts is None:
            continue
        part = "test images" if run.state == "finished" else f"validation images after epoch {run.epoch}"
        plot = plots.confusion_plot(counts, run.tree)
        page.heading(f"{label}: run {run.id}, seed {run.config.seed}", 3)
        distance = confusion.mean_distance(counts, run.tree)
        page.plot(plot, f"{part.capitalize()}; their mean distance (lca-depth) is {distance:.4f}.")
    if len(chosen) > MOST_MATRICES:
        page.text(f"{len(chosen) - MOST_MATRICES} more are left out; a bundle contains all of them.", soft=True)


def _trees(page: Page, runs: Sequence[Run]) -> None:
    alike = _by_tree(runs)
    page.heading("The tree" if len(alike) == 1 else "The trees")
    for group in alike:
        tree = group[0].tree
        page.drawing(
            tree_svg.render(tree),
            f"{group[0].config.tree}: {len(tree.nodes)} nodes, {len(tree.leaves)} leaves, depth {tree.depth.max()}.",
        )


def _configuration(page: Page, runs: Sequence[Run]) -> None:
    page.heading("Configuration")
    rows = []
    for run in runs:
        config = {name: value for name, value in run.config_values.items() if value is not None}
        options = [f"{name} {value}" for name, value in config.pop("options").items()]
        rows.append({**config, "options of the loss": ", ".join(options)})
    names = list(dict.fromkeys(name for row in rows for name in row))
    same = [name for name in names if len({json.dumps(row.get(name), default=str) for row in rows}) == 1]
    differing = [name for name in names if name not in same]
    if differing:
        page.text("What differs:")
        told = [{name: _shown(row[name]) for name in differing if name in row} for row in rows]
        frame = pd.DataFrame(told, columns=differing).fillna("").astype(str)
        frame.insert(0, "run", [run.id for run in runs])
        page.table(frame)
        page.text("The same for all:")
    page.facts([(name, _shown(rows[0].get(name))) for name in same])


def _environment(page: Page, runs: Sequence[Run]) -> None:
    page.heading("Environment")
    said = readme.environment(runs)
    alike: dict[str, list[str]] = {}
    for run, conditions in said["trained_with"].items():
        alike.setdefault(json.dumps({k: v for k, v in conditions.items() if v is not None}), []).append(run)
    for conditions, ids in alike.items():
        if found := json.loads(conditions):
            page.text(f"{'Run' if len(ids) == 1 else 'Runs'} {', '.join(ids)} trained with:")
            page.facts(list(found.items()))
    page.text("This report was created with:")
    page.facts([(name, _shown(value)) for name, value in said["exported_with"].items() if value is not None])


def _by_tree(runs: Sequence[Run]) -> list[list[Run]]:
    """Group the runs by data set and tree."""
    found: dict[tuple[str, str], list[Run]] = {}
    data = summary.data_labels(runs)
    for run in runs:
        found.setdefault((data[run.id], run.tree_text), []).append(run)
    return list(found.values())


def _seeds(group: Group) -> str:
    return f"{pluralize(len(group.runs), 'seed')}{f', {len(group.repeated)} repeated' if group.repeated else ''}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
