"""Saved views of the lab, including those too large for an address: files in HIERAPP_HOME/views, never overwritten."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.errors import HierappError, StoreError, one_line
from hierapp.lab import run_images, trees, views
from hierapp.lab.choices import EVERY_LOSS
from hierapp.lab.example import Example
from hierapp.lab.run_images import RunImage
from hierapp.lab.url_codec import checked_tree
from hierapp.lab.views import State
from hierapp.trees import LabelTree
from hierapp.trees.library import stem_of
from hierapp.utils import named_files
from hierapp.utils.reading import open_file

# Larger files are rejected.
LARGEST_FILE = 10_000_000


@dataclass(frozen=True)
class SavedView:
    """A saved view: its name, its title, and one sentence on why it cannot be opened, or None if it can."""

    name: str
    title: str
    problem: str | None = None


def folder() -> Path:
    """Return the folder of saved views."""
    return paths.home() / "views"


def keep(state: State, name: str, title: str = "") -> SavedView:
    """Save a state with its logits in full precision; if the name is taken, a number is appended.

    Saving an identical view again under the same name creates no second file.

    Raises:
        StoreError: if the folder cannot be written.
    """
    text = json.dumps(_as_dict(state, title or name), ensure_ascii=False, indent=1)
    content = text.encode("utf-8", "surrogatepass")
    stem = stem_of(name) if name.strip() else "view"
    with named_files.writing(folder(), "view"):
        file, _ = named_files.place(
            content, named_files.numbered(stem), _own_file, _file_of, lambda there: _bytes(there) == content
        )
    return SavedView(file.stem, title or name)


def load(name: str) -> State:
    """Load the state saved under this name.

    Raises:
        StoreError: if there is none, or its file is broken; a broken file is not modified.
    """
    file = _own_file(name)
    # os.path, because pathlib raises an error if the name is too long for a file.
    if Path(name).name != name or not os.path.isfile(file):  # noqa: PTH113
        raise StoreError(f"There is no saved view {one_line(name)[:60]!r} on this machine; copy the link again.")
    return _read(file)[0]


def entries() -> tuple[SavedView, ...]:
    """Return all saved views by name; broken ones have a `problem`."""
    found = []
    for file in sorted(folder().glob("*.json")):
        try:
            found.append(SavedView(file.stem, _read(file)[1]))
        except StoreError as error:
            found.append(SavedView(file.stem, file.stem, str(error)))
    return tuple(found)


def _own_file(name: str) -> Path:
    return folder() / f"{name}.json"


def _file_of(name: str) -> Path | None:
    return file if os.path.lexists(file := _own_file(name)) else None


def _as_dict(state: State, title: str) -> dict[str, Any]:
    # Losses, decoders, lesson and space as in an address; tree and logits in full.
    said = {key: value for key, value in views.to_params(state).items() if key in _SAID}
    said["loss"] = views.losses_text(state)  # also those shown first, which may change
    tree = state.example.tree
    return {
        "title": title,
        "tree": {"name": state.tree_name, "names": list(tree.nodes), "parents": tree.parents.tolist()},
        "true": state.example.target_name,
        "logits": list(state.example.logits),
        "second": None if state.second is None else list(state.second),
        "third": None if state.third is None else list(state.third),
        "params": said,
        "real": None if state.run_image is None else _named(state.run_image),
    }


def _named(said: RunImage) -> dict[str, Any]:
    pixel = {} if said.pixel is None else {"pixel": "{},{}".format(*said.pixel)}
    return {"run": said.run, "image": said.image, **pixel}


_SAID = ("lesson", "step", "space", "loss", "decoder")


def _read(file: Path) -> tuple[State, str]:
    def broken(why: str) -> StoreError:
        return StoreError(f"The saved view {one_line(file.stem)!r} is broken ({why}); it was left unchanged.")

    content = _bytes(file)
    if content is None:
        raise broken("it cannot be read or is too large")
    try:
        about = json.loads(content.decode("utf-8", "surrogatepass"))
        tree = checked_tree(about["tree"]["names"], about["tree"]["parents"])
        example = Example(tree, _numbers(about["logits"]), tree.leaves.index(about["true"]))
        points = [
            None if about[key] is None else replace(example, logits=_numbers(about[key])).logits
            for key in ("second", "third")
        ]
        opened = views.from_params({str(key): str(about["params"][key]) for key in about["params"] if key in _SAID})
        name, title = about["tree"]["name"], str(about["title"])
    except HierappError as error:
        raise broken(str(error).rstrip(".")) from None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise broken("it is not a view, or was truncated") from None
    if opened.complaints:
        raise broken(opened.complaints[0].rstrip("."))
    known = name if isinstance(name, str) and _is(name, tree) else None
    base = opened.state
    if not {"loss", "lesson"} & set(about["params"]):
        base = replace(base, losses=EVERY_LOSS)  # those that earlier versions showed first
    state = replace(
        base,
        example=example,
        tree_name=known,
        second=points[0],
        third=points[1],
        run_image=_image(about.get("real"), base),
    )
    return state, title


def _numbers(values: object) -> tuple[float, ...]:
    if not (isinstance(values, list) and all(isinstance(value, float | int) for value in values)):
        raise TypeError(values)
    return tuple(values)


def _image(named: object, base: State) -> RunImage | None:
    """Return the test image that a view started from, if still available; the view's numbers do not depend on it."""
    if base.story is not None or not isinstance(named, dict) or named.get("image") is None:
        return None
    try:
        pixel = named.get("pixel")
        return run_images.find(str(named.get("run")), str(named["image"]), None if pixel is None else str(pixel))
    except HierappError:
        return None


def _is(name: str, tree: LabelTree) -> bool:
    """Return whether a name still refers to this tree."""
    try:
        return trees.named(name) == tree
    except HierappError:
        return False


def _bytes(file: Path) -> bytes | None:
    try:
        with open_file(file) as source:
            content = source.read(LARGEST_FILE + 1)
    except OSError:
        return None
    return content if len(content) <= LARGEST_FILE else None
