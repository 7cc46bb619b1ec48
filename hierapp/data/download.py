"""Download data sets: fetch, verify and install the files, also in the background for a page.

Files are fetched into a hidden folder next to the data, verified there and then renamed one by one: an interrupted
download never leaves a file that looks valid.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths
from hierapp.data import registry
from hierapp.data.dataset import Dataset, is_intact
from hierapp.data.mirrors import Report, fetch
from hierapp.errors import DatasetError
from hierapp.utils import parts
from hierapp.utils.background import STARTING, Job
from hierapp.utils.files import set_aside

ProgressCallback = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Progress:
    """Progress of a download: bytes done and in total, current step, whether it is running, error of the last one."""

    done: int
    total: int
    what: str
    running: bool
    error: str | None


def job_of(name: str, root: Path) -> Job:
    """Return the job of downloading a data set; its files are hidden in the data folder."""
    return Job(root / f".get-{name}.lock", root / f".get-{name}.log")


def get(
    name: str,
    folder: Path | str | None = None,
    progress: ProgressCallback | None = None,
    lock: int | None = None,
) -> list[Path]:
    """Download a data set. If it is present, only its MD5s are checked; damaged files are downloaded again.

    A second call for the same data set waits for the first. A file that is not the published one is never deleted,
    because a user may have put it there: it is renamed.

    Args:
        name: a key of datasets.DATASETS; a user's own data set cannot be downloaded.
        folder: the data folder; by default paths.data_folder().
        progress: called as progress(done_bytes, total_bytes, what) five times per second.
        lock: the descriptor of the lock's file if the lock was taken for this process.

    Returns:
        The new paths of files that were renamed.

    Raises:
        DatasetError: if the download fails or the folder cannot be written; no partial files remain.
    """
    root = _root(folder)
    dataset, job = _downloadable(name, root), job_of(name, root)
    if lock is None and _is_whole(dataset, root):
        return []

    def show(done: int, what: str) -> None:
        if progress:
            progress(min(done, dataset.download_bytes), dataset.download_bytes, what)

    def wait() -> None:
        other = job.record()
        show(other.done if other else 0, f"Waiting for another download of {dataset.title}")

    def report(done: int, what: str) -> None:
        job.tell(min(done, dataset.download_bytes), dataset.download_bytes, what)
        show(done, what)

    with _write_errors(dataset, root):
        root.mkdir(parents=True, exist_ok=True)
        with job.working(lock, wait):
            try:
                with _write_errors(dataset, root):
                    aside = _mend(dataset, root, report)
                    job.forget()
                    return aside
            except DatasetError as error:
                with suppress(OSError):
                    job.tell(0, dataset.download_bytes, "Failed", str(error))
                raise


def start(name: str, folder: Path | str | None = None) -> None:
    """Start `get` in a separate process that outlives this one; do nothing if one is running.

    Its output goes to `.get-NAME.log` in the data folder; `progress_of` returns its progress.

    Raises:
        DatasetError: if the data set is unknown or the folder cannot be written.
    """
    root = _root(folder)
    dataset = _downloadable(name, root)
    with _write_errors(dataset, root):
        root.mkdir(parents=True, exist_ok=True)
        environment = {"HIERAPP_DATA": str(root)}
        job_of(name, root).start_telling(["hierapp.data", name], dataset.download_bytes, environment)


def progress_of(name: str, folder: Path | str | None = None) -> Progress | None:
    """Return the progress of a download, in any process; None if none was started or the last one succeeded."""
    root = _root(folder)
    dataset = registry.find(name, root)
    running, record = job_of(name, root).look()
    ready = registry.status(name, root).state == "ready"
    if record is None:
        # Between taking the lock and the first record, or between removing the record and releasing the lock.
        return Progress(0, dataset.download_bytes, STARTING, True, None) if running and not ready else None
    if ready and not running:
        return None
    error = None if running else record.error or f"The download of {name} was interrupted; start it again."
    return Progress(record.done, record.total, record.what, running, error)


def _root(folder: Path | str | None) -> Path:
    # Absolute, because `start` passes it to a process with another working directory.
    return (paths.data_folder() if folder is None else Path(folder)).absolute()


def _downloadable(name: str, root: Path) -> Dataset:
    dataset = registry.find(name, root)
    if dataset.own:
        raise DatasetError(f"{name} is an imported data set, which cannot be downloaded; import it again.")
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
            f"Cannot write {dataset.title} to the data folder {root} ({error.strerror or error}); make it writable,"
            f" with {needed:,.0f} MB free, or set HIERAPP_DATA to another folder."
        ) from error


def _mend(dataset: Dataset, root: Path, report: Report) -> list[Path]:
    """Rename damaged files, download the data set to a temporary folder and move the files; return the renamed ones.

    Requires the lock.
    """
    if _is_whole(dataset, root):
        return []  # another `get` downloaded it while this one waited
    report(0, f"Downloading {dataset.title}")
    parts.remove_left(root, own=True)
    renamed: list[Path] = []
    for file in (*dataset.files, *dataset.archives):
        if os.path.lexists(path := root / file.path) and not is_intact(file, path):
            renamed.append(set_aside(path))
    # An abandoned download thread may still be writing when this folder is removed.
    aside = parts.beside(root / dataset.name)
    try:
        aside.mkdir()
        box = fetch(dataset, root, aside, report)
        for file in dataset.files:
            (root / file.path).parent.mkdir(parents=True, exist_ok=True)
            (box / file.path).replace(root / file.path)
    except DatasetError as error:
        told = "".join(f"; the previous file is not the published one and was renamed to {path}" for path in renamed)
        raise DatasetError(f"{str(error).removesuffix('.')}{told}.") from None
    finally:
        parts.remove(aside)
    return renamed
