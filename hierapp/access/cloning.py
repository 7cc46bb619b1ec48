"""The configuration of a run, for the form: with names under which its own tree and similarity are found today."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, DatasetError, HierappError, TreeError
from hierapp.runs import Run
from hierapp.similarities import Similarity, formats as similarity_formats, library as similarity_library
from hierapp.similarities.library import SimilarityEntry
from hierapp.similarities.spec import TREE, canonical, ratio_of
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, library as tree_library
from hierapp.trees.library import TreeEntry

KeepTree = Callable[[LabelTree, str, str, str], TreeEntry]  # given tree, name, title and data set
KeepSimilarity = Callable[[Similarity, str, str, str], SimilarityEntry]


@dataclass(frozen=True)
class Clone:
    """A configuration that trains what a run was trained with, and a sentence for each thing that differs from it."""

    config: RunConfig
    notes: tuple[str, ...]


def clone(run: Run, keep_tree: KeepTree, keep_similarity: KeepSimilarity) -> Clone:
    """Return the configuration of a run; its tree and similarity are saved again if today's of that name are others.

    Args:
        run: the run.
        keep_tree, keep_similarity: save one under a name or, if another one has it, under a name with a number.

    Raises:
        ConfigError: if the run was not trained here.
        HierappError: if the tree or the similarity must be saved and cannot be.
    """
    if run.is_imported:
        raise ConfigError(f"Run {run.id} is predictions that were made elsewhere; there is nothing to train again.")
    config, notes = run.config, list[str]()
    tree = _tree_name(run)
    if tree is None:
        tree = keep_tree(run.tree, Path(config.tree).stem, f"Tree of run {run.id}", config.data).name
        notes.append(
            f"The tree {config.tree!r} is missing or was changed since run {run.id}; that of the run is saved as"
            f" {tree!r}."
        )
    options = dict(config.options)
    if _has_other_similarity(run):
        assert run.similarity_text is not None
        spec, own = str(options["similarity"]), similarity_formats.parse(run.similarity_text)
        options["similarity"] = keep_similarity(own, spec, f"Similarity of run {run.id}", config.data).name
        notes.append(
            f"The similarity {spec!r} is missing or was changed since run {run.id}; that of the run is saved as"
            f" {options['similarity']!r}."
        )
    return Clone(config.model_copy(update={"tree": tree, "options": options}), (*notes, *_about_data(run)))


def _tree_name(run: Run) -> str | None:
    """Return a name under which the form offers the tree of the run, by preference the run's; None if there is none."""
    data = run.config.data
    names = [entry.name for entry in tree_library.entries(data)]
    with suppress(DatasetError):  # `_about_data` says so
        names.append(datasets.find(data).default_tree)
    for name in sorted(names, key=lambda name: name != run.config.tree):
        try:
            if tree_library.load(name) == run.tree:
                return name
        except TreeError:
            continue
    return None


def _has_other_similarity(run: Run) -> bool:
    spec = canonical(run.config.options.get("similarity", TREE))
    if run.similarity_text is None or spec == TREE or ratio_of(spec) is not None:
        return False
    own = similarity_formats.parse(run.similarity_text)
    try:
        return similarity_library.text_of(spec, own.classes) != run.similarity_text
    except ConfigError:
        return True


def _about_data(run: Run) -> list[str]:
    name = run.config.data
    try:
        if not run.content.differ(datasets.content_hashes(name)):
            return []
        return [f"The data set {name!r} has other content than when run {run.id} was queued."]
    except HierappError as error:
        return [f"The data set {name!r} of run {run.id} cannot be used: {error}"]
