"""Searches on disk: `searches/NAME` in the store's folder, with the plan and the journal of Optuna's study.

The study has the name of the search; each trial has the id of its run among its attributes. A crash loses nothing that
was done: before a trial's run is queued, an operation in the journal records its values. The runner, pages and commands
all write to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hierapp.errors import StoreError
from hierapp.runs import Store
from hierapp.search.plan import METRICS, Plan
from hierapp.search.space import Value
from hierapp.utils import files, locks, parts, private
from hierapp.utils.background import Job
from hierapp.utils.locks import Held

if TYPE_CHECKING:
    import optuna
    from optuna.storages import JournalStorage

FOLDER, PLAN, JOURNAL, LOCK, LOG = "searches", "plan.json", "journal.log", "lock", "log.txt"


@dataclass
class Entry:
    """What the journal says about one trial.

    Attributes:
        params: its values, by name.
        run: the id of its run, once that is queued.
        refused: the reason why it could not be tried, if any.
        pruned: the attempt of the run that was stopped as unpromising, and the epoch after which it was stopped; None
            if none was.
        halted: whether its run was stopped because the search was asked to stop.
    """

    params: dict[str, Value]
    run: str | None = None
    refused: str | None = None
    pruned: tuple[int, float] | None = None
    halted: bool = False


@dataclass
class Journal:
    """What was done so far.

    Attributes:
        entries: the trials in order.
        stopping: whether the search was asked to stop.
        error: the reason why it could not continue, if any.
        begun: when it was last started, in seconds since 1970.
        importances: the importance of the parameters, as last computed by the runner; pages do not compute it because
            the imports take seconds.
    """

    entries: list[Entry] = field(default_factory=list)
    stopping: bool = False
    error: str | None = None
    begun: float = 0.0
    importances: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """One search of a store.

    Raises:
        StoreError: from every call, if its folder cannot be read or written.
    """

    store: Store
    plan: Plan

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def folder(self) -> Path:
        """The folder of the search."""
        return folder_of(self.store) / self.name

    @property
    def log_file(self) -> Path:
        """The file with the output of its runner."""
        return self.folder / LOG

    def study(self) -> optuna.Study:
        """Return Optuna's study of the search, current at each look."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self._readable():
            return optuna.load_study(study_name=self.name, storage=self._storage())

    def read(self) -> Journal:
        """Read the current journal."""
        with self._readable():
            study = self.study()
            attrs = study.user_attrs
            asked = attrs.get("asked", {})
            error = attrs.get("error") or {}
            return Journal(
                entries=[self._entry(trial, attrs) for trial in study.get_trials(deepcopy=False)],
                stopping=bool(asked.get("stop", False)),
                error=str(error["text"]) if error.get("asked") == asked and "text" in error else None,
                begun=float(asked.get("begun", 0.0)),
                importances={str(name): float(share) for name, share in attrs.get("importances", {}).items()},
            )

    def note(self, number: int, **notes: Any) -> None:
        """Record attributes of a trial; they are on disk when this returns."""
        study = self.study()
        trial = study.get_trials(deepcopy=False)[number]
        if not trial.state.is_finished():
            for name, value in notes.items():
                study._storage.set_trial_user_attr(trial._trial_id, name, value)
            return
        # Optuna's ended trials do not change, but the run of one can be resumed.
        key = f"trial {number}"
        study.set_user_attr(key, {**study.user_attrs.get(key, {}), **notes})

    def ask_to_go(self) -> None:
        """Record that the search is started."""
        self.study().set_user_attr("asked", {"stop": False, "begun": time.time()})

    def ask_to_stop(self) -> None:
        """Record that the search is to stop."""
        self.study().set_user_attr("asked", {"stop": True, "begun": self.read().begun})

    def note_error(self, text: str) -> None:
        """Record why the search cannot continue; it counts until the search is started or stopped again."""
        study = self.study()
        study.set_user_attr("error", {"text": text, "asked": study.user_attrs.get("asked", {})})

    def note_importances(self, shares: dict[str, float]) -> None:
        """Record the importances of the parameters."""
        self.study().set_user_attr("importances", shares)

    def _entry(self, trial: optuna.trial.FrozenTrial, attrs: dict[str, Any]) -> Entry:
        notes = {**trial.user_attrs, **attrs.get(f"trial {trial.number}", {})}
        known = {each.name: each for each in self.plan.dimensions if each.name in trial.params}
        params = {name: each.clean(trial.params[name]) for name, each in known.items()}
        pruned = notes.get("pruned")
        return Entry(
            params,
            notes.get("run"),
            notes.get("refused"),
            None if pruned is None else tuple(pruned),
            bool(notes.get("halted")),
        )

    def _storage(self) -> JournalStorage:
        from hierapp.search import old_journal, storage

        file = self.folder / JOURNAL
        if not file.exists():  # a search of version 0.1.0
            made = old_journal.converted(self)
            try:
                files.place(made.content(), file)
            except FileExistsError:
                pass  # another process has converted it
            except OSError:
                return storage.in_memory(made)  # in a folder that cannot be written
        return storage.storage_of(file)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unreadable(self.folder, error) from None
        except (LookupError, ValueError, TypeError, AttributeError, AssertionError, StopIteration):
            raise StoreError(
                f"The journal of the search in {self.folder} is broken; restore it from a backup or delete the folder."
            ) from None

    @property
    def job(self) -> Job:
        """The work of the search's runner."""
        return Job(self.folder / LOCK, self.log_file)

    @contextmanager
    def locked(self, patience: float = 0.0) -> Iterator[Held | None]:
        """Try for up to `patience` seconds to take the runner's lock; None if another process holds it.

        A runner that gives no sign of life is replaced.
        """
        with files.as_store_error(f"The search {self.name} cannot be written"):
            lock = self.job.take(patience, locks.SILENCE_SECONDS)
        with lock or nullcontext():
            yield lock

    def is_at_work(self) -> bool:
        """Return whether a runner is working on the search, without creating a file."""
        return self.job.is_running(locks.SILENCE_SECONDS)


def begin(store: Store, plan: Plan) -> Search:
    """Save a new search. It does nothing until `runner.start` starts it.

    Raises:
        StoreError: if a search with this name exists or it cannot be written; nothing is saved then.
    """
    search = Search(store, plan)
    part = parts.beside(search.folder)
    try:
        private.make_folder(part)
        files.place(plan.to_json().encode(), part / PLAN)
        _create_study(plan, part / JOURNAL)
        part.rename(search.folder)  # fails if the folder exists and is not empty
    except OSError as error:
        parts.remove(part)
        if (search.folder / PLAN).exists():
            raise StoreError(f"A search {plan.name!r} already exists; choose another name, or resume it.") from None
        raise StoreError(
            f"The folder {folder_of(store)} cannot be written ({error.strerror}); make it writable."
        ) from None
    return search


def _create_study(plan: Plan, file: Path) -> None:
    import optuna

    from hierapp.search import storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = storage.MemoryJournal()
    optuna.create_study(storage=storage.in_memory(made), study_name=plan.name, direction=direction(plan))
    files.place(made.content(), file)


def direction(plan: Plan) -> Literal["maximize", "minimize"]:
    """Return the direction of the study."""
    return "maximize" if METRICS[plan.metric].more_is_better else "minimize"


def find(store: Store, name: str) -> Search:
    """Return a search by its name.

    Raises:
        StoreError: if there is none, or its plan is broken.
    """
    # Compare names instead of building a path: a name with slashes must not lead elsewhere.
    if name not in names(store):
        raise StoreError(f"There is no search {name!r}; list them with `python -m hierapp searches`.")
    try:
        return Search(store, Plan.from_json((folder_of(store) / name / PLAN).read_text(encoding="utf-8")))
    except OSError as error:
        raise _unreadable(folder_of(store) / name, error) from None


def names(store: Store) -> list[str]:
    """Return the names of the searches, the newest first."""
    try:
        kept = [each for each in folder_of(store).glob(f"*/{PLAN}") if not each.parent.name.startswith(".")]
        return [plan.parent.name for plan in sorted(kept, key=lambda plan: plan.stat().st_mtime, reverse=True)]
    except OSError:
        return []


def folder_of(store: Store) -> Path:
    """Return the folder of the searches of a store."""
    return store.folder / FOLDER


def _unreadable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"The search in {folder} cannot be read ({error.strerror}); make it readable.")
