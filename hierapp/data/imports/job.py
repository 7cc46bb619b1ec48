"""Import jobs: a source is read into a hidden folder, reviewed by the user and only then named.

`own/.stage-TOKEN` in the data folder holds the request, the upload, the results and the progress. A separate process
reads the source, so that the page stays responsive; an interrupted import never leaves a folder that looks valid.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from hierapp import paths
from hierapp.data.imports import build, store
from hierapp.data.imports.options import Options
from hierapp.data.imports.report import Report
from hierapp.errors import DatasetError, HierappError, one_line
from hierapp.trees import LabelTree, formats as tree_formats
from hierapp.utils import parts
from hierapp.utils.background import POLL_SECONDS, STARTING, Job
from hierapp.utils.disk import disk_of, in_words
from hierapp.utils.reading import read_text

PREFIX = ".stage-"
REQUEST, UPLOAD, BUILT, PART = "request.json", "upload", "set", "part"
FAILED = "Failed"
MOST_JOBS = 20  # of a person; those without a login count as one
KEPT_SECONDS = 24 * 3600.0
LEAST_FREE = 200 * 2**20


@dataclass(frozen=True)
class Request:
    """An import request: a local folder or archive, or an upload; its display name; the user."""

    shown: str
    options: Options
    path: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class ImportJob:
    """The state of an import.

    Attributes:
        state: "ready" when the import can be finalized; then `report`, `tree` and `how`, a sentence on how the tree
            was derived, are set.
        done, total, what: progress of the reading.
        error: why the import failed, in one sentence.
    """

    token: str
    request: Request
    state: Literal["running", "failed", "ready"]
    done: int = 0
    total: int = 0
    what: str = STARTING
    error: str | None = None
    report: Report | None = None
    tree: LabelTree | None = None
    how: str = ""
    ordinal: bool = False


def begin(request: Request, upload: bytes | memoryview | None = None, folder: Path | str | None = None) -> str:
    """Create a job and return its token, 16 hexadecimal digits; then call `start` or `work`, and `finalize.finalize`.

    Args:
        request: the request.
        upload: content of the archive, if the request has no path.
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the source does not exist, the disk is full, or too many imports are pending.
    """
    root = root_of(folder)
    clean(root)
    if request.path is not None and not os.path.exists(request.path):  # noqa: PTH110 - no error for a name too long
        raise DatasetError(f"There is no file or folder {one_line(request.path)} on this machine; check the path.")
    own = store.own_folder(root)
    if _waiting(own, request.owner) >= MOST_JOBS:
        raise DatasetError(f"{MOST_JOBS} of your imports are open; finish or discard some of them first.")
    disk = disk_of(own)
    if disk is not None and disk.free < LEAST_FREE + len(upload or b""):
        raise DatasetError(
            f"The disk of the data folder {root} has {in_words(disk.free)} left, too little for an import; free some"
            " space."
        )
    token = secrets.token_hex(8)
    job = own / f"{PREFIX}{token}"
    try:
        job.mkdir(parents=True)
        if upload is not None:
            (job / UPLOAD).write_bytes(upload)
        (job / REQUEST).write_text(json.dumps(asdict(request)), encoding="utf-8")
    except OSError as error:
        parts.remove(job)
        raise unwritable(root, error) from None
    return token


def start(token: str, folder: Path | str | None = None) -> None:
    """Read a job's source in a separate process."""
    root = root_of(folder)
    job = job_folder(token, root)
    work_of(job).start_telling(["hierapp.data.imports", token], 0, {"HIERAPP_DATA": str(root)})


def work(
    token: str,
    folder: Path | str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    lock: int | None = None,
) -> Report:
    """Read a job's source in this process; `lock` is the descriptor of the lock's file if it was taken for it.

    Raises:
        HierappError: the problem in one sentence; it is also saved with the job.
    """
    root = root_of(folder)
    job = job_folder(token, root)
    request = _request(job)
    last = 0.0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal last
        if progress:
            progress(done, total, what)
        if time.monotonic() - last > POLL_SECONDS:
            last = time.monotonic()
            work_of(job).tell(done, total, what)

    with work_of(job).working(lock):
        source = job / UPLOAD if request.path is None else Path(request.path)
        try:
            try:
                report = build.build(source, request.shown, job / PART, request.options, tell)
                (job / PART).rename(job / BUILT)
                (job / UPLOAD).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(root, error) from error
        except BaseException as error:
            parts.remove(job / PART)
            (job / UPLOAD).unlink(missing_ok=True)
            with suppress(OSError):
                why = str(error) if isinstance(error, HierappError) else _unexpected(error)
                work_of(job).tell(0, 0, FAILED, _about(why, request))
            raise
    return report


def status(token: str, folder: Path | str | None = None) -> ImportJob:
    """Return the state of an import, in any process.

    Raises:
        DatasetError: if there is no import with this token.
    """
    root = root_of(folder)
    job = job_folder(token, root)
    request = _request(job)
    running, record = work_of(job).look()
    if (job / BUILT).is_dir():
        try:
            report = json.loads(read_text(job / BUILT / store.REPORT))
            built = json.loads(read_text(job / BUILT / build.BUILD))
            tree = tree_formats.load(job / BUILT / store.TREE)
        except (OSError, ValueError):
            raise DatasetError("This import was already finished or discarded; start another import.") from None
        return ImportJob(token, request, "ready", report=Report.from_dict(report), tree=tree, **built)
    if record is None:
        waiting = running or time.time() - job.stat().st_mtime < 10
        state: Literal["running", "failed"] = "running" if waiting else "failed"
        return ImportJob(token, request, state, error=None if waiting else _interrupted())
    error = None if running else record.error or _interrupted()
    return ImportJob(token, request, "running" if running else "failed", record.done, record.total, record.what, error)


def discard(token: str, folder: Path | str | None = None) -> None:
    """Stop an import and remove its files; do nothing if it does not exist."""
    root = root_of(folder)
    with suppress(DatasetError):
        job = job_folder(token, root)
        work_of(job).kill()
        parts.remove(job)


def clean(folder: Path | str | None = None) -> None:
    """Remove imports that are over a day old and not running, and the remains of interrupted deletions.

    What cannot be removed stays, and is named in the log.
    """
    own = store.own_folder(root_of(folder))
    for left in own.glob(".*-*"):
        with suppress(OSError):
            old = time.time() - left.stat().st_mtime > KEPT_SECONDS
            if left.name.startswith(".gone-") or (old and not work_of(left).is_running()):
                parts.remove(left)


def work_of(job: Path) -> Job:
    """Return the work on the import in a folder."""
    return Job(job / ".get-import.lock", job / "log.txt")


def root_of(folder: Path | str | None) -> Path:
    """Return the absolute path of the data folder, for processes with another working directory."""
    return (paths.data_folder() if folder is None else Path(folder)).absolute()


def job_folder(token: str, root: Path) -> Path:
    """Return the folder of an import; raise a DatasetError if there is none."""
    job = store.own_folder(root) / f"{PREFIX}{token}"
    if not re.fullmatch("[0-9a-f]{16}", token) or not job.is_dir():
        raise DatasetError("This import was already finished or discarded; start another import.")
    return job


def _waiting(own: Path, owner: str | None) -> int:
    """Return how many imports of a person wait; folders without a valid request are nobody's."""
    count = 0
    for job in own.glob(f"{PREFIX}*"):
        with suppress(DatasetError):
            count += _request(job).owner == owner
    return count


def _request(job: Path) -> Request:
    try:
        said = json.loads(read_text(job / REQUEST))
        return Request(**{**said, "options": Options(**said["options"])})
    except (OSError, ValueError, TypeError, KeyError):
        raise DatasetError("This import was already finished or discarded; start another import.") from None


def _about(why: str, request: Request) -> str:
    """Replace the upload's path in a message by the name it was uploaded with."""
    return (
        why if request.path is not None else why.replace(f"The archive {UPLOAD} ", f"The archive {request.shown} ", 1)
    )


def _interrupted() -> str:
    return "The import was interrupted; start it again."


def _unexpected(error: BaseException) -> str:
    return f"The import stopped on an unexpected {type(error).__name__}; start it again, on a machine with more memory."


def unwritable(root: Path, error: OSError) -> DatasetError:
    """Return the error for a data folder that cannot be written."""
    return DatasetError(
        f"The data folder {root} cannot be written ({error.strerror or error}); make it writable and free some space,"
        " or set HIERAPP_DATA to another folder."
    )
