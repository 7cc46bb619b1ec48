"""What hierapp raises when the input is at fault.

Every message is one sentence: what was wrong, what was expected, what to do. The command line prints it on one
line and the pages show it as it is; anything that is not a HierappError is a defect of ours.
"""

import reprlib


class HierappError(Exception):
    """Base of every error that a user can mend."""


class TreeError(HierappError, ValueError):
    """The input is no label tree, or not one over these classes."""


class ConfigError(HierappError, ValueError):
    """A run is configured with a value it cannot have."""


class DatasetError(HierappError):
    """A data set is unknown, absent, broken, or could not be downloaded."""


class StoreError(HierappError):
    """The store cannot be read or written, or holds no such run."""


class ArchiveError(HierappError):
    """An archive, or a file in it, is broken or not safe to read."""


class AccessError(HierappError):
    """Who asks may not do this, or the app is not open to them."""


class MissingPackageError(HierappError, ModuleNotFoundError):
    """A package is not installed that only a part of hierapp needs."""


class DiskFull(StoreError):  # noqa: N818 - a state of the disk, which passes
    """There is no room to store anything."""


class StaleAttemptError(Exception):
    """The run is somebody else's by now: it was claimed again, or has ended."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Training stops because it was asked to."""


def some(names: list[str], limit: int = 5) -> str:
    """Quote the first names of a list for a message: `'a', 'b' and 3 more`.

    >>> some(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    quoted = ", ".join(repr(name) for name in names[:limit])
    return quoted if len(names) <= limit else f"{quoted} and {len(names) - limit} more"


# What was got instead of what was expected may be a whole file; a sentence shows its beginning.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring = 2, 60


def short(value: object) -> str:
    """The beginning of a value, for a message.

    >>> short("parent;child")
    "'parent;child'"
    """
    return _SHORT.repr(value)


def one_line(name: object) -> str:
    """A file's name for a message, without its line breaks.

    >>> one_line("two\\nlines.json")
    'two lines.json'
    """
    return " ".join(str(name).splitlines())
