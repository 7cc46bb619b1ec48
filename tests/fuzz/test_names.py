"""Hostile names for everything that has one: kept, found again or refused in one sentence, and never a file outside."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from hierapp.data import registry as datasets
from hierapp.data.imports import finalize, job as import_job
from hierapp.errors import HierappError
from hierapp.lab import saved_views, trees as lab_trees, views
from hierapp.runs import Store, notes, selectors, tags
from hierapp.search import journal
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import ordinal
from hierapp.training import models
from hierapp.trees import LabelTree, library as tree_library
from hierapp.trees.drafts import Draft
from tests.finished_runs import add_finished
from tests.fuzz.values import name
from tests.fuzz.watch import Watch

NAMES = 870
TREE = LabelTree.from_edges([("root", "a"), ("root", "b")])
MATRIX = Similarity(("a", "b"), ordinal(2, 0.5))
NONE = object()  # refused


@pytest.mark.parametrize("count", [25, pytest.param(NAMES, marks=pytest.mark.fuzz)])
def test_hostile_names_are_kept_or_refused(count, watch: Watch):
    store, generator, done = Store(), Random(22), 0
    run = add_finished(store, with_outputs=False)
    seen = set()
    while done < count:
        given = name(generator)
        if given in seen:
            continue
        seen.add(given)
        done += 1
        kept = told(watch, tree_library.keep, TREE, given, given, given, given, given)
        if kept is not NONE:
            assert tree_library.load(kept.name) == TREE
            assert tree_library.own(kept.name).name == kept.name
            assert told(watch, tree_library.delete, kept.name) is not NONE
        told(watch, tree_library.save, TREE, given, title=given)
        matrix = told(watch, similarity_library.keep, MATRIX, given, given, given, given, given)
        if matrix is not NONE:
            assert similarity_library.load(matrix.name).classes == ("a", "b")
        view = told(watch, saved_views.keep, views.start(), given)
        if view is not NONE:
            assert saved_views.load(view.name).example == views.start().example
        draft = told(watch, Draft.begin, TREE, given, given)
        if draft is not NONE:
            assert Draft.load(draft.id).tree == TREE
        for find in (
            *(tree_library.has, tree_library.own, tree_library.versions, tree_library.delete, lab_trees.named),
            *(similarity_library.load, similarity_library.own, similarity_library.delete, saved_views.load, Draft.load),
            *(datasets.find, finalize.free_name, import_job.status, import_job.discard, models.find, models.require),
            *(lambda each: notes.put(store, run, each), lambda each: tags.put(store, run, each.split())),
            *(lambda each: journal.find(store, each), lambda each: selectors.chosen(store, [each]), store.run),
        ):
            told(watch, find, given)
    print(f"names: {done}")


def told(watch: Watch, call: Callable[..., object], *arguments: object, **named: object) -> object:
    """Return the result, or NONE if it is refused in one sentence."""
    with watch.call((call, arguments)):
        try:
            return call(*arguments, **named)
        except HierappError as error:
            said = str(error)
    assert "\n" not in said, (call, arguments)
    return NONE
