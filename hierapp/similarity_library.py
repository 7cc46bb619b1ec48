"""The similarities that can be chosen by name: those that ship, and the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths, similarity_csv
from hierapp.errors import ConfigError, StoreError
from hierapp.similarity import Similarity

# Words that mean something else where a similarity is named.
RESERVED = frozenset({"tree", "ordinal", ""})
NAME = re.compile(r"[\w-]{1,60}")
_ABOUT = 4_096  # bytes; what a file says of itself stands at its beginning


@dataclass(frozen=True)
class SimilarityEntry:
    """A similarity's file and what it says of itself; `data` is the data set whose classes it is over, if it says so,
    and `owner` the e-mail of who kept it, if they had logged in."""

    name: str
    title: str
    description: str
    data: str | None
    path: Path
    shipped: bool
    owner: str | None = None


def own_folder() -> Path:
    """Where the user's similarities are kept."""
    return paths.home() / "similarities"


def entries(data: str | None = None) -> list[SimilarityEntry]:
    """All similarities, or those over a data set's classes; first those that ship, then the user's, by name."""
    found = {
        path.stem: entry
        for folder, shipped in ((own_folder(), False), (paths.shipped_similarities(), True))
        for path in sorted(folder.glob("*.csv"))
        if NAME.fullmatch(path.stem) and (entry := _entry(path, shipped)) is not None
    }
    wanted = [entry for entry in found.values() if data is None or entry.data == data]
    return sorted(wanted, key=lambda entry: (not entry.shipped, entry.name))


def load(name: str) -> Similarity:
    """The similarity of this name.

    Raises:
        ConfigError: if there is none, or its file is broken.
        StoreError: if its file cannot be read.

    >>> len(load("cifar10-names").classes)
    10
    """
    file = _file_of(name) if NAME.fullmatch(name) else None
    if file is None:
        names = ", ".join(entry.name for entry in entries())
        raise ConfigError(f"There is no similarity {name!r}; give tree, ordinal:0.5, or one of {names}.")
    return similarity_csv.parse_bytes(_read(file), file.name)[0]


def keep(
    similarity: Similarity,
    name: str,
    title: str = "",
    description: str = "",
    data: str | None = None,
    owner: str | None = None,
    more: Mapping[str, str] | None = None,
) -> SimilarityEntry:
    """Keep a similarity among the user's own; a name that another one has gets a number.

    One that is there under that name already, to the last digit, is left as it is.

    Args:
        similarity: what is kept.
        name: of which the file's name is made.
        title, description: for people.
        data: the data set whose classes it is over.
        owner: the e-mail of who keeps it.
        more: further lines of what the file says of itself, as where the numbers come from.

    Raises:
        ConfigError: if it has too many classes.
        StoreError: if the folder cannot be written.
    """
    if len(similarity.classes) > similarity_csv.MOST_CLASSES:
        raise ConfigError(
            f"The similarity has {len(similarity.classes):,} classes; at most {similarity_csv.MOST_CLASSES:,} can be"
            " kept."
        )
    body = similarity_csv.render(similarity)
    stem = stem_of(name)
    free, number = (f"{stem}-2", 3) if stem in RESERVED else (stem, 2)
    while (there := _file_of(free)) is not None:
        entry = _entry(there, shipped=there.parent == paths.shipped_similarities())
        if entry is not None and _body(there) == body:
            return entry
        free, number = f"{stem}-{number}", number + 1
    said = {"title": (title or name)[:200], "data": data or "", "owner": owner or "", "description": description[:1000]}
    file = own_folder() / f"{free}.csv"
    _write(file, similarity_csv.render(similarity, {**said, **(more or {})}))
    kept = _entry(file, shipped=False)
    assert kept is not None
    return kept


def delete(name: str) -> None:
    """Delete one of the user's own similarities; runs that used it keep it.

    Raises:
        ConfigError: if there is no such similarity, or it ships.
        StoreError: if the folder cannot be written.
    """
    if own(name) is None:
        raise ConfigError(f"There is no similarity {name!r} among your own; only those can be deleted.")
    file = own_folder() / f"{name}.csv"
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from None


def own(name: str) -> SimilarityEntry | None:
    """The user's own similarity of this very name, if there is one."""
    return _entry(own_folder() / f"{name}.csv", shipped=False) if NAME.fullmatch(name) else None


def stem_of(name: str) -> str:
    """The name of the file in which a similarity of this name is kept, without its suffix."""
    # 60 characters with a number are at most 250 bytes, and file names may have 255.
    return re.sub(r"[^\w-]+", "-", name)[:50].strip("-") or "similarity"


def _file_of(name: str) -> Path | None:
    files = (folder / f"{name}.csv" for folder in (paths.shipped_similarities(), own_folder()))
    return next((file for file in files if file.is_file()), None)


def _entry(path: Path, shipped: bool) -> SimilarityEntry | None:
    try:
        with path.open("rb") as file:
            start = file.read(_ABOUT).decode("utf-8-sig", "replace")
    except OSError:
        return None
    about = similarity_csv.about(start)
    title, data, owner = about.get("title") or path.stem, about.get("data") or None, about.get("owner") or None
    return SimilarityEntry(path.stem, title, about.get("description", ""), data, path, shipped, owner)


def _body(file: Path) -> str:
    """The file without what it says of itself, as `render` writes it; nothing if it is broken."""
    try:
        return similarity_csv.render(similarity_csv.parse_bytes(_read(file), file.name)[0])
    except (ConfigError, StoreError):
        return ""


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(similarity_csv.LARGEST_FILE + 1)
    except OSError as error:
        raise StoreError(f"The similarity {file} cannot be read ({error.strerror}); make it readable.") from None


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        side = file.with_suffix(".part")
        side.write_bytes(text.encode("utf-8", "replace"))
        side.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The similarity cannot be kept in {file.parent} ({error.strerror}); make the folder writable or set"
        " HIERAPP_HOME to one that is."
    )
