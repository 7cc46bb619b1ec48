"""What a file of predictions contains, before it is checked, and the names under which files have it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from numpy.typing import NDArray

from hierapp.errors import DataWarning, PredictionsError, one_line, some

Kind = Literal["probabilities", "log-probabilities", "logits"]
Role = Literal["labels", "classes", "paths", "texts"]

Warn = Callable[[str], object]

MOST_NUMBERS = 10**8  # of all rows and classes
MOST_ROWS = 10**6
MOST_TEXT = 10**8  # characters of all texts, paths or labels

# The usual names of arrays and columns, in lower case with _ between words.
KIND_NAMES: dict[Kind, tuple[str, ...]] = {
    "probabilities": (
        *("probabilities", "probability", "probs", "prob", "proba", "p", "y_prob", "y_proba", "predict_proba"),
        *("y_pred_proba", "softmax"),
    ),
    "log-probabilities": (
        *("log_probabilities", "log_probability", "log_probs", "log_prob", "log_proba", "log_p", "logp"),
        *("log_softmax", "predict_log_proba"),
    ),
    "logits": ("logits", "logit"),
}
# Names that do not say what the values are.
OTHER_NAMES = ("scores", "score", "outputs", "output", "predictions", "decision_function", "y_score", "arr_0")
ROLE_NAMES: dict[Role, tuple[str, ...]] = {
    "labels": (
        *("labels", "label", "true_labels", "true_label", "targets", "target", "y_true", "true", "y", "y_test"),
        *("class", "true_class", "ground_truth"),
    ),
    "classes": ("classes", "class_names", "classes_", "label_names", "names"),
    "paths": ("paths", "path", "images", "image", "image_path", "files", "file", "filenames", "filename", "file_name"),
    "texts": ("texts", "text", "sentence", "sentences", "document"),
}
# Columns of a table that are left out.
IGNORED = ("", "index", "id", "row", "unnamed:_0", "predicted", "prediction", "y_pred", "correct", "split")


@dataclass(frozen=True)
class Source:
    """A file: its name for messages, its content, and the folder that relative paths of images refer to; None if images
    on this machine must not be read."""

    name: str
    file: BinaryIO
    folder: Path | None = None

    @property
    def shown(self) -> str:
        """The name without folders, on one line."""
        return one_line(Path(self.name).name)

    @property
    def size(self) -> int:
        """The number of bytes of the file."""
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        return size

    @property
    def suffix(self) -> str:
        """The suffix of the name in lower case, such as ".csv"."""
        return Path(self.name).suffix.lower()


@dataclass
class RawPredictions:
    """The content of a file.

    Attributes:
        values: [n, C], of a floating type.
        kind: what the file's own names say that the values are; None if they do not say it.
        classes: the names of the columns.
        labels: the true class of each row: a name or a position in `classes`.
        paths: the path of each row's image.
        texts: each row's text.
    """

    values: NDArray[Any]
    kind: Kind | None = None
    classes: list[str] | None = None
    labels: list[str] | None = None
    paths: list[str] | None = None
    texts: list[str] | None = None


def warn_caller(text: str) -> None:
    """Raise a `DataWarning`; pages show warnings in another way, because Python's filters belong to all threads."""
    warnings.warn(text, DataWarning, stacklevel=3)


def known_name(name: str) -> str:
    """Return a name in the spelling of the names above.

    >>> known_name("Log-Probs"), known_name(" y true")
    ('log_probs', 'y_true')
    """
    return name.strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")


def kind_named(name: str) -> Kind | None:
    """Return the kind of values that a name stands for, if any."""
    return next((kind for kind, names in KIND_NAMES.items() if known_name(name) in names), None)


def role_named(name: str) -> Role | None:
    """Return what else a name stands for, if anything."""
    return next((role for role, names in ROLE_NAMES.items() if known_name(name) in names), None)


def one_of(names: Collection[str], what: str, shown: str) -> str | None:
    """Return the only name of a list, None if it is empty.

    Raises:
        PredictionsError: if there are several.
    """
    if len(names) > 1:
        raise PredictionsError(f"The file {shown} has several {what}, {some(sorted(names))}; keep one of them.")
    return next(iter(names), None)


def check_size(rows: int, columns: int, shown: str) -> None:
    """Raise a PredictionsError if there are too many numbers to be read."""
    if rows > MOST_ROWS or rows * columns > MOST_NUMBERS:
        raise PredictionsError(
            f"The file {shown} has {rows:,} rows of {columns:,} values, and up to {MOST_ROWS:,} rows and"
            f" {MOST_NUMBERS:,} values are read; split it."
        )


def check_texts(texts: Iterable[str], shown: str) -> None:
    """Raise a PredictionsError if texts are too long to be stored."""
    if sum(map(len, texts)) > MOST_TEXT:
        raise PredictionsError(
            f"The file {shown} has more than {MOST_TEXT:,} characters of text; leave out texts or shorten them."
        )
