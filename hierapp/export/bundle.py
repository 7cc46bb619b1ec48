"""Export runs as one self-contained zip file: everything recorded about them, and a script that trains them again.

The same runs give the same bytes. Nothing in it names a user or a folder of this machine, except possibly a log.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from hierapp import paths
from hierapp.analysis import summary
from hierapp.errors import ConfigError
from hierapp.export import readme, reproduce_script, run_files, spreadsheet
from hierapp.runs import Run, Store
from hierapp.runs.predictions import items_of
from hierapp.runs.weights_header import WEIGHTS
from hierapp.training import map_predictions, predictions
from hierapp.utils.files import as_store_error, commit, staging_dir

EARLIEST = (1980, 1, 1, 0, 0, 0)  # earliest date of a zip; with the export time, no two bundles would be equal
CHUNK = 1 << 20


@dataclass(frozen=True)
class ExportOptions:
    """What a bundle contains in addition to metrics and configuration.

    Attributes:
        weights: the weights of the finished runs.
        predictions: the predictions of each finished run for every test image.
        logs: the output of the runs' workers, which may name folders of the machine.
    """

    weights: bool = True
    predictions: bool = True
    logs: bool = False


def chosen(store: Store, ids: Sequence[str]) -> list[Run]:
    """Return the runs with these ids, each once, in the order of their numbers.

    Raises:
        ConfigError: if no id is given.
        StoreError: if there is no such run.
    """
    if not ids:
        raise ConfigError("No run is chosen; choose at least one from the list of `python -m hierapp runs`.")
    found = {run.id: run for run in map(store.run, ids)}
    return [found[run] for run in sorted(found, key=int)]


def write(store: Store, ids: Sequence[str], file: Path, options: ExportOptions | None = None) -> list[Run]:
    """Write the bundle of some runs; unfinished runs are included as far as they are recorded.

    Args:
        store: the store that contains the runs.
        ids: the ids of the runs; duplicates count once.
        file: the zip file; it must not exist.
        options: what the bundle contains.

    Returns:
        The runs in it.

    Raises:
        ConfigError: if no run is given.
        StoreError: if there is no such run, or the file exists or cannot be written; then no file is created.
    """
    runs = chosen(store, ids)
    with as_store_error(f"The bundle cannot be written to {file.parent}"), staging_dir(file) as folder:
        side = folder / "bundle.zip"
        with zipfile.ZipFile(side, "x") as out:
            _fill(out, store, runs, options or ExportOptions())
        commit(side, file)
    return runs


def as_bytes(store: Store, ids: Sequence[str], options: ExportOptions | None = None) -> bytes:
    """Return the bundle as bytes, for a download.

    Raises:
        ConfigError, StoreError: as `write`.
    """
    runs = chosen(store, ids)
    with as_store_error("The bundle cannot be made"), TemporaryFile() as side:
        with zipfile.ZipFile(side, "w") as out:
            _fill(out, store, runs, options or ExportOptions())
        side.seek(0)
        return side.read()


def table(runs: Sequence[Run]) -> str:
    """Return all runs with their configuration and metrics, as CSV for spreadsheets."""
    runs = [run_files.nameless(run) for run in runs]
    outputs = {"tags": [" ".join(run.tags) for run in runs], "own note": [run.own_note for run in runs]}
    return spreadsheet.to_csv(summary.table(runs).assign(**outputs), index=True)


def _fill(out: zipfile.ZipFile, store: Store, runs: Sequence[Run], options: ExportOptions) -> None:
    _text(out, "README.md", readme.readme(runs, options.weights, options.predictions, options.logs))
    _text(out, "runs.csv", table(runs))
    over_seeds = summary.over_seeds(summary.table([run_files.nameless(run) for run in runs]))
    if len(over_seeds):
        _text(out, "over_seeds.csv", spreadsheet.to_csv(over_seeds))
    _text(out, "environment.json", _json(readme.environment(runs)))
    citation = paths.citation()
    if citation.is_file():
        _text(out, "CITATION.cff", citation.read_text(encoding="utf-8"))
    _text(out, "citation.bib", readme.bibtex())
    _text(out, "reproduce.py", Path(reproduce_script.__file__).read_text(encoding="utf-8"))
    for run in runs:
        _add_run(out, store, run, options)


def _add_run(out: zipfile.ZipFile, store: Store, run: Run, options: ExportOptions) -> None:
    place = f"runs/{int(run.id)}"
    for name, text in run_files.texts(store, run).items():
        _text(out, f"{place}/{name}", text)
    put(out, f"{place}/metrics.parquet", run_files.metrics_parquet(store, run))
    outputs = predictions.read(run.folder) if options.predictions and run.state == "finished" else None
    if outputs is not None:
        _text(out, f"{place}/predictions.csv", run_files.predictions(outputs, items_of(run.folder)))
        _copy(out, f"{place}/{predictions.FILE}", run.folder / predictions.FILE)
        for name in (predictions.VALIDATION, predictions.CALIBRATION):
            if (run.folder / name).is_file():
                _copy(out, f"{place}/{name}", run.folder / name)
    if options.predictions and run.state == "finished":
        for name in map_predictions.FILES:
            if (run.folder / name).is_file():
                _copy(out, f"{place}/{name}", run.folder / name)
    model = run.folder / WEIGHTS
    if options.weights and run.state == "finished" and model.is_file():
        _copy(out, f"{place}/{WEIGHTS}", model, run_files.nameless_head(model, run))
    if options.logs and run.log_file.is_file():
        _copy(out, f"{place}/log.txt", run.log_file, packed=True)


def _text(out: zipfile.ZipFile, name: str, text: str) -> None:
    put(out, name, text.encode("utf-8", "replace"))


def put(out: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a compressed file to a zip; the same content always gives the same bytes."""
    out.writestr(_info(name, packed=True), content)


def _copy(
    out: zipfile.ZipFile, name: str, file: Path, head: tuple[bytes, int] = (b"", 0), packed: bool = False
) -> None:
    """Copy a file, with a number of its first bytes replaced by others."""
    with file.open("rb") as source, out.open(_info(name, packed), "w", force_zip64=True) as target:
        target.write(head[0])
        source.seek(head[1])
        shutil.copyfileobj(source, target, CHUNK)


def _info(name: str, packed: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EARLIEST)
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    return info


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
