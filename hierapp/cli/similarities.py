"""The command `similarity`: list, show, save and delete similarities, or compute one from class names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hierapp.data import registry as datasets
from hierapp.errors import ConfigError
from hierapp.similarities import (
    Similarity,
    embeddings,
    formats as similarity_formats,
    library as similarity_library,
    summary as similarity_summary,
)
from hierapp.utils import files
from hierapp.utils.reading import open_file

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    group = command(commands, "similarity").add_subparsers(required=True)
    command(group, "list", list_all, "list the shipped and the saved similarities", with_json=True)
    show = command(group, "show", show_one, "describe a similarity", with_json=True)
    show.add_argument("name", metavar="NAME")
    keep = command(group, "keep", keep_file, "check a CSV file and save it under a name")
    keep.add_argument("file", metavar="FILE.csv")
    keep.add_argument("--name", help="by default that of the file")
    keep.add_argument("--data", help="check the classes against those of this data set")
    command(group, "delete", delete_one, "delete a saved similarity; runs that used it keep it").add_argument("name")
    embed = command(
        group, "embed", embed_names, "compute a similarity from the class names of a data set with a language model"
    )
    embed.add_argument("--data", required=True, help=f"the data set: {', '.join(datasets.catalogue())}")
    embed.add_argument("--model", default=embeddings.PACKAGED, help="sentence-transformers model")
    embed.add_argument("--prompt", default=embeddings.PLAIN, help="text, with {} in place of the class name")
    embed.add_argument("-o", "--out", metavar="FILE.csv", help="write to a file; by default it is saved under a name")


def list_all(options: argparse.Namespace) -> int:
    entries = similarity_library.entries()
    if options.json:
        rows = [{"name": e.name, "title": e.title, "data": e.data, "shipped": e.shipped} for e in entries]
        print(json.dumps(rows))
    else:
        for entry in entries:
            print(f"{entry.name:24} {entry.data or '':14} {entry.title}{'' if entry.shipped else ' (yours)'}")
    return DONE


def show_one(options: argparse.Namespace) -> int:
    found = similarity_library.load(options.name)
    facts = similarity_summary.of(found.matrix)
    pairs = similarity_summary.pairs(found.matrix, found.classes, 5)
    if options.json:
        shown = {"name": options.name, "classes": found.classes, "matrix": found.matrix.tolist()}
        print(json.dumps({**shown, **facts.as_dict()}))
        return DONE
    for name, value in facts.as_dict().items():
        print(f"{name:28} {value}")
    for pair in pairs:
        print(f"{pair.kind:28} {pair.first}, {pair.second}: {pair.similarity:.3f}")
    return DONE


def keep_file(options: argparse.Namespace) -> int:
    path = Path(options.file)
    found, about = read(path)
    data = options.data or about.get("data") or _data_of(found)
    if data:
        found.over(datasets.find(data).class_names)
    name = options.name or path.stem
    entry = similarity_library.keep(found, name, about.get("title", name), about.get("description", ""), data)
    print(f"{entry.name}: {len(found.classes)} classes; train with --option similarity={entry.name}")
    return DONE


def _data_of(found: Similarity) -> str | None:
    """Return the data set with exactly these classes, if there is one."""
    classes = set(found.classes)
    return next((name for name, entry in datasets.catalogue().items() if set(entry.class_names) == classes), None)


def delete_one(options: argparse.Namespace) -> int:
    similarity_library.delete(options.name)
    print(f"{options.name} is in the trash; restore it with `python -m hierapp restore similarity:{options.name}`")
    return DONE


def embed_names(options: argparse.Namespace) -> int:
    data = datasets.find(options.data)
    if options.out:
        files.refuse_existing(Path(options.out))
    found = embeddings.of_names(data.class_names, options.model, options.prompt)
    about = embeddings.about(options.data, data.title, options.model, options.prompt, options.out)
    if options.out:
        files.create(similarity_formats.render(found, about).encode(), Path(options.out))
        print(f"{options.out}: {len(found.classes)} classes")
        return DONE
    title, description = about.pop("title"), about.pop("description")
    entry = similarity_library.keep(found, f"{options.data}-names", title, description, options.data, more=about)
    print(f"{entry.name}: {len(found.classes)} classes; train with --option similarity={entry.name}")
    return DONE


def read(path: Path) -> tuple[Similarity, dict[str, str]]:
    """Read a similarity file with its metadata.

    Raises:
        ConfigError: if it does not exist, cannot be read, or is not a similarity.
    """
    try:
        with open_file(path) as file:
            data = file.read(similarity_formats.LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file {str(path)!r} cannot be read ({getattr(error, 'strerror', error)}).") from None
    return similarity_formats.parse_bytes(data, path.name)
