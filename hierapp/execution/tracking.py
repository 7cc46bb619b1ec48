"""Your own training loop as a run: shown live beside the app's runs, and compared with them.

    with hierapp.track("my loop", tree, data="digits", epochs=20) as run:
        for epoch in range(1, 21):
            ...
            run.log(epoch, train_loss=loss, val_accuracy=accuracy)
        run.finish(probabilities, targets)

The process that calls `track` owns the run: it sends heartbeats, and if it disappears the scheduler records that.
Processes that it forks, and those that receive the run by pickle, can report to the run as well.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsFloat

from numpy.typing import ArrayLike

from hierapp.errors import Cancelled, ConfigError, HierappError, StaleAttemptError, StoreError, TreeError, short
from hierapp.execution.failures import describe
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.runs import Run, Store, tracked
from hierapp.runs.predictions import Kind, check_arrays, evaluate
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training.recorder import EarlyEnd, Recorder
from hierapp.trees import LabelTree, library
from hierapp.utils import processes
from hierapp.utils.own_log import log_into
from hierapp.version import code_version

REPORTS_PER_EPOCH = 10  # of values between two whole epochs, as for the app's own runs
NOT_FINISHED = "The loop ended without a call of finish, so there are no test metrics; call it with the test outputs."


def track(
    name: str,
    tree: LabelTree | str | Path,
    group: str | None = None,
    seed: int = 0,
    *,
    data: str | None = None,
    epochs: int | None = None,
    home: str | Path | None = None,
) -> TrackedRun:
    """Start a run that your own training loop reports to; the app shows and compares it like its own runs.

    Args:
        name: the name of the run.
        tree: the label tree: a `LabelTree`, the name of a tree, or a file.
        group: the name of a group of runs that differ only in the seed, shown in place of `name`; by default `name`.
        seed: the seed, which distinguishes the runs of a group.
        data: the name of the data set, such as "digits", for the comparison with the app's runs on it; by default the
            one whose test labels are given to `finish`.
        epochs: the planned number of epochs, for the progress; by default unknown.
        home: the folder of the store; by default HIERAPP_HOME.

    Returns:
        The run, which has started. It ends with `finish`, with its `with` block, or with the program.

    Raises:
        TreeError: if there is no such tree.
        ConfigError: if a name, the seed or the number of epochs is not valid.
        StoreError: if the store cannot be written.

    >>> import tempfile
    >>> with track("my loop", "digits", epochs=1, home=tempfile.mkdtemp()) as run:
    ...     run.log(0.5, train_loss=0.7)
    ...     run.log(1, train_loss=0.3, val_accuracy=0.9)
    >>> run.state
    'interrupted'
    """
    known = tree if isinstance(tree, LabelTree) else library.load(str(tree))
    shown = _name_of(tree) if isinstance(tree, LabelTree) else Path(tree).stem
    store = Store(None if home is None else Path(home))
    run = tracked.start(
        store,
        name=name,
        group=group,
        seed=seed,
        tree=known,
        tree_name=shown,
        data=data,
        epochs=epochs,
    )
    return TrackedRun(store.folder, run)


class TrackedRun:
    """A run that a training loop reports to; created by `hierapp.track`.

    As a context manager it ends the run: as failed after an exception, as interrupted if `finish` was not called. An
    exception is not suppressed, except `Cancelled`, which a report raises after a user has cancelled the run in the
    app.

    Attributes:
        id: the id of the run.
        tree: the label tree; classes are positions in `tree.leaves`.
    """

    def __init__(self, folder: Path, run: Run, is_owner: bool = True) -> None:
        self.id, self.tree = run.id, run.tree
        self._folder, self._run = folder, run
        self._pending = _Means()
        self._open(is_owner)

    def _open(self, is_owner: bool) -> None:
        """Connect this process to the store."""
        self._pid = os.getpid()
        # Pinned: a folder that was moved away must not be created again.
        self._store = Store(self._folder, pinned=True)
        writer = SQLiteRunWriter(self._store.database, number_of(self.id), self._run.attempt)
        self._recorder = Recorder(writer, self._run.config.epochs or None)
        self._end: weakref.finalize[Any, Any] | None = None
        if is_owner:
            writer.take(self._pid, processes.identity(self._pid, self._store.folder) or "")
            self._recorder.begin("", code_version())
            self._recorder.__enter__()
            # Called when the object is discarded and, at the latest, when the program ends.
            self._end = weakref.finalize(self, _abandon, self._recorder, self._pid)

    @property
    def state(self) -> str:
        """The state of the run: running, finished, failed, cancelled or interrupted."""
        return self._store.run(self.id).state

    @property
    def should_stop(self) -> bool:
        """Whether a user has cancelled the run in the app; the next report then raises `Cancelled`."""
        with self._reporting() as recorder:
            return recorder.should_stop()

    def log(self, epoch: float, **metrics: SupportsFloat) -> None:
        """Report metrics at a time in epochs: 1 is the end of the first epoch, 1.5 the middle of the second.

        The app shows `train_loss`, `val_loss`, `val_accuracy` (from 0 to 1) and `val_distance` (in `lca-depth`); other
        names are stored as well. Values at a whole epoch are stored as they are; between two whole epochs, means
        are stored about ten times.

        Args:
            epoch: the time, a number from 0.
            metrics: numbers, also tensors with one number; NaN is shown as a gap.

        Raises:
            ConfigError: if the epoch or a metric is no such number.
            Cancelled: if a user has cancelled the run.
            StoreError: if the store cannot be written, or the run has ended.
        """
        at = _epoch(epoch)
        values = {name: _number(name, value) for name, value in metrics.items()}
        with self._reporting(checked=True) as recorder:
            due = self._pending.add(at, values)
            if due:
                recorder.report(at, due)
            if at.is_integer() and at >= 1:
                recorder.end_epoch(int(at), values, None)

    def confusion(self, epoch: int, targets: ArrayLike, predictions: ArrayLike) -> None:
        """Report the classes that were predicted for the validation examples after an epoch.

        Args:
            epoch: the epoch, a whole number from 1.
            targets: [n], the true classes as positions in `tree.leaves`.
            predictions: [n], the predicted classes.

        Raises:
            ConfigError: if the epoch or a class is not valid, or the lengths differ.
            Cancelled: if a user has cancelled the run.
            StoreError: if the store cannot be written, or the run has ended.
        """
        at = _epoch(epoch)
        if not at.is_integer() or at < 1:
            raise ConfigError(f"Expected a whole epoch from 1 for a confusion matrix but got {epoch!r}.")
        counts = sparse_confusion_matrix(_array(targets), _array(predictions), len(self.tree.leaves))
        with self._reporting(checked=True) as recorder:
            recorder.end_epoch(int(at), {}, counts)

    def finish(
        self, probabilities: ArrayLike, targets: ArrayLike, kind: Kind | None = None, epoch: int | None = None
    ) -> dict[str, Any]:
        """Finish the run with the outputs for the test examples, which are stored like imported predictions.

        Args:
            probabilities: [n, L], in the order of `tree.leaves`.
            targets: [n], the true classes as positions in `tree.leaves`.
            kind: what the values are: "probabilities", "log-probabilities" or "logits"; by default told apart.
            epoch: the epoch of the tested weights; by default the last one that was reported.

        Returns:
            The test metrics: `metrics.report` and `metrics.probability_report`.

        Raises:
            PredictionsError: if shapes, classes or values are not those of predictions over the leaves of the tree;
                the run goes on, and `finish` can be called again.
            StoreError: if the store cannot be written, or the run has ended.
        """
        checked = check_arrays(_array(probabilities), _array(targets), self.tree, kind)
        at = self._store.run(self.id).epoch if epoch is None else epoch
        data = tracked.settle_data(self._store, self._run, checked.target)
        found = evaluate(checked, self.tree, data, at)
        with self._reporting() as recorder:
            recorder.when_there_is_room(lambda: found.write(self._run.folder))
            recorder.finish(at, found.test, found.confusion)
        self._close()
        return found.test

    def end(self, state: EarlyEnd, error: str | None = None) -> None:
        """End the run without test metrics.

        Args:
            state: "failed", "cancelled" or "interrupted".
            error: the reason, as one sentence.

        Raises:
            StoreError: if the store cannot be written, or the run has ended in another way.
        """
        with self._reporting() as recorder:
            recorder.end(state, error)
        self._close()

    def __enter__(self) -> TrackedRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._end is None or not self._end.alive:
            return False
        with suppress(HierappError):  # it must not hide the exception of the loop
            if isinstance(error, Cancelled):
                self.end("cancelled")
            elif isinstance(error, Exception):
                self.end("failed", describe(error))
            elif error is not None:
                self.end("interrupted", f"The loop was interrupted by {type(error).__name__}.")
            else:
                self.end("interrupted", NOT_FINISHED)
        return isinstance(error, Cancelled)

    def __reduce__(self) -> tuple[Callable[..., TrackedRun], tuple[Any, ...]]:
        return _attach, (self._folder, self.id, self._run.attempt)

    @contextmanager
    def _reporting(self, checked: bool = False) -> Iterator[Recorder]:
        """Yield the recorder, with the log of the run; with `checked`, raise `Cancelled` after a user's request."""
        if os.getpid() != self._pid:
            _inherited.append(self._store)  # SQLite forbids to close a connection in a forked process
            self._pending = _Means()
            self._open(is_owner=False)
        try:
            with log_into(self._run.log_file):
                if checked and self._recorder.should_stop():
                    raise Cancelled(f"Run {self.id} was cancelled in the app.")
                yield self._recorder
        except StaleAttemptError:
            raise StoreError(
                f"Run {self.id} has already ended or was deleted, so nothing more can be reported; track a new run."
            ) from None

    def _close(self) -> None:
        if self._end is not None:
            self._end.detach()
        self._recorder.__exit__()


# Stores whose connections a forked process has inherited.
_inherited: list[Store] = []


def _attach(folder: Path, run: str, attempt: int) -> TrackedRun:
    """Report to a run from a process that does not own it."""
    found = Store(folder, pinned=True).run(run)
    if found.attempt != attempt:
        raise StoreError(f"Run {run} was started again; track a new run.")
    return TrackedRun(folder, found, is_owner=False)


def _abandon(recorder: Recorder, pid: int) -> None:
    """End a run whose object is discarded."""
    if os.getpid() == pid:
        recorder.__exit__()
        with suppress(HierappError, StaleAttemptError, OSError):
            assert recorder.writer is not None
            recorder.writer.end("interrupted", NOT_FINISHED)


class _Means:
    """The means of values that are reported more often than they are stored."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}
        self._stored = 0

    def add(self, epoch: float, values: Mapping[str, float]) -> dict[str, float]:
        """Return what is to be stored at this epoch; empty if it is too early."""
        is_whole, part = epoch.is_integer(), math.floor(epoch * REPORTS_PER_EPOCH + 1e-9)
        for name, value in () if is_whole else values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1
        if part == self._stored and not is_whole:
            return {}
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums, self._stored = {}, part
        return {**means, **values} if is_whole else means


def _name_of(tree: LabelTree) -> str:
    """Return the name of an equal tree that is shipped or saved; "own tree" if there is none."""
    for entry in library.entries():
        with suppress(TreeError):
            if library.load(str(entry.path)) == tree:
                return entry.name
    return "own tree"


def _epoch(epoch: object) -> float:
    value = _number("epoch", epoch)
    if not 0 <= value < 1e9:
        raise ConfigError(f"Expected an epoch from 0 but got {short(repr(epoch))}; 1 is the end of the first epoch.")
    return value


def _number(name: str, value: Any) -> float:
    try:
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ConfigError(f"Expected one number for {name} but got {short(repr(value))}.") from None


def _array(values: Any) -> ArrayLike:
    """Return values as numpy takes them, also those of a tensor on a GPU."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values  # type: ignore[no-any-return]
