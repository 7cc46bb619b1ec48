"""The names of the networks of timm, from its source: importing it takes seconds, and torch."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hierapp.errors import ConfigError, short, some

_REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)
_RENAMED = re.compile(r"^register_model_deprecations\(__name__, \{(.*?)\}\)", re.MULTILINE | re.DOTALL)
_OLD_NAME = re.compile(r"'(\w+)':")


@cache
def names() -> frozenset[str]:
    """Return the names that `timm.create_model` knows, without tags of weights; none if timm is not installed."""
    spec = find_spec("timm")
    folders = [] if spec is None else spec.submodule_search_locations or []
    texts = [file.read_text("utf-8") for folder in folders for file in Path(folder, "models").rglob("*.py")]
    registered = {name for text in texts for name in _REGISTERED.findall(text)}
    renamed = {name for text in texts for part in _RENAMED.findall(text) for name in _OLD_NAME.findall(part)}
    return frozenset(registered | renamed)


def check(name: str) -> None:
    """Check that timm has a network, "resnet18" or with a tag "resnet18.a1_in1k".

    Raises:
        ConfigError: if it has none; the message names similar ones.
    """
    base, known = name.partition(".")[0], names()
    if base in known or not known:
        return
    near = get_close_matches(base, sorted(known), 5, 0.5)
    raise ConfigError(
        f"The library timm has no network {short(name)}; choose another name"
        f"{f', such as {some(near)}' if near else ''}, without options."
    )
