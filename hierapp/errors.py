"""The errors that hierapp raises for invalid input.

Every message is one sentence: what was wrong, what was expected, what to do. The command line prints it on one line and
the pages show it unchanged; any other exception is a bug in hierapp.
"""

import reprlib
from collections.abc import Mapping, Sequence


class HierappError(Exception):
    """Base class of all errors that a user can correct. The message is one line, whatever names are in it.

    >>> str(HierappError("The file two\\nlines.json is missing; give another."))
    'The file two lines.json is missing; give another.'
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class TreeError(HierappError, ValueError):
    """The input is not a label tree, or not one over these classes."""


class DuplicateNamesError(TreeError):
    """Several nodes of a tree have one name.

    Attributes:
        offered: for each such name, names that tell its nodes apart, as `other (animal)`; empty if there are none.
    """

    def __init__(self, message: str, offered: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.offered = dict(offered or {})


class AmbiguousTreeError(TreeError):
    """A text can be read as several label trees.

    Attributes:
        readings: the ways to read it, with a description; give one of them as `read_as`.
    """

    def __init__(self, message: str, readings: Mapping[str, str]) -> None:
        super().__init__(message)
        self.readings = dict(readings)


class ConfigError(HierappError, ValueError):
    """An option of a run has an invalid value."""


class DatasetError(HierappError):
    """A data set is unknown, missing, damaged, or could not be downloaded."""


class PredictionsError(HierappError, ValueError):
    """A file does not hold predictions over the classes of a tree."""


class AmbiguousPredictionsError(PredictionsError):
    """The values of a file can be read as probabilities, log-probabilities or logits.

    Attributes:
        kinds: the possible kinds; give one of them as `kind`.
    """

    def __init__(self, message: str, kinds: Sequence[str]) -> None:
        super().__init__(message)
        self.kinds = tuple(kinds)


class StoreError(HierappError):
    """The store cannot be read or written, or does not contain the run."""


class ArchiveError(HierappError):
    """An archive, or a file in it, is damaged or unsafe to read."""


class AccessError(HierappError):
    """The user lacks the permission, or has no access to the app."""


class MissingPackageError(HierappError, ModuleNotFoundError):
    """A package that is required by an optional part of hierapp is not installed."""


class DiskFull(StoreError):  # noqa: N818 - a temporary state of the disk
    """The disk is full."""


class DataWarning(UserWarning):
    """Values of the input were changed so that they can be used."""


class StaleAttemptError(Exception):
    """The run belongs to another process now: it was claimed again, or has ended."""


class HomeMovedError(StaleAttemptError):
    """The folder that a background process works for is at another place now, or was removed or replaced."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Training stops because the user requested it."""


def some(names: Sequence[str], limit: int = 5) -> str:
    """Quote the first names of a list for a message: `'a', 'b' and 3 more`.

    >>> some(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    quoted = ", ".join(repr(name) for name in names[:limit])
    return quoted if len(names) <= limit else f"{quoted} and {len(names) - limit} more"


# The received value may be an entire file; a message shows only its beginning.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring = 2, 60


def short(value: object) -> str:
    """Return the beginning of a value, for a message.

    >>> short("parent;child")
    "'parent;child'"
    """
    return _SHORT.repr(value)


def one_line(name: object) -> str:
    """Return a file's name without line breaks, for a message.

    >>> one_line("two\\nlines.json")
    'two lines.json'
    """
    return " ".join(str(name).splitlines())
