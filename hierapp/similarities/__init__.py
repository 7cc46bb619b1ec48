"""Matrices of the similarity of classes: create, read, save, summarize."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.similarities.similarity import Similarity
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"similarity": ["Similarity"]})

__all__ = ["Similarity", "embeddings", "formats", "library", "similarity", "spec", "summary"]
