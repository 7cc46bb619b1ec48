"""Logits and trees as short text for addresses: letters, digits, - and _, and ~ before a logit of large magnitude."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

from hierapp.errors import ConfigError, TreeError
from hierapp.lab.example import LIMIT, STEP, on_slider
from hierapp.trees import LabelTree

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_MIDDLE, _FAR_MIDDLE = 2000, 2**23  # the codes of logit 0
_LEFT = "__"  # an unchanged logit
_FAR = "~"
# Maximum unpacked size of a tree in an address; larger trees are stored as saved views.
MOST_BYTES = 100_000


def pack_logits(logits: Sequence[float], base: Sequence[float]) -> str:
    """Encode logits, two characters each (five if large), to the slider's step; logits equal to the base's stay exact.

    >>> pack_logits([0.0, 1.5, 2.0], [0.25, 1.5, 0.0])
    'fQ__iY'
    """
    return "".join(_LEFT if logit == was else _pack(logit) for logit, was in zip(logits, base, strict=True))


def unpack_logits(text: str, base: Sequence[float]) -> tuple[float, ...]:
    """Decode logits from text.

    Raises:
        ConfigError: unless the text encodes exactly one valid logit for each logit of the base.
    """
    found: list[float] = []
    at = 0
    while at < len(text) and len(found) < len(base):
        far = text[at] == _FAR
        code = text[at + 1 : at + 5] if far else text[at : at + 2]
        at += 5 if far else 2
        if len(code) != (4 if far else 2) or any(letter not in _ALPHABET for letter in code):
            raise ConfigError("The logits in the address cannot be read; copy the link again.")
        if code == _LEFT:
            found.append(base[len(found)])
            continue
        number = 0
        for letter in code:
            number = number * 64 + _ALPHABET.index(letter)
        found.append(on_slider((number - (_FAR_MIDDLE if far else _MIDDLE)) * STEP))
    if at < len(text) or len(found) != len(base) or not all(abs(logit) <= LIMIT for logit in found):
        raise ConfigError(
            f"The logits in the address do not fit the tree, which has {len(base)} nodes below its root; copy the link"
            " again."
        )
    return tuple(found)


def pack_tree(tree: LabelTree) -> str:
    """Encode the tree's names and parents as compressed text."""
    text = json.dumps([tree.nodes, tree.parents.tolist()], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode().rstrip("=")


def unpack_tree(text: str) -> LabelTree:
    """Decode a tree from text.

    Raises:
        TreeError: if the text is not a tree, or the tree is too large for an address.
    """
    broken = TreeError("The tree in the address is broken or truncated; copy the link again.")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(packed, MOST_BYTES)
        if not unpacker.eof:
            raise broken
        content = json.loads(raw.decode("utf-8", "surrogatepass"))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise broken from None
    if not (isinstance(content, list) and len(content) == 2):
        raise broken
    return checked_tree(content[0], content[1])


def checked_tree(names: object, parents: object) -> LabelTree:
    """Build a tree from values read as JSON.

    Raises:
        TreeError: if they are not a valid tree.
    """
    if (
        not (isinstance(names, list) and isinstance(parents, list) and len(names) == len(parents))
        or not all(isinstance(name, str) for name in names)
        or not all(type(above) is int and -1 <= above < len(names) for above in parents)
    ):
        raise TreeError("The tree of the view is broken; expected a list of names and a list of parents.")
    return LabelTree(names, parents)


def _pack(logit: float) -> str:
    steps = round(logit / STEP)
    near = 0 <= steps + _MIDDLE < 64**2 - 1
    number, letters = (steps + _MIDDLE, 2) if near else (steps + _FAR_MIDDLE, 4)
    code = "".join(_ALPHABET[number // 64**place % 64] for place in reversed(range(letters)))
    return code if near else _FAR + code
