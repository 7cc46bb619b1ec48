"""The similarities that can be chosen by name: those that ship, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hierapp import paths
from hierapp.errors import ConfigError, StoreError
from hierapp.similarities import formats
from hierapp.similarities.formats import MOST_CLASSES
from hierapp.similarities.similarity import Similarity, ordinal
from hierapp.similarities.spec import NAME, RESERVED, TREE, canonical, ratio_of
from hierapp.utils.named_files import Entry, NamedFileStore

_ABOUT = 4_096  # bytes; what a file says of itself stands at its beginning


SimilarityEntry = Entry


def own_folder() -> Path:
    """Where the user's similarities are kept."""
    return paths.home() / "similarities"


def entries(data: str | None = None) -> list[SimilarityEntry]:
    """All similarities, or those over a data set's classes; first those that ship, then the user's, by name."""
    return _FILES.entries(data)


def load(name: str) -> Similarity:
    """The similarity of this name.

    Raises:
        ConfigError: if there is none, or its file is broken.
        StoreError: if its file cannot be read.

    >>> len(load("cifar10-names").classes)
    10
    """
    file = _FILES.file_of(name) if NAME.fullmatch(name) else None
    if file is None:
        names = ", ".join(entry.name for entry in entries())
        raise ConfigError(f"There is no similarity {name!r}; give tree, ordinal:0.5, or one of {names}.")
    return formats.parse_bytes(_read(file), file.name)[0]


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
    if len(similarity.classes) > formats.MOST_CLASSES:
        raise ConfigError(
            f"The similarity has {len(similarity.classes):,} classes; at most {formats.MOST_CLASSES:,} can be kept."
        )
    body = formats.render(similarity)
    free, there = _FILES.place_for(stem_of(name), lambda file: _body(file) == body)
    if there is not None:
        return there
    said = {"title": (title or name)[:200], "data": data or "", "owner": owner or "", "description": description[:1000]}
    file = _FILES.own_file(free)
    _FILES.write(file, formats.render(similarity, {**said, **(more or {})}))
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
    file = _FILES.own_file(name)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _FILES.unwritable(file, error) from None


def find(spec: str, classes: Sequence[str]) -> Similarity | None:
    """What a spec stands for over a data set's classes, in their order; None for the tree's own.

    Raises:
        ConfigError: if there is no such similarity, it is broken, or over other classes.

    >>> find("ordinal:0.5", ["child", "adult", "old"]).matrix[0].tolist()
    [1.0, 0.5, 0.25]
    """
    spec = canonical(spec)
    if spec == TREE:
        return None
    if (ratio := ratio_of(spec)) is not None:
        if len(classes) > MOST_CLASSES:
            raise ConfigError(
                f"Ordinal similarities may have {MOST_CLASSES:,} classes and the data set has {len(classes):,}; take"
                " the tree's."
            )
        return Similarity(tuple(classes), ordinal(len(classes), ratio))
    loaded = load(spec)
    try:
        return Similarity(tuple(classes), loaded.over(classes))
    except ConfigError as error:
        raise ConfigError(f"The similarity {spec!r} does not fit: {error}") from None


def text_of(spec: str, classes: Sequence[str]) -> str | None:
    """The same as the text that a run is queued with."""
    found = find(spec, classes)
    return None if found is None else formats.render(found)


def with_matrix(options: Mapping[str, object], classes: Sequence[str]) -> dict[str, object]:
    """A loss's options with the matrix over these classes in the place of the name of a similarity that ships or is
    kept, as `hierapp.losses.judge` takes them; other options stay as they are.

    Raises:
        ConfigError: if there is no such similarity, it is broken, or over other classes.
    """
    if "similarity" not in options:
        return dict(options)
    spec = canonical(options["similarity"])
    if spec == TREE or ratio_of(spec) is not None:
        return dict(options)
    found = find(spec, classes)
    assert found is not None
    return {**options, "similarity": found.matrix}


def own(name: str) -> SimilarityEntry | None:
    """The user's own similarity of this very name, if there is one."""
    return _entry(_FILES.own_file(name), shipped=False) if NAME.fullmatch(name) else None


def stem_of(name: str) -> str:
    """The name of the file in which a similarity of this name is kept, without its suffix."""
    return _FILES.stem_of(name)


def _entry(path: Path, shipped: bool) -> SimilarityEntry | None:
    if not NAME.fullmatch(path.stem):
        return None
    try:
        with path.open("rb") as file:
            start = file.read(_ABOUT).decode("utf-8-sig", "replace")
    except OSError:
        return None
    about = formats.about(start)
    title, data, owner = about.get("title") or path.stem, about.get("data") or None, about.get("owner") or None
    return SimilarityEntry(path.stem, title, about.get("description", ""), data, path, shipped, owner)


def _body(file: Path) -> str:
    """The file without what it says of itself, as `render` writes it; nothing if it is broken."""
    try:
        return formats.render(formats.parse_bytes(_read(file), file.name)[0])
    except (ConfigError, StoreError):
        return ""


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(formats.LARGEST_FILE + 1)
    except OSError as error:
        raise StoreError(f"The similarity {file} cannot be read ({error.strerror}); make it readable.") from None


_FILES = NamedFileStore("similarity", ".csv", 50, paths.shipped_similarities, own_folder, _entry, RESERVED)
