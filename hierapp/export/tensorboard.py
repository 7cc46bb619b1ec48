"""Export runs as TensorBoard event files; needs the extra `tensorboard`.

tensorboard is imported only when needed, and torch never. The same runs give the same bytes and, as in a bundle,
nothing names a user or a folder of this machine.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hierapp.analysis import comparison, groups, summary
from hierapp.errors import ConfigError
from hierapp.export import bundle, run_files
from hierapp.runs import Run, Store
from hierapp.runs.records import Points
from hierapp.utils import extras
from hierapp.utils.files import as_store_error, commit, staging_dir

HOW_TO_INSTALL = f"install it with `{extras.how_to_install('tensorboard')}`"
PARTS = 1000  # steps per epoch: TensorBoard's steps are integers
LONGEST = 80  # characters of a run's name in TensorBoard
_ENDED = {"finished": "STATUS_SUCCESS", **dict.fromkeys(("failed", "cancelled", "interrupted"), "STATUS_FAILURE")}


def is_installed() -> bool:
    """Return whether the extra is installed, without importing it."""
    return find_spec("tensorboard") is not None


def write(store: Store, ids: Sequence[str], folder: Path) -> list[Run]:
    """Write a folder for `tensorboard --logdir`, with one subfolder per run.

    Args:
        store: the store that contains the runs.
        ids: the ids of the runs; duplicates count once.
        folder: the folder; it must not exist.

    Returns:
        The runs in it.

    Raises:
        ConfigError: if tensorboard is not installed, or no run is given.
        StoreError: if there is no such run, or the folder exists or cannot be written; then no folder is created.
    """
    runs = _chosen(store, ids)
    with as_store_error(f"The event files cannot be written to {folder.parent}"), staging_dir(folder) as side:
        whole = side / "runs"
        for name, content in _files(store, runs):
            (whole / name).parent.mkdir(parents=True)
            (whole / name).write_bytes(content)
        commit(whole, folder)
    return runs


def as_bytes(store: Store, ids: Sequence[str]) -> bytes:
    """Return the folder as a zip, for a download.

    Raises:
        ConfigError, StoreError: as `write`.
    """
    runs = _chosen(store, ids)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as out:
        for name, content in _files(store, runs):
            bundle.put(out, name, content)
    return written.getvalue()


def _chosen(store: Store, ids: Sequence[str]) -> list[Run]:
    if not is_installed():
        raise ConfigError(f"TensorBoard event files need the package tensorboard; {HOW_TO_INSTALL}.")
    return bundle.chosen(store, ids)


def _files(store: Store, runs: Sequence[Run]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each run's event file."""
    runs = [run_files.nameless(run) for run in runs]
    names, recorded = summary.labels(runs), store.metrics(run.id for run in runs)
    within = {
        metric
        for points in recorded.values()
        for metric, ats in points.items()
        if any(epoch != round(epoch) for epoch, _ in ats)
    }
    for run in runs:
        name = re.sub(r"[^\w.=]+", "-", names[run.id])[:LONGEST].strip("-.")
        file = f"run-{run.id}-{name}/events.out.tfevents.{int(_began(run)):010d}.hierapp"
        yield file, _events(run, recorded[run.id], within)


def _began(run: Run) -> float:
    return run.created if run.started is None else run.started


def _events(run: Run, points: Points, within: set[str]) -> bytes:
    """Return a run's event file. The store has no time for each point: all points have the start time of the run."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    written, began = io.BytesIO(), _began(run)
    writer = RecordWriter(written)

    def add(**what: Any) -> None:
        writer.write(Event(wall_time=began, **what).SerializeToString())

    add(file_version="brain.Event:2")
    add(summary=_session_start(run))
    add(summary=text_pb("config", _letter_by_letter(json.dumps(run.config_values, indent=2))))
    if run.own_note:
        add(summary=text_pb("note", _letter_by_letter(run.own_note)))
    for tag, step, value in _scalars(run, points, within):
        add(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))
    if run.state in _ENDED:
        add(summary=_session_end(run))
    return written.getvalue()


def _scalars(run: Run, points: Points, within: set[str]) -> Iterator[tuple[str, int, float]]:
    """Yield tag, step and value of each metric; the tag names the unit of its steps."""
    for metric, ats in points.items():
        tag, parts = (f"by_{PARTS}th_of_epoch/{metric}", PARTS) if metric in within else (f"by_epoch/{metric}", 1)
        for epoch, value in ats:
            yield tag, round(epoch * parts), value
    test = run.test or {}
    for name in groups.metrics([run]):
        if name not in comparison.NOT_COMPARED:
            yield f"test/{name}", int(test.get("epoch", run.epoch)), test[name]


def _session_start(run: Run) -> Any:
    """Return the event that describes the run to the HParams dashboard: its configuration."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    config = run.config_values
    options = {f"option {name}": value for name, value in config.pop("options").items()}
    known = {
        name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
        for name, value in {**config, **options}.items()
        if value is not None
    }
    said = hparams_pb(known, trial_id=run.id, start_time_secs=_began(run))
    for value in said.value:  # the order of its map differs between processes
        plugin = value.metadata.plugin_data
        plugin.content = HParamsPluginData.FromString(plugin.content).SerializeToString(deterministic=True)
    return said


def _session_end(run: Run) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.Status.Value(_ENDED[run.state])
    said = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=run.ended)
    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=said))
    value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])


def _letter_by_letter(text: str) -> str:
    """Return text that Markdown shows verbatim: a code block."""
    return "\n".join(f"    {line}" for line in text.splitlines())
