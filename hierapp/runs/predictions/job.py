"""Imports of uploaded predictions in a process of their own, so that the page stays responsive.

`.imports/TOKEN` of the store's folder has the uploaded files, the request, the progress and the outcome.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hierapp.errors import AmbiguousPredictionsError, HierappError, PredictionsError
from hierapp.runs.predictions.importing import Request, import_files
from hierapp.runs.predictions.raw import Source
from hierapp.runs.store import Store
from hierapp.trees import formats as tree_formats
from hierapp.utils import parts, private
from hierapp.utils.background import POLL_SECONDS, STARTING, Job
from hierapp.utils.files import as_store_error
from hierapp.utils.reading import read_text

FOLDER = ".imports"
REQUEST, OUTCOME = "request.json", "outcome.json"
MOST_JOBS = 20  # of a person; those without a login count as one
KEPT_SECONDS = 24 * 3600.0
COPYING = "Copying images"
ROLES = ("sources", "labels", "classes")


@dataclass(frozen=True)
class PredictionsImport:
    """The state of an import.

    Attributes:
        state: "finished" when the runs are stored; then `runs` has their ids, and `warnings` what was odd.
        done, total, what: progress.
        error: why the import failed, in one sentence.
        is_ambiguous: whether it failed because it is not known what the values are.
    """

    state: Literal["running", "failed", "finished"]
    owner: str | None
    done: int = 0
    total: int = 0
    what: str = STARTING
    error: str | None = None
    is_ambiguous: bool = False
    runs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def begin(store: Store, request: Request) -> str:
    """Store a request with its files and return its token; then call `start` or `work`.

    Raises:
        PredictionsError: if no file is given, or too many imports are open.
        StoreError: if the files cannot be written.
    """
    if not request.sources:
        raise PredictionsError("No file is given; give at least one file of predictions.")
    clean(store)
    waiting = [job for job in _jobs(store) if not (job / OUTCOME).exists()]
    if sum(_owner(job) == (request.owner,) for job in waiting) >= MOST_JOBS:
        raise PredictionsError(f"{MOST_JOBS} of your imports of predictions are open; wait until they have ended.")
    token = secrets.token_hex(8)
    job = store.folder / FOLDER / token
    with as_store_error(f"The predictions cannot be written to {job.parent}"), ExitStack() as stack:
        private.make_folder(job.parent)
        job.mkdir(mode=private.FOLDER)
        stack.callback(parts.remove, job)
        said: dict[str, Any] = {
            **{name: getattr(request, name) for name in ("tree_name", "name", "kind", "data", "seed", "owner")},
            "tags": list(request.tags),
            "tree": tree_formats.render(request.tree, "json"),
        }
        for role in ROLES:
            given = getattr(request, role)
            sources: Sequence[Source] = given if role == "sources" else [] if given is None else [given]
            said[role] = [_kept(job / f"{role}-{at}", source) for at, source in enumerate(sources)]
        (job / REQUEST).write_text(json.dumps(said), encoding="utf-8")
        private.protect(job)
        stack.pop_all()
    return token


def start(store: Store, token: str) -> None:
    """Import in a separate process."""
    arguments = ["hierapp.runs.predictions", token]
    home = {"HIERAPP_HOME": str(store.folder.absolute())}
    work_of(_folder(store, token)).start_telling(arguments, 0, home, for_others=False)


def work(store: Store, token: str, lock: int | None = None) -> list[str]:
    """Import in this process, and return the ids of the runs; `lock` is the descriptor of the lock's file if it was
    taken for it.

    Raises:
        HierappError: the problem in one sentence; it is also saved with the job.
    """
    job = _folder(store, token)
    warnings: list[str] = []
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > POLL_SECONDS:
            last = time.monotonic()
            work_of(job).tell(done, total, COPYING)

    with work_of(job).working(lock), ExitStack() as stack:
        try:
            ids = import_files(store, _read(job, stack), tell, warnings.append)
        except BaseException as error:
            why = str(error) if isinstance(error, HierappError) else _unexpected(error)
            ambiguous = isinstance(error, AmbiguousPredictionsError)
            with suppress(OSError):
                _end(job, {"error": why, "is_ambiguous": ambiguous})
            raise
        _end(job, {"runs": ids, "warnings": warnings})
    return ids


def status(store: Store, token: str) -> PredictionsImport:
    """Return the state of an import, in any process.

    Raises:
        PredictionsError: if there is no import with this token.
    """
    job = _folder(store, token)
    (owner,) = _owner(job) or (None,)
    running, record = work_of(job).look()
    with suppress(OSError, ValueError, TypeError):
        said = json.loads(read_text(job / OUTCOME))
        if "error" in said:
            return PredictionsImport("failed", owner, error=said["error"], is_ambiguous=said["is_ambiguous"])
        return PredictionsImport("finished", owner, runs=tuple(said["runs"]), warnings=tuple(said["warnings"]))
    if not running:
        return PredictionsImport("failed", owner, error="The import was interrupted; start it again.")
    if record is None:
        return PredictionsImport("running", owner)
    return PredictionsImport("running", owner, record.done, record.total, record.what)


def discard(store: Store, token: str) -> None:
    """Stop an import and remove its files; do nothing if it does not exist. Stored runs stay."""
    with suppress(PredictionsError):
        job = _folder(store, token)
        work_of(job).kill()
        parts.remove(job)


def clean(store: Store) -> None:
    """Remove imports that are over a day old and not running."""
    for job in _jobs(store):
        with suppress(OSError):
            if time.time() - job.stat().st_mtime > KEPT_SECONDS and not work_of(job).is_running():
                parts.remove(job)


def work_of(job: Path) -> Job:
    """Return the work on the import in a folder."""
    return Job(job / "import.lock", job / "log.txt")


def _jobs(store: Store) -> list[Path]:
    folder = store.folder / FOLDER
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _folder(store: Store, token: str) -> Path:
    job = store.folder / FOLDER / token
    if not re.fullmatch("[0-9a-f]{16}", token) or not job.is_dir():
        raise PredictionsError("This import of predictions has ended; start another one.")
    return job


def _kept(file: Path, source: Source) -> dict[str, str | None]:
    source.file.seek(0)
    with file.open("wb") as copy:
        shutil.copyfileobj(source.file, copy)
    return {"name": source.name, "folder": None if source.folder is None else str(source.folder)}


def _read(job: Path, stack: ExitStack) -> Request:
    try:
        said = json.loads(read_text(job / REQUEST))
        tree = tree_formats.parse(said.pop("tree"), "json")
        opened = {
            role: [
                Source(each["name"], stack.enter_context((job / f"{role}-{at}").open("rb")), _path(each["folder"]))
                for at, each in enumerate(said.pop(role))
            ]
            for role in ROLES
        }
    except (OSError, ValueError, TypeError, KeyError):
        raise PredictionsError("The files of this import cannot be read; start another one.") from None
    labels, classes = (opened[role][0] if opened[role] else None for role in ("labels", "classes"))
    return Request(opened["sources"], tree, labels=labels, classes=classes, **said)


def _path(folder: str | None) -> Path | None:
    return None if folder is None else Path(folder)


def _owner(job: Path) -> tuple[str | None, ...]:
    """Return the owner of an import, or nothing if its request cannot be read."""
    try:
        return (json.loads(read_text(job / REQUEST))["owner"],)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _end(job: Path, said: dict[str, Any]) -> None:
    """Write the outcome, and remove the uploaded files."""
    side = parts.beside(job / OUTCOME)
    side.write_text(json.dumps(said), encoding="utf-8")
    side.replace(job / OUTCOME)
    for role in ROLES:
        for file in job.glob(f"{role}-*"):
            file.unlink(missing_ok=True)


def _unexpected(error: BaseException) -> str:
    return f"The import stopped on an unexpected {type(error).__name__}; start it again, on a machine with more memory."
