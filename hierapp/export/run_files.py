"""The files of one run in a bundle: texts by name, without user names or folders of this machine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierapp import paths
from hierapp.export import spreadsheet
from hierapp.metrics import counts
from hierapp.runs import Run, Store
from hierapp.runs.predictions import Items
from hierapp.runs.weights_header import HEAD, conditions, header
from hierapp.similarities import Similarity, formats as similarity_formats
from hierapp.training.predictions import Outputs
from hierapp.trees import formats as tree_formats

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def nameless(run: Run) -> Run:
    """Return the run without folders of this machine.

    A tree's file is given by its name only, and messages have ~ for the user's folder.

    >>> PureWindowsPath("/home/ann/trees/mine.json").name
    'mine.json'
    """
    config = run.config.model_copy(update={"tree": PureWindowsPath(run.config.tree).name})
    return replace(
        run,
        config=config,
        error=_without_folders(run.error),
        note=_without_folders(run.note),
        own_note=_without_folders(run.own_note) or "",
        owner=None,
    )


def texts(store: Store, run: Run) -> dict[str, str]:
    """Return the small files of a run by name."""
    run = nameless(run)
    found = {
        "run.json": _json(_facts(run)),
        "config.json": _json(run.config_values),
        "tree.json": tree_formats.render(run.tree, "json"),
        "metrics.csv": metrics(store, run).to_csv(index=False, lineterminator="\n"),
    }
    if run.similarity is not None:
        found["similarity.csv"] = similarity_formats.render(Similarity.of(run.tree.leaves, run.similarity))
    validation, test = store.confusion(run.id, "validation"), store.confusion(run.id, "test")
    if validation is not None:
        found["confusion_validation.csv"] = confusion(validation, run.tree.leaves)
    if test is not None and run.test is not None:
        found["confusion_test.csv"] = confusion(test, run.tree.leaves)
        found["test.json"] = _json(run.test)
    return found


def metrics(store: Store, run: Run) -> pd.DataFrame:
    """Return every recorded metric: epoch (1.5 is halfway through the second one), metric, value; ordered by epoch."""
    points = store.metrics([run.id])[run.id]
    rows = sorted((epoch, name, value) for name, ats in points.items() for epoch, value in ats)
    frame = pd.DataFrame(rows, columns=["epoch", "metric", "value"])
    return frame.astype({"epoch": float, "metric": str, "value": float})


def metrics_parquet(store: Store, run: Run) -> bytes:
    """Return the metrics as Parquet."""
    written = io.BytesIO()
    metrics(store, run).to_parquet(written, index=False)
    return written.getvalue()


def confusion(found: csr_array, classes: Sequence[str]) -> str:
    """Return a confusion matrix as CSV: a header of predicted classes, then one row per true class.

    Of more than `counts.DENSE_UP_TO` classes, only the pairs that occur: true class, predicted class, count.
    """
    listed = counts.listed(found)
    if len(classes) > counts.DENSE_UP_TO:
        pairs = [[classes[true], classes[predicted], str(count)] for true, predicted, count in listed]
        return _csv([["true", "predicted", "count"], *pairs])
    rows = [["true \\ predicted", *classes]]
    rows += [[name, *map(str, row)] for name, row in zip(classes, listed, strict=True)]
    return _csv(rows)


def predictions(outputs: Outputs, items: Items | None = None) -> str:
    """Return the predictions as CSV for spreadsheets, one row per test image.

    The columns are its index in the data set's test part, the true class, the most likely class, and the probability of
    both; of imported predictions also the text or the image's path, without folders if it is absolute.
    """
    likeliest = outputs.predicted
    places = np.arange(len(outputs.target))
    # Five digits restore a float16 exactly.
    true, best = (outputs.probabilities[places, classes].tolist() for classes in (outputs.target, likeliest))
    classes = outputs.classes
    texts = {} if items is None else {items.kind.removesuffix("s"): [_relative(text, items) for text in items.texts]}
    return spreadsheet.to_csv(
        pd.DataFrame(
            {
                "index": places,
                "true": [classes[target] for target in outputs.target.tolist()],
                "predicted": [classes[found] for found in likeliest.tolist()],
                "probability_of_true": [float(f"{p:.5g}") for p in true],
                "probability_of_predicted": [float(f"{p:.5g}") for p in best],
                **texts,
            }
        )
    )


def _relative(text: str, items: Items) -> str:
    is_absolute = items.kind == "paths" and (text.startswith("/") or PureWindowsPath(text).is_absolute())
    return PureWindowsPath(text).name if is_absolute else text


def nameless_head(file: Path, run: Run) -> tuple[bytes, int]:
    """Return the start of a weights file with the configuration of `nameless`, and the number of bytes it replaces."""
    words, length = header(file)
    if "config" not in words.get("__metadata__", {}):
        return b"", 0
    words["__metadata__"]["config"] = nameless(run).config.model_dump_json()
    written = json.dumps(words, separators=(",", ":")).encode()
    written += b" " * (-len(written) % HEAD)  # tensors start at an aligned offset, for memory mapping
    return len(written).to_bytes(HEAD, "little") + written, length


def _facts(run: Run) -> dict[str, Any]:
    times = {name: getattr(run, name) for name in ("created", "started", "ended")}
    return {
        "run": run.id,
        "origin": run.origin,
        "state": run.state,
        "epochs_done": run.epoch,
        **{name: None if at is None else datetime.fromtimestamp(at, UTC).isoformat() for name, at in times.items()},
        "error": run.error,
        "note": run.note,
        "tags": list(run.tags),
        "own_note": run.own_note,
        "content": run.content._asdict(),
        "trained_with": conditions(run),
    }


def _without_folders(text: str | None) -> str | None:
    if text is None:
        return None
    folders = {
        paths.home().absolute(): "HIERAPP_HOME",
        paths.data_folder().absolute(): "HIERAPP_DATA",
        Path.home(): "~",
    }
    for folder in sorted(folders, key=lambda folder: -len(str(folder))):
        if len(folder.parts) > 1:
            text = text.replace(str(folder), folders[folder])
    return text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
