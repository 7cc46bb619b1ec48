"""Trees, drafts, similarities, data sets and searches in the trash."""

import json

import pytest

from hierapp.access import trashed
from hierapp.cli.main import main
from hierapp.data import homes, registry as datasets
from hierapp.errors import DatasetError, StoreError
from hierapp.runs import Store, data_deletion, trash
from hierapp.search import journal
from hierapp.similarities import library as similarity_library
from hierapp.similarities.similarity import Similarity, ordinal
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft
from tests.own_data import own
from tests.search.conftest import begun


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    return Store()


def test_a_tree_is_deleted_restored_and_removed(store):
    tree = tree_library.load("digits")
    tree_library.keep(tree, "mine", title="My tree")
    (item,) = [trashed.delete(store, "tree:mine")]
    assert tree_library.own("mine") is None
    assert trashed.contents(store) == [item]
    trashed.restore(store, trashed.find(store, "tree:mine"))
    assert tree_library.own("mine").title == "My tree"
    trashed.delete(store, "tree:mine")
    assert [item.word for item in trashed.empty(store)] == ["tree:mine"]
    with pytest.raises(StoreError, match="tree:mine"):
        trashed.find(store, "tree:mine")


def test_a_name_that_is_taken_again_is_not_overwritten(store):
    tree_library.keep(tree_library.load("digits"), "mine")
    trashed.delete(store, "tree:mine")
    tree_library.keep(tree_library.load("cifar10"), "mine")
    with pytest.raises(StoreError, match="another tree 'mine'"):
        trashed.restore(store, trashed.find(store, "tree:mine"))
    assert len(tree_library.load("mine").leaves) == len(tree_library.load("cifar10").leaves)
    assert len(trashed.contents(store)) == 1


def test_a_draft_is_listed_deleted_and_restored_on_the_command_line(store, capsys):
    draft = Draft.begin(tree_library.load("digits"), "My drawing", "digits")
    assert main(["tree", "drafts", "--json"]) == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == [draft.id]
    assert main(["delete", f"draft:{draft.id}"]) == main(["trash"]) == 0
    assert "My drawing" in capsys.readouterr().out
    assert main(["tree", "drafts"]) == main(["restore", f"draft:{draft.id}"]) == 0
    assert "There are no drafts" in capsys.readouterr().out
    assert Draft.load(draft.id).tree == draft.tree
    assert main(["tree", "drafts"]) == 0
    assert "My drawing" in capsys.readouterr().out


def test_a_similarity_is_deleted_and_restored(store):
    kept = similarity_library.keep(Similarity(("a", "b", "c"), ordinal(3, 0.5)), "mine")
    content = kept.path.read_bytes()
    trashed.delete(store, "similarity:mine")
    assert similarity_library.own("mine") is None
    trashed.restore(store, trashed.find(store, "similarity:mine"))
    assert kept.path.read_bytes() == content


def test_what_others_own_stays(store):
    tree_library.keep(tree_library.load("digits"), "hers", owner="ada@x.edu")
    trashed.delete(store, "tree:hers")
    assert trashed.empty(store, lambda item: item.owner == "bob@x.edu") == []
    assert len(trashed.contents(store)) == 1


def test_a_data_set_comes_back_with_its_tree(store):
    before = own("mine", seed=0)
    arrays = [datasets.arrays("mine", part)[0].tolist() for part in ("train", "test")]
    item = trashed.delete(store, "data:mine")
    assert "mine" not in datasets.catalogue()
    assert tree_library.own(before.default_tree) is None
    trashed.restore(store, item)
    assert datasets.find("mine") == before
    assert tree_library.own(before.default_tree).data == "mine"
    assert [datasets.arrays("mine", part)[0].tolist() for part in ("train", "test")] == arrays
    assert trashed.contents(store) == []


def test_downloads_that_other_stores_use_are_not_deleted_without_saying_so(store, tmp_path):
    dataset = datasets.find("cifar10")
    (file, *_) = [tmp_path / "data" / each.path for each in dataset.files]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"downloaded")
    Store(tmp_path / "other").set_setting("some", "thing")
    homes.register(tmp_path / "other", tmp_path / "data")
    with pytest.raises(DatasetError, match=r"also used by the runs in .*other.*--shared"):
        trashed.delete(store, "data:cifar10")
    assert file.exists()
    assert data_deletion.sharing(own("mine", seed=0), store) is None
    assert trashed.delete(store, "data:cifar10", shared=True) is None
    assert not file.exists()


def test_a_search_comes_back_with_its_runs(store):
    search = begun(store)
    runs = store.add([made(seed) for seed in (0, 1)], tree_library.load("digits"), tags=[search.plan.tag])
    with pytest.raises(StoreError, match="stop it first"):
        trashed.delete(store, "search:lr")
    for run in runs:
        store.request_cancel(run)
    item = trashed.delete(store, "search:lr")
    assert journal.names(store) == []
    assert store.runs() == []
    trash.restore(store, runs[:1])
    trashed.restore(store, item)
    assert journal.find(store, "lr").plan == search.plan
    assert [run.id for run in store.runs()] == runs


def made(seed):
    return RunConfig.make(data="digits", tree="digits", loss="hierarchical", seed=seed)


def test_the_commands_take_runs_and_other_things(store, capsys):
    tree_library.keep(tree_library.load("digits"), "mine")
    (run,) = store.add([made(0)], tree_library.load("digits"))
    store.request_cancel(run)
    assert main(["delete", run, "tree:mine"]) == 0
    assert main(["trash"]) == 0
    assert "2 items are in the trash" in (said := capsys.readouterr().out)
    assert "tree:mine" in said
    assert main(["restore", "tree:mine", run]) == 0
    assert tree_library.own("mine")
    assert len(store.runs()) == 1
    assert main(["delete", "tree:mine"]) == 0
    assert main(["trash", "--empty"]) == 0
    assert trashed.contents(store) == []
    assert main(["restore", "tree:mine"]) == 2
    assert "no tree:mine in the trash" in capsys.readouterr().err
