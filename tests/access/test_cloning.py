"""Clone a run whose tree, similarity or data set may have been replaced since."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.access import Actions, Person, Role
from hierapp.access.roles import LOCAL
from hierapp.data.content import ContentHashes
from hierapp.errors import AccessError
from hierapp.runs import Store
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

CLASSES = tree_library.load("digits").leaves
OWN, OTHER = (LabelTree.from_edges([(root, name) for name in CLASSES]) for root in ("digit", "number"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return Store()


def queued(store: Store, tree: str, content: LabelTree, similarity: Similarity | None = None, **values: object) -> str:
    config = RunConfig.make(**{"data": "digits", "tree": tree, "loss": "simloss", **values})
    text = None if similarity is None else similarity_library.text_of(config.options["similarity"], CLASSES)
    (run,) = store.add([config], content, similarities=[text])
    return run


def own_trees() -> dict[str, LabelTree]:
    return {entry.name: tree_library.load(entry.name) for entry in tree_library.entries() if not entry.shipped}


def test_a_run_whose_tree_and_similarity_are_as_they_were_is_cloned_as_it_is(store):
    run = queued(store, "digits", tree_library.load("digits"), options={"similarity": "ordinal:0.5"})
    clone = Actions(store, LOCAL).clone(run)
    assert (clone.config, clone.notes) == (store.run(run).config, ())
    assert own_trees() == {}


@pytest.mark.parametrize("later", ["replaced", "deleted"])
def test_a_tree_that_is_gone_is_saved_again_once(later, store):
    tree_library.save(OWN, "mine", data="digits")
    run = queued(store, "mine", OWN)
    if later == "replaced":
        tree_library.save(OTHER, "mine", data="digits")
    else:
        tree_library.delete("mine")
    clones = [Actions(store, LOCAL).clone(run) for _ in range(2)]
    name = "mine-2" if later == "replaced" else "mine"
    assert [clone.config.tree for clone in clones] == [name, name]
    assert "'mine' is missing or was changed" in clones[0].notes[0]
    assert own_trees() == {"mine": OTHER, "mine-2": OWN} if later == "replaced" else {"mine": OWN}


def test_a_tree_of_a_file_is_found_by_its_content_or_saved(store, tmp_path):
    OWN.save(tmp_path / "file.json")
    run = queued(store, str(tmp_path / "file.json"), OWN)
    assert Actions(store, LOCAL).clone(run).config.tree == "file"
    tree_library.delete("file")
    tree_library.save(OWN, "other name", data="digits")
    clone = Actions(store, LOCAL).clone(run)
    assert (clone.config.tree, clone.notes) == ("other-name", ())


def test_a_similarity_that_is_gone_is_saved_again(store):
    own, other = (Similarity.of(CLASSES, np.eye(10) + credit * (1 - np.eye(10))) for credit in (0.2, 0.3))
    similarity_library.keep(own, "mine", data="digits")
    run = queued(store, "digits", tree_library.load("digits"), own, options={"similarity": "mine"})
    assert Actions(store, LOCAL).clone(run).notes == ()
    similarity_library.delete("mine")
    similarity_library.keep(other, "mine", data="digits")
    clone = Actions(store, LOCAL).clone(run)
    assert clone.config.options["similarity"] == "mine-2"
    assert np.array_equal(similarity_library.load("mine-2").matrix, own.matrix)
    assert "'mine' is missing or was changed" in clone.notes[0]


def test_a_data_set_of_other_content_and_one_that_is_gone_are_told(store):
    config = RunConfig.make(data="digits", tree="digits", loss="hxe")
    tree = tree_library.load("digits")
    (run,) = store.add([config], tree, contents={"digits": ContentHashes("x", "y")})
    assert "'digits' has other content" in Actions(store, LOCAL).clone(run).notes[0]
    with store.database.write() as db:
        db.execute("UPDATE runs SET config = replace(config, '\"digits\"', '\"gone\"')")
    assert any("'gone'" in note for note in Actions(store, LOCAL).clone(run).notes)


def test_a_viewer_clones_nothing(store):
    run = queued(store, "mine", OWN)
    with pytest.raises(AccessError):
        Actions(store, Person("vic@x.edu", Role.VIEWER)).clone(run)
    assert own_trees() == {}
