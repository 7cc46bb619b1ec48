"""Train the runs of this bundle again and report whether the results are the same.

    python reproduce.py [--data FOLDER] [--run RUN]

It needs hierapp's code (PYTHONPATH=its folder) and the data set, but neither the app nor its store.
Exit status: 0 all runs are bitwise equal, 1 a run differs, 2 a run could not be trained.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SAME, DIFFERS, NOT_TRIED = 0, 1, 2


def main(arguments: Sequence[str] | None = None, bundle: Path = HERE) -> int:
    """Train and compare; return the exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument(
        "--data", help="folder of the data sets; by default HIERAPP_DATA, or the default folder of hierapp"
    )
    parser.add_argument("--run", action="append", help="only this run, repeatable")
    parser.add_argument("--device", help="auto, cuda, mps or cpu; by default the device that each run was trained on")
    options = parser.parse_args(arguments)
    if options.data:
        os.environ["HIERAPP_DATA"] = str(Path(options.data).absolute())
    try:
        from hierapp.errors import HierappError
    except ImportError as error:
        return _not_tried(f"hierapp cannot be imported ({error}); set PYTHONPATH to the folder of its code.")
    folders = sorted((bundle / "runs").iterdir(), key=lambda folder: int(folder.name))
    unknown = set(options.run or ()) - {folder.name for folder in folders}
    if unknown:
        return _not_tried(f"There is no run {sorted(unknown)[0]!r} in this bundle.")
    chosen = [folder for folder in folders if not options.run or folder.name in options.run]
    finished = [folder for folder in chosen if (folder / "test.json").is_file() and not _is_imported(folder)]
    for folder in chosen:
        if _is_imported(folder):
            print(f"run {folder.name} is predictions that were made elsewhere; there is nothing to train")
        elif folder not in finished:
            print(f"run {folder.name} did not finish; there is nothing to compare")
    if not finished:
        return _not_tried("No run is finished; there is nothing to reproduce.")
    try:
        same = [reproduce(folder, options.device) for folder in finished]
    except HierappError as error:
        return _not_tried(str(error))
    except (OSError, ValueError, LookupError) as error:
        return _not_tried(f"The bundle is incomplete ({error}); unpack it again.")
    print(f"{sum(same)} of {len(same)} runs are the same, bit for bit")
    return SAME if all(same) else DIFFERS


def reproduce(folder: Path, device: str | None = None) -> bool:
    """Train one run and compare it; return whether it is the same."""
    import torch

    from hierapp import LabelTree
    from hierapp.data import registry as datasets
    from hierapp.data.content import ContentHashes
    from hierapp.errors import DatasetError
    from hierapp.similarities import formats as similarity_formats
    from hierapp.training import RunConfig, device as compute, trainer
    from hierapp.training.recorder import Recorder
    from hierapp.version import code_version

    recorded = _read(folder / "run.json")
    before = recorded["trained_with"]
    values = _read(folder / "config.json")
    values["device"] = device or before.get("kind") or values["device"]
    values["precision"] = before.get("precision", values["precision"])
    config = RunConfig.make(**values)
    if ContentHashes(**recorded["content"]).differ(datasets.content_hashes(config.data)):
        raise DatasetError(
            f"The data set {config.data!r} differs from the one that run {folder.name} was trained on;"
            " give the folder of the right one by --data."
        )
    tree = LabelTree.load(folder / "tree.json")
    csv = folder / "similarity.csv"
    similarity = similarity_formats.parse(csv.read_text(encoding="utf-8")).over(tree.leaves) if csv.is_file() else None
    # The same number of threads as in the original run: it determines the order of additions.
    if "threads" in before:
        torch.set_num_threads(int(before["threads"]))
    print(f"run {folder.name}: {config.loss} on {config.data}, seed {config.seed}, {config.epochs} epochs", flush=True)
    with tempfile.TemporaryDirectory() as made:
        test = trainer.train(config, tree, Recorder(epochs=config.epochs), Path(made), similarity=similarity)
        weights = _same_weights(folder / "model.safetensors", Path(made, "model.safetensors"))
    expected = {**_read(folder / "test.json"), "confusion": _confusion(folder / "confusion_test.csv", tree.leaves)}
    differences = compare(expected, json.loads(json.dumps(test)))
    if not differences and weights is not False:
        told = "" if weights is None else ", and so are the weights"
        print(f"  the same: {len(expected)} test metrics, bit for bit{told}")
        return True
    for line in differences or ["the weights, but no test metric"]:
        print(f"  differs: {line}")
    here = compute.conditions(compute.choose_device(config.device), config.precision)
    now = {**here, "hierapp": code_version()}
    others = [
        f"{name} {before[name]!r} then, {now[name]!r} now" for name in now if before.get(name, now[name]) != now[name]
    ]
    if others:
        print(f"  different conditions, a possible reason: {'; '.join(others)}")
    elif "torch" not in before:
        print("  the environment of the training was not recorded; a different machine or version is a possible reason")
    else:
        print("  machine and versions are the same: configuration, tree, data or code must differ")
    return False


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a line for each metric that differs. Texts are compared: they show every bit, and NaN equals NaN."""
    lines = []
    for name, value in expected.items():
        other = found.get(name)
        if json.dumps(value) == json.dumps(other):
            continue
        apart = [abs(a - b) for a, b in zip(_flat(value), _flat(other), strict=False)]
        if isinstance(value, list):
            lines.append(f"{name}, by at most {max(apart, default=float('nan')):.3g}")
        else:
            lines.append(f"{name} {value} then, {other} now")
    return lines


def _flat(value: object) -> list[float]:
    if isinstance(value, list):
        return [number for each in value for number in _flat(each)]
    return [float(value)] if isinstance(value, int | float) else []


def _confusion(file: Path, classes: Sequence[str]) -> list[list[int]]:
    import csv

    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    if rows[0] == ["true", "predicted", "count"] and len(rows[0]) != len(classes) + 1:  # the pairs of many classes
        place = {name: i for i, name in enumerate(classes)}
        return [[place[true], place[predicted], int(count)] for true, predicted, count in rows[1:]]
    if rows[0][1:] != list(classes):
        raise ValueError(f"the classes of {file.name} are not the leaves of the tree")
    return [[int(cell) for cell in row[1:]] for row in rows[1:]]


def _same_weights(before: Path, now: Path) -> bool | None:
    """Return whether all tensors are equal; None if there are none to compare with."""
    import torch
    from safetensors.torch import load_file

    if not before.is_file():
        return None
    old, new = load_file(before), load_file(now)
    return old.keys() == new.keys() and all(torch.equal(old[name], new[name]) for name in old)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _is_imported(folder: Path) -> bool:
    try:
        return bool(_read(folder / "run.json").get("origin", "trained") != "trained")
    except (OSError, ValueError):
        return False  # reported when it is reproduced


def _not_tried(why: str) -> int:
    print(f"reproduce: {why}", file=sys.stderr)
    return NOT_TRIED


if __name__ == "__main__":
    sys.exit(main())
