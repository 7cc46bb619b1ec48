"""The similarities that can be selected by name: the shipped ones and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hierapp import paths
from hierapp.errors import ConfigError, StoreError
from hierapp.similarities import formats
from hierapp.similarities.formats import MOST_CLASSES
from hierapp.similarities.similarity import Similarity, ordinal
from hierapp.similarities.spec import NAME, RESERVED, TREE, canonical, ratio_of
from hierapp.utils import trash_folder
from hierapp.utils.named_files import Entry, NamedFileStore
from hierapp.utils.reading import open_file
from hierapp.utils.trash_folder import Item

_ABOUT = 4_096  # bytes; the description is at the beginning of a file


SimilarityEntry = Entry
KIND = "similarity"  # in the trash


def own_folder() -> Path:
    """Return the folder of the user's similarities."""
    return paths.home() / "similarities"


def entries(data: str | None = None) -> list[SimilarityEntry]:
    """Return all similarities, or those over a data set's classes: the shipped ones, then the user's, each by name."""
    return _FILES.entries(data)


def load(name: str) -> Similarity:
    """Load a similarity by name.

    Raises:
        ConfigError: if there is none, or its file is damaged.
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
    """Save a similarity among the user's own; if another one has the name, a number is appended.

    If exactly the same matrix is already saved under that name, its file is not changed.

    Args:
        similarity: the similarity to save.
        name: the file name is derived from it.
        title, description: texts for display.
        data: the data set of its classes.
        owner: e-mail address of the user.
        more: further lines of the description, for example the source of the numbers.

    Raises:
        ConfigError: if it has too many classes.
        StoreError: if the folder cannot be written.
    """
    if len(similarity.classes) > formats.MOST_CLASSES:
        raise ConfigError(
            f"The similarity has {len(similarity.classes):,} classes; at most {formats.MOST_CLASSES:,} can be saved."
        )
    body = formats.render(similarity)
    said = {"title": (title or name)[:200], "data": data or "", "owner": owner or "", "description": description[:1000]}
    text = formats.render(similarity, {**said, **(more or {})})
    file, _ = _FILES.place(stem_of(name), text.encode("utf-8", "replace"), lambda there: _body(there) == body)
    kept = _entry(file, file.parent == paths.shipped_similarities())
    if kept is None:
        raise StoreError(f"The similarity {file.stem!r} was deleted by another user immediately; save it again.")
    return kept


def delete(name: str, may_delete: Callable[[str | None], bool] = lambda owner: True) -> Item | None:
    """Move one of the user's own similarities to the trash; return it there, or None if another process was faster.

    Runs that used it have a copy.

    Args:
        name: the name of the similarity.
        may_delete: returns whether a similarity of this owner may be deleted.

    Raises:
        ConfigError: if there is no such similarity, or it is a shipped one.
        AccessError: if it may not be deleted.
        StoreError: if the folder cannot be written.
    """
    if own(name) is None:
        _FILES.refuse_foreign(None, may_delete)
        raise ConfigError(
            f"There is no similarity {name!r} among your saved ones; only saved similarities can be deleted."
        )
    with _FILES.changing(), suppress(FileNotFoundError):
        entry = own(name)
        _FILES.refuse_foreign(entry, may_delete)
        owner = None if entry is None else entry.owner
        return trash_folder.put(paths.trash_folder(), KIND, name, _FILES.own_file(name), owner)
    return None


def restore(item: Item) -> None:
    """Take a similarity out of the trash.

    Raises:
        StoreError: if another similarity has its name now, or it is no longer in the trash.
    """
    with _FILES.changing():
        trash_folder.restore(item, _FILES.own_file(item.name))


def find(spec: str, classes: Sequence[str]) -> Similarity | None:
    """Return the similarity of a spec over a data set's classes, in their order; None for the tree's own.

    Raises:
        ConfigError: if there is no such similarity, it is damaged, or its classes are different.

    >>> find("ordinal:0.5", ["child", "adult", "old"]).matrix[0].tolist()
    [1.0, 0.5, 0.25]
    """
    spec = canonical(spec)
    if spec == TREE:
        return None
    if (ratio := ratio_of(spec)) is not None:
        if len(classes) > MOST_CLASSES:
            raise ConfigError(
                f"Ordinal similarities may have at most {MOST_CLASSES:,} classes, but the data set has"
                f" {len(classes):,}; use the similarity of the tree."
            )
        return Similarity(tuple(classes), ordinal(len(classes), ratio))
    loaded = load(spec)
    try:
        return Similarity(tuple(classes), loaded.over(classes))
    except ConfigError as error:
        raise ConfigError(f"The similarity {spec!r} does not fit: {error}") from None


def text_of(spec: str, classes: Sequence[str]) -> str | None:
    """Return the result of `find` as CSV text, for a queued run; None for the tree's own."""
    found = find(spec, classes)
    return None if found is None else formats.render(found)


def with_matrix(options: Mapping[str, object], classes: Sequence[str]) -> dict[str, object]:
    """Replace the name of a similarity in a loss's options by its matrix over the classes, for `hierapp.losses.judge`.

    Other options are not changed.

    Raises:
        ConfigError: if there is no such similarity, it is damaged, or its classes are different.
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
    """Return the user's own similarity of exactly this name, or None."""
    return _entry(_FILES.own_file(name), shipped=False) if NAME.fullmatch(name) else None


def stem_of(name: str) -> str:
    """Return the file name, without suffix, for a similarity of this name."""
    return _FILES.stem_of(name)


def _entry(path: Path, shipped: bool) -> SimilarityEntry | None:
    if not NAME.fullmatch(path.stem):
        return None
    try:
        with open_file(path) as file:
            start = file.read(_ABOUT).decode("utf-8-sig", "replace")
    except OSError:
        return None
    about = formats.about(start)
    title, data, owner = about.get("title") or path.stem, about.get("data") or None, about.get("owner") or None
    return SimilarityEntry(path.stem, title, about.get("description", ""), data, path, shipped, owner)


def _body(file: Path) -> str:
    """Return the file without its description, as `render` writes it; an empty string if it is damaged."""
    try:
        return formats.render(formats.parse_bytes(_read(file), file.name)[0])
    except (ConfigError, StoreError):
        return ""


def _read(file: Path) -> bytes:
    try:
        with open_file(file) as opened:
            return opened.read(formats.LARGEST_FILE + 1)
    except OSError as error:
        raise StoreError(f"The similarity {file} cannot be read ({error.strerror}); make it readable.") from None


_FILES = NamedFileStore("similarity", ".csv", 50, paths.shipped_similarities, own_folder, _entry, RESERVED)
