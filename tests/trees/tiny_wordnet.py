"""A dictionary in WordNet's format with a dozen nouns, two of them with several senses."""

from __future__ import annotations

from pathlib import Path

# word, what it is a kind of, gloss; words with a space are compounds, several words are synonyms.
SYNSETS = [
    ("entity", None, "that which exists"),
    ("animal", 0, "a living organism"),
    ("carnivore", 1, "a flesh-eating mammal"),
    ("cat, true_cat", 2, "a feline mammal"),
    ("dog", 2, "a member of the genus Canis"),
    ("artifact", 0, "a man-made object"),
    ("vehicle", 5, "a conveyance"),
    ("car, auto", 6, "a motor vehicle"),
    ("truck", 6, "a vehicle for hauling"),
    ("person", 0, "a human being"),
    ("cat", 9, "a spiteful woman"),
    ("crane", 5, "lifts heavy objects"),
    ("bird", 1, "has feathers"),
    ("crane", 12, "a large wading bird"),
    ("poodle", 4, "a dog with curly hair"),
]
LICENSE = "  1 This software and database is made up.  \n"


def write(folder: Path) -> Path:
    """Write index.noun and data.noun; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(each, 0, 0) for each in range(len(SYNSETS))]
    places, at = [], len(LICENSE)
    for line in lines:
        places.append(at)
        at += len(line)
    data = "".join(
        _line(each, places[each], 0 if SYNSETS[each][1] is None else places[SYNSETS[each][1]])
        for each in range(len(SYNSETS))
    )
    (folder / "data.noun").write_text(LICENSE + data, encoding="utf-8")
    of_word: dict[str, list[int]] = {}
    for each, (words, _, _) in enumerate(SYNSETS):
        for word in words.split(", "):
            of_word.setdefault(word, []).append(places[each])
    index = "".join(
        f"{word} n {len(of)} 1 @ {len(of)} 0 {' '.join(f'{place:08d}' for place in of)}  \n"
        for word, of in sorted(of_word.items())
    )
    (folder / "index.noun").write_text(LICENSE + index, encoding="utf-8")
    return folder


def _line(number: int, place: int, above: int) -> str:
    words, parent, gloss = SYNSETS[number]
    written = words.split(", ")
    pointers = "000" if parent is None else f"001 @ {above:08d} n 0000"
    said = " ".join(f"{word} 0" for word in written)
    return f"{place:08d} 03 n {len(written):02x} {said} {pointers} | {gloss}  \n"
