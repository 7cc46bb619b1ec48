"""Getting data sets: download, check, put into place; and doing it in the background for a page.

Everything is fetched into a hidden folder beside the data, checked there and then renamed, file by file: a download
that was killed leaves nothing that looks like data.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths
from hierapp.data import download_lock, registry
from hierapp.data.dataset import Dataset, is_intact
from hierapp.data.download_lock import Record
from hierapp.data.mirrors import Report, fetch
from hierapp.errors import DatasetError
from hierapp.utils import processes

STARTING = "Starting"

ProgressCallback = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes done and in all, what is being done, whether it runs, why the last one failed."""

    done: int
    total: int
    what: str
    running: bool
    error: str | None


def get(name: str, folder: Path | str | None = None, progress: ProgressCallback | None = None) -> None:
    """Make a data set ready. Quick where it is already, its MD5s being checked; what is broken is fetched again.

    A second get of the same data set waits for the first.

    Args:
        name: a key of datasets.DATASETS; a user's own set is nowhere to be got.
        folder: the data folder; by default paths.data_folder().
        progress: called as progress(done_bytes, total_bytes, what) five times a second.

    Raises:
        DatasetError: if it cannot be downloaded or the folder cannot be written; nothing half is left.
    """
    root = _root(folder)
    dataset = _downloadable(name, root)
    if _is_whole(dataset, root):
        return

    def show(done: int, what: str) -> None:
        if progress:
            progress(min(done, dataset.download_bytes), dataset.download_bytes, what)

    def wait() -> None:
        other = download_lock.read_record(root, name)
        show(other.done if other else 0, f"Waiting for another download of {dataset.title}")

    def report(done: int, what: str) -> None:
        Record.now(min(done, dataset.download_bytes), dataset.download_bytes, what).write(root, name)
        show(done, what)

    with _write_errors(dataset, root):
        root.mkdir(parents=True, exist_ok=True)
        with download_lock.locked(root, name, wait):
            try:
                with _write_errors(dataset, root):
                    _mend(dataset, root, report)
                    download_lock.record_path(root, name).unlink(missing_ok=True)
            except DatasetError as error:
                with suppress(OSError):
                    Record.now(0, dataset.download_bytes, "Failed", error=str(error)).write(root, name)
                raise


def start(name: str, folder: Path | str | None = None) -> None:
    """Begin a get in a process of its own, which outlives this one; does nothing where one runs already.

    What it prints goes to `.get-NAME.log` in the data folder; `progress_of` tells how far it is.

    Raises:
        DatasetError: if the data set is unknown or the folder cannot be written.
    """
    root = _root(folder)
    dataset = _downloadable(name, root)
    before = progress_of(name, root)
    if before and before.running:
        return
    with _write_errors(dataset, root):
        root.mkdir(parents=True, exist_ok=True)
        log = root / f".get-{name}.log"
        process = processes.spawn(["hierapp", "data", "get", name], log, {"HIERAPP_DATA": str(root)})
        # The child takes a second until it holds the lock; its id tells until then that it is on its way.
        Record.now(0, dataset.download_bytes, STARTING, pid=process.pid).write(root, name)


def progress_of(name: str, folder: Path | str | None = None) -> Progress | None:
    """How far the get of a data set is, in whichever process; None if none was begun, or the last one did its work."""
    root = _root(folder)
    dataset = registry.find(name, root)
    locked, record = download_lock.is_locked(root, name), download_lock.read_record(root, name)
    ready = registry.status(name, root).state == "ready"
    if record is None:
        # Between taking the lock and the first record, or between the removal of the record and the lock's.
        return Progress(0, dataset.download_bytes, STARTING, True, None) if locked and not ready else None
    running = locked or (record.what == STARTING and processes.alive(record.process))
    if ready and not running:
        return None
    error = None if running else record.error or f"The download of {name} was interrupted; get it again."
    return Progress(record.done, record.total, record.what, running, error)


def _root(folder: Path | str | None) -> Path:
    # Absolute, for `start` hands it to a process that begins in another folder.
    return (paths.data_folder() if folder is None else Path(folder)).absolute()


def _downloadable(name: str, root: Path) -> Dataset:
    dataset = registry.find(name, root)
    if dataset.own:
        raise DatasetError(f"{name} is a data set of your own, which is nowhere to be downloaded; import it again.")
    return dataset


def _is_whole(dataset: Dataset, root: Path) -> bool:
    return all(is_intact(file, path) for file, path in dataset.places(root).items())


@contextmanager
def _write_errors(dataset: Dataset, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        needed = sum(file.size for file in (*dataset.archives, *dataset.files)) / 1e6
        raise DatasetError(
            f"Cannot write {dataset.title} to the data folder {root} ({error.strerror or error}); make it a folder that"
            f" can be written, with {needed:,.0f} MB free, or set HIERAPP_DATA to another."
        ) from error


def _mend(dataset: Dataset, root: Path, report: Report) -> None:
    """Remove what is broken, fetch the data set into a folder aside and move its files into place. Needs the lock."""
    if _is_whole(dataset, root):
        return  # by another get, while this one waited
    report(0, f"Downloading {dataset.title}")
    for left_over in root.glob(f".get-{dataset.name}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    for file in (*dataset.files, *dataset.archives):
        if (path := root / file.path).exists() and not is_intact(file, path):
            path.unlink()
    # An abandoned download may still be writing when this folder goes.
    with tempfile.TemporaryDirectory(prefix=f".get-{dataset.name}-", dir=root, ignore_cleanup_errors=True) as aside:
        box = fetch(dataset, root, Path(aside), report)
        for file in dataset.files:
            (root / file.path).parent.mkdir(parents=True, exist_ok=True)
            (box / file.path).replace(root / file.path)
