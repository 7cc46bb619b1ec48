"""The results of the figures, as they are displayed, saved to a file, and shipped: no runs, folders or host names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from hierapp import paths
from hierapp.errors import StoreError
from hierapp.reproduction.presets import SizeName
from hierapp.reproduction.rules import WORST_FIRST, Kind
from hierapp.utils import files, private
from hierapp.utils.reading import read_bytes


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Line(_Plain):
    """A curve: the mean over n runs, and the standard deviation if there are several."""

    epochs: list[float]
    mean: list[float]
    deviation: list[float] | None = None
    n: int = 1


class Plot(_Plain):
    """The plot of a figure, drawn by `figures_report`.

    Attributes:
        kind: "curves" of `lines`, "dots" of `dots`, a confusion "matrix", or "none".
        what: the name of the value axis.
        percent: whether the values are shares.
        each: what a dot stands for: "seed", "fold" or "round".
        log: whether the axis is logarithmic.
        classes, counts: the classes and counts of the matrix.
    """

    kind: Literal["curves", "dots", "matrix", "none"] = "none"
    what: str = ""
    percent: bool = True
    each: str = "seed"
    log: bool = False
    lines: dict[str, Line] = {}
    dots: dict[str, dict[int, float]] = {}
    classes: list[str] = []
    counts: list[list[int]] = []


# The names in files, which do not change, and the texts for the user.
COLUMN_TITLES = {"setting": "group", "report": "paper"}


class Judged(_Plain):
    """A claim of the paper with its verdict on this machine."""

    claim: str
    rule: str
    verdict: Kind
    sentence: str


class Result(_Plain):
    """The result of a figure.

    Attributes:
        figure: the figure's id.
        claims: the judged claims, in the preset's order.
        table: one row per group; columns in order.
        plot: what is drawn.
        notes: additional sentences that are not verdicts.
        runs: the number of finished runs it is based on.
        seconds: the total training time of these runs, which other figures may share.
    """

    figure: str
    claims: list[Judged]
    table: list[dict[str, Any]] = []
    plot: Plot = Plot()
    notes: list[str] = []
    runs: int = 0
    seconds: float = 0.0

    def titled_table(self) -> list[dict[str, Any]]:
        """Return the table with the column titles for the user."""
        return [{COLUMN_TITLES.get(name, name): value for name, value in row.items()} for row in self.table]

    @property
    def verdict(self) -> Kind:
        """The verdict on all claims together: the worst one."""
        kinds = [claim.verdict for claim in self.claims]
        return next((kind for kind in WORST_FIRST if kind in kinds), "agrees")


class PaperResults(_Plain):
    """All figures of a size that were measured.

    Attributes:
        size, data: the preset and the data set.
        made: the date as YYYY-MM-DD, in UTC.
        command: the command that repeats it.
        environment: what the runs were trained with: processor, threads, precision, versions.
        seeds, epochs: the largest numbers of any group.
        runs: the number of runs, each counted once.
        training_seconds: the sum over all runs.
        took_seconds: the duration of the command, if it trained all runs.
        results: the results by figure id.
    """

    format: Literal[1] = 1
    size: SizeName
    data: str
    made: str
    command: str
    environment: dict[str, str]
    seeds: list[int]
    epochs: int
    runs: int
    training_seconds: float
    took_seconds: float | None = None
    results: dict[str, Result]


def folder() -> Path:
    """Return the folder of this machine's results; hierapp 0.1.0 called it `report`."""
    old = paths.home() / "report"
    return old if old.is_dir() else paths.home() / "paper"


def file_of(size: SizeName) -> Path:
    """Return the file with this machine's results of a size."""
    return folder() / f"{size}.json"


def shipped_file(size: SizeName) -> Path:
    """Return the file with the results that ship for a size; it may not exist."""
    return paths.shipped_results() / f"paper-{size}.json"


def load(file: Path) -> PaperResults | None:
    """Load the results in a file; None if there is no file.

    Raises:
        StoreError: if the file does not contain results.
    """
    try:
        text = read_bytes(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"The file {file} cannot be read ({error.strerror or error}); check its permissions."
        ) from error
    try:
        return PaperResults.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its beginning"
        raise StoreError(
            f"The file {file} does not contain reproduction results ({place}: {first['msg'].lower()}); create it again"
            " with `python -m hierapp reproduce`."
        ) from None


def save(outcome: PaperResults, file: Path) -> None:
    """Write results to a file and replace what is there.

    Raises:
        StoreError: if the file cannot be written; the previous content stays.
    """
    try:
        private.make_folder(file.parent)
        files.replace(f"{outcome.model_dump_json(indent=1)}\n".encode(), file)
    except OSError as error:
        raise StoreError(
            f"The results cannot be written to {file} ({error.strerror or error}); choose another --output."
        ) from error
