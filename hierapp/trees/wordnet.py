"""Read the nouns of a WordNet dictionary: `index.noun` and `data.noun`, as Debian's `wordnet-base` installs them.

Format: wndb(5WN) of WordNet 3.0. Own code, because nltk's reader brings the whole of nltk for these two files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hierapp.errors import TreeError

FILES = ("index.noun", "data.noun")
# Of plurals, as in morphy(7WN).
_SUFFIXES = {"s": "", "ses": "s", "xes": "x", "zes": "z", "ches": "ch", "shes": "sh", "men": "man", "ies": "y"}
_HYPERNYMS = ("@", "@i")  # kinds and instances


@dataclass(frozen=True)
class Synset:
    """A meaning.

    Attributes:
        offset: its place in `data.noun`.
        words: its words, the most usual one first.
        above: the places of what it is a kind or an instance of, the main one first.
        gloss: its definition.
    """

    offset: int
    words: tuple[str, ...]
    above: tuple[int, ...]
    gloss: str


@dataclass(frozen=True)
class Sense:
    """A meaning that a class may have.

    Attributes:
        name: the word and the number of its meaning, such as "cat.n.01", as in nltk.
        synset: the meaning.
    """

    name: str
    synset: Synset


class WordNet:
    """The nouns of a dictionary folder.

    Raises:
        TreeError: if the folder has no dictionary; and from every method, if a file is not in WordNet's format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not all((folder / name).is_file() for name in FILES):
            raise TreeError(f"The folder {folder} has no WordNet dictionary; expected the files {' and '.join(FILES)}.")
        self._known: dict[int, Synset] = {}

    def senses(self, name: str) -> list[Sense]:
        """Return the meanings of a class name, the most frequent one first; empty if WordNet has none.

        Underscores are spaces, plurals are looked up as singulars, and of an unknown compound the last words count.
        """
        for words in _shorter(name):
            if words in self._index:
                return [Sense(f"{words}.n.{n:02d}", self.synset(at)) for n, at in enumerate(self._index[words], 1)]
        return []

    def sense(self, name: str) -> Sense:
        """Return the meaning of this name, such as "cat.n.01".

        Raises:
            TreeError: if there is none.
        """
        word, _, number = name.strip().partition(".n.")
        found = self._index.get(_key(word), [])
        if not number.isdecimal() or not 1 <= int(number) <= len(found):
            known = f"{_key(word)}.n.01 to {_key(word)}.n.{len(found):02d}" if found else "none of this word"
            raise TreeError(f"WordNet has no noun {name[:60]!r}; it has {known}.")
        return Sense(f"{_key(word)}.n.{int(number):02d}", self.synset(found[int(number) - 1]))

    def path(self, synset: Synset) -> list[Synset]:
        """Return the synsets from the most general one to this one, along the main hypernyms."""
        found = [synset]
        while found[-1].above:
            found.append(self.synset(found[-1].above[0]))
            if len(found) > 100:
                raise self._broken("data.noun")
        return found[::-1]

    def synset(self, offset: int) -> Synset:
        """Return the synset at a place of `data.noun`."""
        if offset not in self._known:
            end = self._data.find(b"\n", offset)
            try:
                self._known[offset] = _synset(self._data[offset:end].decode("utf-8"), offset)
            except (ValueError, IndexError):
                raise self._broken("data.noun") from None
        return self._known[offset]

    @cached_property
    def _data(self) -> bytes:
        return (self.folder / "data.noun").read_bytes()

    @cached_property
    def _index(self) -> dict[str, list[int]]:
        found = {}
        try:
            for line in (self.folder / "index.noun").read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith(" "):  # the license
                    cells = line.split()
                    found[cells[0]] = [int(each) for each in cells[-int(cells[2]) :]]
        except (ValueError, IndexError):
            raise self._broken("index.noun") from None
        return found

    def _broken(self, file: str) -> TreeError:
        return TreeError(f"The file {self.folder / file} is not in WordNet's format; get the dictionary again.")


def _synset(line: str, offset: int) -> Synset:
    """Parse `offset lex_file type w_cnt (word lex_id)... p_cnt (pointer offset pos from/to)... | gloss`."""
    fields, _, gloss = line.partition("|")
    cells = fields.split()
    if int(cells[0]) != offset:
        raise ValueError(line)
    words = int(cells[3], 16)
    after = 4 + 2 * words
    pointers = [cells[start : start + 4] for start in range(after + 1, after + 1 + 4 * int(cells[after]), 4)]
    above = [int(place) for kind, place, pos, _ in pointers if kind in _HYPERNYMS and pos == "n"]
    return Synset(offset, tuple(cells[4:after:2]), tuple(above), gloss.strip())


def _shorter(name: str) -> Iterator[str]:
    """Yield the names to look up: the whole name, then without its first words, each as it is and in the singular."""
    words = _key(name).split("_")
    for start in range(len(words)):
        whole = "_".join(words[start:])
        yield whole
        for suffix, instead in _SUFFIXES.items():
            if whole.endswith(suffix) and len(whole) > len(suffix) + 1:
                yield whole.removesuffix(suffix) + instead


def _key(name: str) -> str:
    return "_".join(name.replace("_", " ").replace("-", " ").lower().split())
