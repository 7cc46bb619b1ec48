"""The texts of a bundle: what each file is, what the bundle was made with, how to cite it."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from hierapp import paths
from hierapp.analysis import summary
from hierapp.export import run_files
from hierapp.runs import Run
from hierapp.runs.weights_header import conditions
from hierapp.utils import devices
from hierapp.utils.text import pluralize
from hierapp.version import __version__, code_version

LIBRARIES = ("torch", "torchvision", "numpy", "pandas", "scipy", "pydantic", "safetensors")


def readme(runs: Sequence[Run], weights: bool, predictions: bool, logs: bool) -> str:
    """Return the description of each file of the bundle."""
    runs = [run_files.nameless(run) for run in runs]
    names = summary.labels(runs)
    lines = [f"| {run.id} | {_cell(names[run.id])} | {_cell(run.config.data)} | {run.state} |" for run in runs]
    unfinished = [run for run in runs if run.state != "finished"]
    told = [
        f"- Run {run.id} is {run.state} after {run.epoch} of {pluralize(run.config.epochs, 'epoch')}: there are no "
        f"test metrics, predictions or weights.{f' {_cell(run.error)}' if run.error else ''}"
        for run in unfinished
    ]
    files = _files(weights, predictions, logs)
    return "\n".join(
        [
            "# Runs of hierapp",
            "",
            f"Exported by hierapp {code_version()}.",
            "",
            "| run | configuration | data set | state |",
            "| --- | --- | --- | --- |",
            *lines,
            "",
            *([*told, ""] if told else []),
            "| file | contents |",
            "| --- | --- |",
            *(f"| `{name.replace(', ', '`, `')}` | {what} |" for name, what in files.items()),
            "",
            "In `runs.csv`, `over_seeds.csv` and `predictions.csv`, names, tags and notes that a spreadsheet would",
            "interpret as a formula (they begin with = + - @ or whitespace) are prefixed with a '. `confusion_*.csv`,",
            "`similarity.csv` and `tree.json` contain the exact names, because `reproduce.py` reads them: import them",
            "as text if other users chose the class names.",
            "",
            "## Train the runs again",
            "",
            "    PYTHONPATH=FOLDER_OF_HIERAPP python reproduce.py [--data FOLDER] [--run RUN]",
            "",
            "This needs hierapp's code and libraries, preferably in the versions of `environment.json`, and the data"
            " set, but",
            "neither the app nor its store. Each finished run is trained with the configuration, tree and similarity",
            "of this bundle, and its test metrics, confusion matrix and weights are compared with those of the"
            " bundle. On a",
            "CPU they are identical bit for bit on the same kind of machine with the same versions; elsewhere the last",
            "digits may differ, and with them the course of training: the script then shows by how much, and what",
            "differs between the machines.",
            "",
        ]
    )


def _files(weights: bool, predictions: bool, logs: bool) -> dict[str, str]:
    """Return the files of a bundle with a description of each."""
    files = {
        "runs.csv": "all runs: configuration, metrics on the test images, tags and notes",
        "over_seeds.csv": "mean and standard deviation over the seeds of each group with several seeds",
        "environment.json": "versions, processor and system of the exporting machine and of each training run",
        "CITATION.cff, citation.bib": "how to cite hierapp",
        "reproduce.py": "trains the runs again and reports whether the results are the same",
        "runs/RUN/run.json": "state, times, tags and note, hashes of the data, and the environment of the training",
        "runs/RUN/config.json": "the configuration; with tree and similarity it determines the run",
        "runs/RUN/tree.json": "the label tree; its leaves, in their order, are the classes of all files here",
        "runs/RUN/similarity.csv": "the class similarity, if the loss uses one",
        "runs/RUN/metrics.csv, metrics.parquet": "all metrics recorded during training: epoch (1.5 is the middle of "
        "the second), metric, value",
        "runs/RUN/confusion_test.csv, confusion_validation.csv": "confusion matrices, rows true, columns predicted: "
        "of the test set with the weights of the best epoch, of the validation set after the last epoch",
        "runs/RUN/test.json": "all metrics on the test set; class metrics in the order of the tree's leaves",
    }
    if predictions:
        files["runs/RUN/predictions.csv"] = (
            "one row per test image: its index in the test set, true and most likely class, their probabilities"
        )
        files["runs/RUN/outputs.safetensors"] = (
            "the same with the probabilities of all classes: `probabilities` (float16) and `target`"
        )
        files["runs/RUN/validation_outputs.safetensors, calibration_outputs.safetensors"] = (
            "the same for the validation images, with the weights of the tested epoch, and for those that selected no"
            " epoch, if the run has them"
        )
        files["runs/RUN/predicted_maps.npz, pixel_probabilities.npz"] = (
            "in place of those for images with label maps: an array ROW.npy for each test image, the predicted classes"
            " of its pixels and, if the run stored them, their probabilities"
        )
    if weights:
        files["runs/RUN/model.safetensors"] = (
            "the weights of the tested epoch, with the mean and standard deviation that images are normalized by"
        )
    if logs:
        files["runs/RUN/log.txt"] = "the log of the training; it may contain paths of the machine"
    return files


def environment(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the versions that the bundle is made with, and those that each run was trained with."""
    return {
        "exported_with": {
            "hierapp": code_version(),
            "python": platform.python_version(),
            **{name: _version(name) for name in LIBRARIES},
            "processor": devices.processor(),
            "cores": devices.cores(),
            "devices": list(devices.kinds()),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        "trained_with": {run.id: conditions(run) for run in runs},
    }


def bibtex() -> str:
    """Return the citation of hierapp as BibTeX, equal to CITATION.cff."""
    file = paths.citation()
    said = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = dict(re.findall(r'^(?:  - )?(\w+): "?(.*?)"?$', said, re.MULTILINE))
    return (
        "@software{hierapp,\n"
        f"  title = {{{{{found.get('title', 'hierapp')}}}}},\n"
        f"  author = {{{{{found.get('name', 'The hierapp authors')}}}}},\n"
        f"  version = {{{__version__}}},\n"
        f"  note = {{{code_version()}}},\n"
        f"  license = {{{found.get('license', 'MIT')}}}\n"
        "}\n"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cell(text: str) -> str:
    """Escape a user's text for a Markdown table cell, on one line."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
