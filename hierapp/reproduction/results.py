"""What came out of the figures, as it is shown, kept in a file, and shipped: no runs, no folders, no names of hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from hierapp import paths
from hierapp.errors import StoreError
from hierapp.reproduction.presets import SizeName
from hierapp.reproduction.rules import WORST_FIRST, Kind


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Line(_Plain):
    """A curve: the mean over n runs, and the deviation where there are several."""

    epochs: list[float]
    mean: list[float]
    deviation: list[float] | None = None
    n: int = 1


class Plot(_Plain):
    """What is drawn, by `figures_report`.

    Attributes:
        kind: "curves" of `lines`, "dots" of `dots`, a confusion "matrix", or "none".
        what: the name of the axis of figures.
        percent: whether they are shares.
        each: what a dot is, "seed" or "fold" or "round".
        log: whether the axis is logarithmic.
        classes, counts: of the matrix.
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


# In files, whose names stay, and for people.
COLUMN_TITLES = {"setting": "group", "report": "paper"}


class Judged(_Plain):
    """A claim of the paper, and what this machine makes of it."""

    claim: str
    rule: str
    verdict: Kind
    sentence: str


class Result(_Plain):
    """What came out of a figure.

    Attributes:
        figure: its id.
        claims: in the preset's order.
        table: a row a group; columns in their order.
        plot: what is drawn.
        notes: sentences that belong to it and judge nothing.
        runs: how many finished runs it was made of.
        seconds: how long these trained, together; they may be another figure's too.
    """

    figure: str
    claims: list[Judged]
    table: list[dict[str, Any]] = []
    plot: Plot = Plot()
    notes: list[str] = []
    runs: int = 0
    seconds: float = 0.0

    def titled_table(self) -> list[dict[str, Any]]:
        """The table with the titles that its columns have for people."""
        return [{COLUMN_TITLES.get(name, name): value for name, value in row.items()} for row in self.table]

    @property
    def verdict(self) -> Kind:
        """Of all claims together: the worst one."""
        kinds = [claim.verdict for claim in self.claims]
        return next((kind for kind in WORST_FIRST if kind in kinds), "agrees")


class PaperResults(_Plain):
    """All figures of a size that were measured.

    Attributes:
        size, data: which preset, on which data set.
        made: when, as YYYY-MM-DD, by universal time.
        command: what repeats it.
        environment: what the runs were trained with: processor, threads, precision, versions.
        seeds, epochs: the most that a group had.
        runs: how many there were, each counted once.
        training_seconds: the sum over all runs.
        took_seconds: how long the command took, if it trained them all.
        results: by the figure's id.
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
    """Where this machine's results are; hierapp 0.1.0 called the folder `report`."""
    old = paths.home() / "report"
    return old if old.is_dir() else paths.home() / "paper"


def file_of(size: SizeName) -> Path:
    """This machine's results of a size."""
    return folder() / f"{size}.json"


def shipped_file(size: SizeName) -> Path:
    """The results that ship, where there are any."""
    return paths.shipped_results() / f"paper-{size}.json"


def load(file: Path) -> PaperResults | None:
    """The results in a file; None if there is none.

    Raises:
        StoreError: if the file is not one of results.
    """
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"The file {file} cannot be read ({error.strerror or error}); see to its rights.") from error
    try:
        return PaperResults.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its beginning"
        raise StoreError(
            f"The file {file} is no results of the paper ({place}: {first['msg'].lower()}); make it anew by"
            " `python -m hierapp reproduce`."
        ) from None


def save(outcome: PaperResults, file: Path) -> None:
    """Write results, in place of what is there.

    Raises:
        StoreError: if the file cannot be written; what was there stays.
    """
    side = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        side.write_text(outcome.model_dump_json(indent=1) + "\n", encoding="utf-8")
        side.replace(file)
    except OSError as error:
        raise StoreError(
            f"The results cannot be written to {file} ({error.strerror or error}); choose another --output."
        ) from error
