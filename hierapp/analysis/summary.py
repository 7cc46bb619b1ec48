"""Summaries of runs for the command line and the pages: dicts for JSON, tables for display."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hierapp.metrics import ordered
from hierapp.metrics.counts import triplets
from hierapp.runs import Run, same_data
from hierapp.training.form_fields import GROUPS, changed_fields, fields_of
from hierapp.trees import LabelTree
from hierapp.trees.distances import pair_distances

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Metrics = Mapping[str, Sequence[tuple[float, float]]]

# Fields that distinguish runs in addition to data, tree, loss, model and seed.
FIELDS = [field for group in GROUPS for field in fields_of(group).values()]

# Columns of the table with metrics of the test part, and their names in `metrics.report`.
TEST_METRICS = {
    "test accuracy": "accuracy",
    "mean distance": "mean_distance",
    "severity": "severity",
    "class accuracy": "macro_recall",
    "weighted class accuracy": "macro_weighted_recall",
}
# Further columns, of runs whose classes are ordered.
ORDERED_METRICS = {spec.title: spec.name for spec in ordered.METRICS}


def as_dicts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the runs as the command line prints them with --json."""
    return [
        {
            "id": run.id,
            "state": run.state,
            "pid": run.pid if run.state == "running" else None,
            "origin": run.origin,
            "config": run.config_values,
            "content": run.content._asdict(),
            "epoch": run.epoch,
            "epochs": run.config_values["epochs"],
            "progress": run.progress,
            "metrics": {name: _for_json(value) for name, value in run.last.items()},
            "test": run.test,
            "folder": str(run.folder),
            "error": run.error,
            "note": run.note,
            "tags": list(run.tags),
            "own_note": run.own_note,
            "owner": run.owner,
            "priority": run.priority,
            "held": run.held,
            "attempt": run.attempt,
            "device": run.device,
            "version": run.version,
            "created": run.created,
            "started": run.started,
            "ended": run.ended,
        }
        for run in runs
    ]


def _for_json(value: float) -> float | None:
    """Return None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None


def loss_label(run: Run) -> str:
    """Return the loss with its options that differ from the default, such as "hierarchical, mass 0".

    Options that this version of hierapp does not know are shown unchanged. Imported predictions have the name of their
    model instead.
    """
    if run.is_imported:
        return f"{run.config.model} ({run.origin})"
    from hierapp import losses

    entry = losses.LOSSES.get(run.config.loss)
    known = {option.name: option for option in entry.options} if entry else {}
    changed = [
        f"{name} {known[name].text(value)}" if name in known else f"{name} {value}"
        for name, value in run.config.options.items()
        if name not in known or known[name].default != value
    ]
    return ", ".join([run.config.loss, *changed])


def recipe(run: Run) -> str:
    """Return other differences from the defaults, such as "sgd, crop 4"; tables have a separate column for epochs."""
    if run.is_imported:
        return ""
    changed = [field for field in changed_fields(run.config) if field.name != "epochs"]
    return ", ".join(field.words(getattr(run.config, field.name)) for field in changed)


def data_labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return the name of each run's data set by the run's id; with a mark, such as "mine (3fa2c1)", if runs have other
    content under that name."""
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.config.data, []).append(run)
    said: dict[str, str] = {}
    for name, alike in by_name.items():
        contents = same_data.by_content(alike)
        for each in contents:
            mark = each[0].content.short if any(each[0].content) else "unknown"
            said |= {run.id: f"{name} ({mark})" if len(contents) > 1 else name for run in each}
    return said


def tree_labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return the name of each run's tree by the run's id, with a mark if trees of one name differ."""
    return _marked({run.id: (run.config.tree, run.tree_text) for run in runs})


def _marked(given: Mapping[str, tuple[str, str | None]]) -> dict[str, str]:
    """Return the names of named texts, with a mark such as "mine (3fa2c1)" where one name has several texts; None is
    no text and gets no mark."""
    texts: dict[str, set[str]] = {}
    for name, text in given.values():
        texts.setdefault(name, set()).update([] if text is None else [text])
    return {
        key: name if text is None or len(texts[name]) < 2 else f"{name} ({mark_of(text)})"
        for key, (name, text) in given.items()
    }


def mark_of(text: str) -> str:
    """Return the mark of a text that shares its name with others."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def loss_labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return `loss_label` of each run by its id.

    Similarities with the same name but different values are marked, such as "simloss, similarity mine (3fa2c1)": a
    saved file may have changed between two runs.
    """
    words = {run.id: str(run.config.options.get("similarity")) for run in runs}
    marked = _marked({run.id: (words[run.id], run.similarity_text) for run in runs})
    return {
        run.id: loss_label(run).replace(f"similarity {words[run.id]}", f"similarity {marked[run.id]}") for run in runs
    }


def labels(runs: Sequence[Run], unique: bool = True, but: Collection[str] = ()) -> dict[str, str]:
    """Return a short name for each run's id: the loss, and all other differences of these runs except the fields `but`.

    Default values, except of training fields, are not shown. If `unique`, equal names are distinguished by the ids.
    """
    said, data, trees = loss_labels(runs), data_labels(runs), tree_labels(runs)
    words = _words_of_fields([run for run in runs if not run.is_imported])
    parts = {
        run.id: {
            "loss": said[run.id],
            "data": data[run.id],
            "tree": trees[run.id],
            # The label of the loss of an imported run is the model's name.
            "model": "" if run.is_imported else run.config.model,
            **{name: words[name].get(getattr(run.config, name), "") for name in words if not run.is_imported},
            "seed": f"seed {run.config.seed}",
        }
        for run in runs
    }
    varied = [
        key
        for key in ("data", "tree", "model", *words, "seed")
        if key not in but and len({part.get(key, "") for part in parts.values()} - {""}) > 1
    ]
    usual = {field.name: field.words(field.default) for field in FIELDS if field.name not in fields_of("training")}
    named = {
        run: " · ".join([part["loss"], *(part[key] for key in varied if part.get(key, "") not in ("", usual.get(key)))])
        for run, part in parts.items()
    }
    counted = list(named.values())
    return {run: f"{name} (run {run})" if unique and counted.count(name) > 1 else name for run, name in named.items()}


def _words_of_fields(runs: Sequence[Run]) -> dict[str, dict[Any, str]]:
    """Return the words for each value of the fields that differ among runs. A page may have thousands of runs, with few
    values."""
    values = {field: {getattr(run.config, field.name) for run in runs} for field in FIELDS}
    return {field.name: {each: field.words(each) for each in some} for field, some in values.items() if len(some) > 1}


def test_metrics(runs: Sequence[Run]) -> dict[str, str]:
    """Return the columns of `table` with metrics of the test part, and their names."""
    are_ordered = any(name in (run.test or {}) for run in runs for name in ORDERED_METRICS.values())
    return TEST_METRICS | (ORDERED_METRICS if are_ordered else {})


def table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run, indexed by its id: configuration, progress, and metrics (NaN if not yet available)."""
    rows = []
    said, data, trees = loss_labels(runs), data_labels(runs), tree_labels(runs)
    named = test_metrics(runs)
    for run in runs:
        metrics = {column: (run.test or {}).get(key) for column, key in named.items()}
        rows.append(
            {
                "run": run.id,
                "data": data[run.id],
                "tree": trees[run.id],
                "loss": said[run.id],
                "model": "" if run.is_imported else run.config.model,
                "seed": run.config.seed,
                "state": run.state,
                "epochs": epochs(run),
                "configuration": recipe(run),
                "val accuracy": run.last.get("val_accuracy"),
                **metrics,
            }
        )
    columns = [
        "run",
        "data",
        "tree",
        "loss",
        "model",
        "seed",
        "configuration",
        "state",
        "epochs",
        "val accuracy",
        *named,
    ]
    frame = pd.DataFrame(rows, columns=columns).set_index("run")
    return frame.astype(dict.fromkeys(["val accuracy", *named], float))


def epochs(run: Run) -> str:
    """Return how many epochs are done, such as "3 of 5"; the planned number of a tracked run may be unknown."""
    if run.origin == "imported":
        return ""
    return f"{run.epoch} of {run.config.epochs}" if run.config.epochs else str(run.epoch)


def over_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean and deviation ("0.6990 ± 0.0041") of each test metric over the finished runs of the same group.

    The table has one row for each group of `table` with two or more runs; `n` is their number. The deviation is that
    of the sample, with n - 1.
    """
    same = ["data", "tree", "loss", "model", "configuration", "epochs"]
    finished = frame[frame["state"] == "finished"]
    # The 9 of "7 of 9": seeds may end early at different epochs.
    finished = finished.assign(epochs=finished["epochs"].str.split(" ").str[-1])
    named = [name for name in TEST_METRICS | ORDERED_METRICS if name in frame]
    rows = []
    for key, group in finished.groupby(same, sort=False):
        if len(group) > 1:
            metrics = {name: f"{group[name].mean():.4f} ± {group[name].std():.4f}" for name in named}
            rows.append(dict(zip(same, key, strict=True)) | {"n": len(group)} | metrics)
    return pd.DataFrame(rows, columns=[*same, "n", *named])


def frequent_mistakes(confusion: ArrayLike | csr_array, tree: LabelTree, limit: int = 12) -> pd.DataFrame:
    """Return the most confused pairs of classes, with their share of the true class and their distance (lca-depth)."""
    true, predicted, counts = triplets(confusion)
    totals = np.bincount(true, counts, minlength=len(tree.leaves))
    wrong = np.flatnonzero(true != predicted)
    most = wrong[np.argsort(-counts[wrong], kind="stable")[:limit]]
    true, predicted, counts = true[most], predicted[most], counts[most]
    return pd.DataFrame(
        {
            "true": [tree.leaves[place] for place in true],
            "predicted": [tree.leaves[place] for place in predicted],
            "images": counts,
            "share of true": counts / totals[true],
            "distance": pair_distances(tree, true, predicted),
        }
    )
