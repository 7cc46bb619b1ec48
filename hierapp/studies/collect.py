"""Read the stored outputs of a study's test runs with every decoder, into rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hierapp import metrics
from hierapp.analysis import reevaluation
from hierapp.analysis.calibration import Calibration, HeldOut
from hierapp.analysis.reevaluation import TreeProbabilities, on_tree, scaled
from hierapp.data import registry as datasets
from hierapp.decoding import decoders
from hierapp.errors import StoreError
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.metrics.probabilities import node_report, probability_report
from hierapp.runs import Run
from hierapp.studies import library, rows
from hierapp.studies.planning import StudyRun
from hierapp.studies.readings import Reading
from hierapp.studies.rows import Row
from hierapp.studies.spec import Study
from hierapp.training import predictions
from hierapp.training.predictions import LEAST, Outputs
from hierapp.trees import LabelTree


def collect(study: Study, tests: Sequence[tuple[StudyRun, Run | None]]) -> Iterator[Row]:
    """Yield the rows of the finished test runs, in the order of the plan.

    Everything is evaluated by the study's true tree, whatever tree a run was trained with.

    Raises:
        StoreError: if the outputs of a run are missing or broken.
    """
    readings = [Reading.parse(each) for each in study.decoders]
    sizes: dict[str, int] = {}
    for wanted, run in tests:
        if run is None or run.state != "finished":
            continue
        data = run.config.data
        if data not in sizes:
            sizes[data] = datasets.find(data).train_size
        about: Row = {
            "group": wanted.group.name,
            "loss": wanted.group.loss,
            "seed": wanted.config.seed,
            "permutation": wanted.permutation,
            **wanted.values,
            "epoch": int((run.test or {}).get("epoch", run.epoch)),
            "train_part": sizes[data],
        }
        test = predictions.stored(run.folder)
        held_out = HeldOut.of(run.folder)
        for reading in readings:
            yield about | {"decoder": reading.text} | read(test, held_out, study.true_tree, reading)


def write(
    study: Study, tests: Sequence[tuple[StudyRun, Run | None]], seen: Callable[[int], object] = lambda rows: None
) -> list[Row]:
    """Collect the rows of the finished test runs and write them to this machine's file of the study.

    Args:
        study: the study.
        tests: its test runs.
        seen: called with the number of rows so far.

    Raises:
        StoreError: if no run is finished, the outputs of a run are missing or broken, or the file cannot be written.
    """
    found: list[Row] = []
    for row in collect(study, tests):
        found.append(row)
        seen(len(found))
    if not found:
        raise StoreError(
            f"No test run of the study {study.name} is finished; run it first with `python -m hierapp study run`."
        )
    rows.write(found, library.own_csv(study))
    return found


def read(test: Outputs, held_out: HeldOut, tree: LabelTree, reading: Reading) -> Row:
    """Return the metrics of test outputs, read in one way."""
    temperature, threshold = Calibration(reading.temperature, reading.alpha).of(held_out, tree)
    given = scaled(on_tree(test, tree), temperature)
    nodes = reevaluation.predictions(
        given, tree, reading.rule, **({} if threshold is None else {"threshold": threshold})
    )
    probabilities = probability_report(_log(given), given.target, tree)
    found: Row = {"temperature": temperature}
    if decoders.find(reading.rule).leaves_only:
        leaves = np.searchsorted(tree.leaf_nodes, nodes)
        report = metrics.report(sparse_confusion_matrix(given.target, leaves, len(tree.leaves)), tree)
        found |= _of_leaves(report, probabilities)
    else:
        report = node_report(nodes, given.target, tree)
        found |= {"accuracy": report["accuracy"], "log_loss": probabilities["log_loss"]}
        found |= {"coverage": report["correct"], "mean_depth": report["mean_depth"]}
    return found | {"calibration_error": probabilities["calibration_error"]}


def _of_leaves(report: Mapping[str, Any], probabilities: Mapping[str, Any]) -> Row:
    found: Row = {"accuracy": report["accuracy"], "mean_distance": report["mean_distance"]}
    found |= {"log_loss": probabilities["log_loss"], "severity": report["severity"]}
    return found | {f"level_{level}": value for level, value in enumerate(report["level_accuracy"], start=1)}


def _log(given: TreeProbabilities) -> Any:
    p = np.maximum(given.p, LEAST)
    return np.log(p / p.sum(1, keepdims=True))
