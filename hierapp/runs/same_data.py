"""Whether runs have the same data: names of data sets are not enough, because other content may come under a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hierapp.data.content import ContentHashes
from hierapp.data.dataset import Part
from hierapp.data.image_set import ImageSet
from hierapp.errors import DatasetError
from hierapp.runs import Run

Load = Callable[[str, Part], ImageSet]


def refuse_other(run: Run, now: ContentHashes) -> None:
    """Check that a data set has the content on which a run was queued, as far as both are known.

    Raises:
        DatasetError: if it does not.
    """
    if run.content.differ(now):
        raise DatasetError(
            f"The data set {run.config.data!r} has different content than when run {run.id} was queued; import the"
            " former images under that name again to continue the run, or start a new run."
        )


def refusing_other(run: Run, load: Load) -> Load:
    """Return a function that loads like `load`, and raises a DatasetError for other content than the run's."""

    def checked(name: str, part: Part) -> ImageSet:
        found = load(name, part)
        refuse_other(run, ContentHashes(**{part: found.content_hash}))
        return found

    return checked


def by_content(runs: Sequence[Run]) -> list[list[Run]]:
    """Split runs of one data set's name by its content, in the order of their first runs.

    Runs of older versions, whose content is unknown, count as of the only known content; if there are several, they are
    separate.
    """
    known = {run.content for run in runs if any(run.content)}
    if len(known) < 2:
        return [list(runs)]
    found: dict[ContentHashes, list[Run]] = {}
    for run in runs:
        found.setdefault(run.content, []).append(run)
    return list(found.values())
