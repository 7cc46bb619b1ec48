"""Who may change what: every action by every role, over real stores and folders."""

import functools
import io
import re
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree, execution
from hierapp.access import Actions, Limits, Person, Role, actions
from hierapp.access.roles import LOCAL
from hierapp.data import download, registry as datasets
from hierapp.data.imports import job as import_job
from hierapp.data.imports.options import Options
from hierapp.errors import AccessError, StoreError, TreeError
from hierapp.execution import slots
from hierapp.lab import saved_views, views
from hierapp.paths import data_folder, project_folder
from hierapp.runs import Store
from hierapp.runs.predictions import Request, Source, job as predictions_job
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import ordinal
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.utils import locks, processes
from tests.data.imports.conftest import classes, pack
from tests.imported import ANIMALS, npz, three
from tests.never_started import NeverStarted

TREE = tree_library.load("digits")
OTHER = tree_library.load("digits-flat")
PLACES = Similarity.of(tuple("0123456789"), ordinal(10, 0.5))
ADA, BOB = Person("ada@x.edu", Role.ADMIN), Person("bob@x.edu", Role.RUNNER)
EVE, NOBODY = Person("eve@x.edu", Role.RUNNER), Person("vic@x.edu", Role.VIEWER)
ANYONE = [ADA, BOB, EVE, NOBODY, LOCAL, Person(None, Role.VIEWER)]


def configs(count=1, epochs=3):
    return [RunConfig.make(data="digits", tree="digits", loss="simloss", seed=i, epochs=epochs) for i in range(count)]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **named: None)
    return Store(tmp_path / "home")


def refused(what, *arguments):
    with pytest.raises(AccessError) as error:
        what(*arguments)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


# Runs


def test_a_runner_deletes_restores_and_removes_their_own_runs_alone(store):
    bob, eve = Actions(store, BOB), Actions(store, EVE)
    (of_bob,), (of_eve,) = bob.launch(configs(), TREE), eve.launch(configs(), TREE)
    bob.cancel(of_bob)
    eve.cancel(of_eve)
    assert refused(eve.delete, [of_eve, of_bob]) == "Run 1 belongs to bob@x.edu; ask them or an admin to delete it."
    refused(Actions(store, NOBODY).delete, [of_bob])
    assert bob.delete([of_bob]) + eve.delete([of_eve]) == [of_bob, of_eve]
    assert "belongs to bob@x.edu" in refused(eve.restore, [of_bob])
    refused(Actions(store, NOBODY).restore, [of_bob])
    refused(Actions(store, NOBODY).empty_trash)
    assert eve.empty_trash() == [of_eve]
    assert bob.restore([of_bob]) == [of_bob]
    assert Actions(store, ADA).delete([of_bob]) == [of_bob]
    assert Actions(store, ADA).empty_trash() == [of_bob]


def test_imported_predictions_belong_to_the_runner_and_read_no_image_of_the_server(store, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "spawn", NeverStarted())

    def request(folder=None):
        return Request([Source("a.npz", io.BytesIO(npz(**three())), folder)], ANIMALS, "animals")

    token = Actions(store, BOB).import_predictions(request())
    assert "another user" in refused(Actions(store, EVE).predictions_import, token)
    refused(Actions(store, EVE).discard_predictions, token)
    refused(Actions(store, NOBODY).discard_predictions, token)
    processes.spawn.die()
    (run,) = predictions_job.work(store, token)
    assert store.run(run).owner == "bob@x.edu"
    assert Actions(store, BOB).predictions_import(token).runs == (run,)
    refused(Actions(store, NOBODY).import_predictions, request())
    refused(Actions(store, BOB).import_predictions, request(tmp_path))
    small = Actions(store, Person("bob@x.edu", Role.RUNNER, Limits(upload_mb=0.0001)))
    assert "at most 0.0001 MB" in refused(small.import_predictions, request())


@pytest.mark.parametrize("person", [ADA, BOB, LOCAL])
def test_a_run_belongs_to_whoever_started_it(person, store):
    (run,) = Actions(store, person).launch(configs(), TREE)
    assert store.run(run).owner == person.email


def test_a_viewer_starts_nothing(store):
    assert "may not start runs" in refused(Actions(store, NOBODY).launch, configs(), TREE)
    assert store.runs() == []


def test_a_runner_cancels_their_own_runs_alone(store):
    (of_bob,) = Actions(store, BOB).launch(configs(), TREE)
    assert refused(Actions(store, EVE).cancel, of_bob) == (
        "Run 1 belongs to bob@x.edu; ask them or an admin to cancel it."
    )
    refused(Actions(store, NOBODY).cancel, of_bob)
    assert store.run(of_bob).state == "queued"
    assert Actions(store, BOB).cancel(of_bob).state == "cancelled"


def test_runs_of_the_command_line_are_an_admins_to_cancel(store):
    (run,) = execution.submit(store, configs(), TREE)
    assert "belongs to the command line" in refused(Actions(store, BOB).cancel, run)
    assert Actions(store, ADA).cancel(run).state == "cancelled"


def test_a_run_of_code_of_ones_own_is_resumed_by_an_admin_alone(store):
    config = RunConfig.make(data="digits", tree="digits", loss="simloss", model="json:loads")
    (run,) = store.add([config], TREE, owner="bob@x.edu")  # as an admin, which bob was
    store.request_cancel(run)
    assert "may run custom code" in refused(Actions(store, BOB).resume, run)
    assert store.run(run).state == "cancelled"
    Actions(store, ADA).resume(run)
    assert store.run(run).state == "queued"


@pytest.mark.parametrize("what", ["cancel", "resume", "hold", "release", "move"])
@pytest.mark.parametrize("person", ANYONE)
def test_steering_asks_whose_the_run_is_and_reaches_the_store_only_then(what, person, store, monkeypatch):
    done = []
    method = "request_cancel" if what == "cancel" else what
    monkeypatch.setattr(Store, method, lambda self, *arguments: done.append(arguments))
    (run,) = store.add(configs(), TREE, owner="bob@x.edu")
    arguments = (run, "last") if what == "move" else (run,)
    if person in (ADA, BOB, LOCAL):
        getattr(Actions(store, person), what)(*arguments)
        # A run that is resumed reads the data folder of the process that resumes it.
        assert done == [(*arguments, data_folder()) if what == "resume" else arguments]
    else:
        refused(getattr(Actions(store, person), what), *arguments)
        assert done == []


def test_a_runner_tags_their_own_runs_alone(store):
    mine, other = (store.add(configs(), TREE, owner=owner)[0] for owner in ("bob@x.edu", "cy@x.edu"))
    Actions(store, BOB).tag(mine, ["paper"])
    assert "belongs to cy@x.edu" in refused(Actions(store, BOB).tag, other, ["paper"])
    assert [run.tags for run in store.runs([mine, other])] == [("paper",), ()]
    Actions(store, ADA).tag(other, ["paper"])
    assert store.run(other).tags == ("paper",)


def test_a_runner_writes_beside_their_own_runs_alone(store):
    mine, other = (store.add(configs(), TREE, owner=owner)[0] for owner in ("bob@x.edu", "cy@x.edu"))
    Actions(store, BOB).note(mine, "Mine.")
    said = refused(Actions(store, BOB).note, other, "Mine, too.")
    assert said == f"Run {other} belongs to cy@x.edu; ask them or an admin to write beside it."
    assert [run.own_note for run in store.runs([mine, other])] == ["Mine.", ""]
    for person in (EVE, NOBODY):
        refused(Actions(store, person).note, mine, "Hers.")
    Actions(store, ADA).note(other, "An admin's.")
    assert [run.own_note for run in store.runs([mine, other])] == ["Mine.", "An admin's."]


def test_a_run_that_is_not_there_is_told_as_such(store):
    with pytest.raises(StoreError, match="There is no run '77'"):
        Actions(store, BOB).cancel("77")
    with pytest.raises(StoreError, match="There is no run"):
        Actions(store, BOB).cancel("1 OR 1=1")


def test_a_runner_lets_others_pass_and_does_not_pass_them(store, monkeypatch):
    moved = []
    monkeypatch.setattr(Store, "move", lambda self, run, where: moved.append(where))
    (run,) = Actions(store, BOB).launch(configs(), TREE)
    for where in ("first", "earlier"):
        assert "may put runs before" in refused(Actions(store, BOB).move, run, where)
    for where in ("later", "last"):
        Actions(store, BOB).move(run, where)
    Actions(store, ADA).move(run, "first")
    assert moved == ["later", "last", "first"]


def test_a_priority_above_the_others_is_an_admins(store):
    refused(Actions(store, BOB).launch, configs(), TREE, 1)
    Actions(store, BOB).launch(configs(), TREE, -1)
    Actions(store, ADA).launch(configs(), TREE, 1)
    assert [run.priority for run in store.runs()] == [-1, 1]


@pytest.mark.parametrize("person", ANYONE)
def test_the_queue_is_an_admins(person, store):
    if person.role == Role.ADMIN:
        Actions(store, person).set_slots("cpu", 3)
        assert slots.slots(store, "cpu") == 3
    else:
        refused(Actions(store, person).set_slots, "cpu", 3)
        assert slots.slots(store, "cpu") == 1


# Limits


def limited(**limits):
    return Person("bob@x.edu", Role.RUNNER, Limits(**limits))


def test_a_run_of_too_many_epochs_is_refused_with_all_that_came_with_it(store):
    bob = Actions(store, limited(epochs=50))
    assert "50 epochs here, but 51" in refused(bob.launch, configs(2, 50) + configs(1, 51), TREE)
    assert store.runs() == []
    assert len(bob.launch(configs(2, 50), TREE)) == 2


def test_runs_above_the_limit_are_refused_until_some_have_ended(store):
    bob = Actions(store, limited(waiting=3))
    Actions(store, EVE).launch(configs(5), TREE)  # do not count
    bob.launch(configs(2), TREE)
    assert "3 runs waiting or running; 2 are, and 2 more" in refused(bob.launch, configs(2), TREE)
    bob.cancel("6")
    bob.launch(configs(2), TREE)
    assert len([run for run in store.runs() if run.owner == "bob@x.edu" and run.is_open]) == 3


def test_a_run_that_is_resumed_counts_and_keeps_to_the_limits(store, monkeypatch):
    resumed = []
    monkeypatch.setattr(Store, "resume", lambda self, run, data: resumed.append(run))
    (ended,) = Actions(store, BOB).launch(configs(epochs=9), TREE)
    Actions(store, BOB).cancel(ended)
    refused(Actions(store, limited(epochs=8)).resume, ended)
    Actions(store, BOB).launch(configs(), TREE)
    refused(Actions(store, limited(waiting=1)).resume, ended)
    assert resumed == []
    Actions(store, limited(waiting=2, epochs=9)).resume(ended)
    assert resumed == [ended]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 5), max_size=6), st.integers(1, 8))
def test_whatever_is_asked_for_no_more_runs_are_open_than_the_limit(asked, most):
    class Queue:
        """A store that only counts."""

        open_runs = 0

        def runs(self, ids=None, states=None):
            return [type("R", (), {"owner": "bob@x.edu"})] * self.open_runs

    queue = Queue()

    def submit(store, wanted, tree, owner=None, priority=0):
        queue.open_runs += len(wanted)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "submit", submit)
        for count in asked:
            fits = queue.open_runs + count <= most
            try:
                Actions(queue, limited(waiting=most)).launch(configs(count), TREE)
            except AccessError:
                assert not fits
            else:
                assert fits
    assert queue.open_runs <= most


def test_two_clicks_at_once_do_not_pass_the_limit_together(store, monkeypatch):
    real, at_door = execution.submit, threading.Barrier(2)

    @functools.wraps(real)
    def slow(*arguments, **named):
        with pytest.raises(threading.BrokenBarrierError):  # the other is not let in meanwhile
            at_door.wait(0.3)
        return real(*arguments, **named)

    monkeypatch.setattr(execution, "submit", slow)
    errors = []

    def click():
        try:
            Actions(store, limited(waiting=1)).launch(configs(), TREE)
        except AccessError as error:
            errors.append(error)

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.runs()) == 1
    assert len(errors) == 1


def test_an_upload_is_checked_by_its_size(store):
    Actions(store, limited(upload_mb=0.5)).check_upload(500_000)
    too_large = refused(Actions(store, limited(upload_mb=0.5)).check_upload, 900_000)
    assert "has 0.90 MB, and at most 0.5 MB" in too_large
    refused(Actions(store, NOBODY).check_upload, 1)
    Actions(store, LOCAL).check_upload(10**12)


# Trees, drafts, data sets


def test_a_runner_replaces_and_deletes_their_own_trees_alone(store):
    bob, eve, ada = (Actions(store, person) for person in (BOB, EVE, ADA))
    assert bob.save_tree(TREE, "mine").owner == "bob@x.edu"
    assert eve.save_tree(OTHER, "mine").name == "mine-2"
    assert tree_library.load("mine") == TREE
    refused(eve.delete_tree, "mine")
    assert bob.save_tree(OTHER, "mine").name == "mine"
    assert tree_library.load("mine") == OTHER
    assert ada.save_tree(TREE, "mine").owner == "bob@x.edu"
    bob.delete_tree("mine")
    ada.delete_tree("mine-2")
    assert [entry for entry in tree_library.entries() if not entry.shipped] == []
    with pytest.raises(TreeError, match="There is no tree"):
        ada.delete_tree("mine")


def test_a_similarity_is_its_keepers_and_an_admins(store):
    ada, bob, eve = (Actions(store, person) for person in (ADA, BOB, EVE))
    assert bob.keep_similarity(PLACES, "mine", data="digits").owner == "bob@x.edu"
    refused(eve.delete_similarity, "mine")
    refused(eve.delete_similarity, "nobody-s")
    bob.delete_similarity("mine")
    bob.keep_similarity(PLACES, "mine")
    ada.delete_similarity("mine")
    assert [entry for entry in similarity_library.entries() if not entry.shipped] == []


@pytest.mark.parametrize(
    ("library", "delete"), [(tree_library, "delete_tree"), (similarity_library, "delete_similarity")]
)
def test_what_another_keeps_under_a_name_just_before_it_is_deleted_stays(library, delete, store, monkeypatch):
    kept = {tree_library: TREE, similarity_library: PLACES}[library]
    library.keep(kept, "mine", owner=BOB.email)

    @contextmanager
    def after_another(file):
        library.own("mine").path.unlink()
        library.keep(kept, "mine", owner=EVE.email)
        yield

    monkeypatch.setattr(locks, "holding", after_another)
    refused(getattr(Actions(store, BOB), delete), "mine")
    assert library.own("mine").owner == EVE.email


def test_a_tree_without_an_owner_is_an_admins(store):
    tree_library.save(TREE, "old one")
    refused(Actions(store, BOB).delete_tree, "old-one")
    assert Actions(store, BOB).save_tree(OTHER, "old one").name == "old-one-2"
    Actions(store, LOCAL).delete_tree("old-one")


@pytest.mark.parametrize("name", ["../store", "cifar10", "a/b", ""])
def test_a_name_that_is_no_tree_of_ones_own_deletes_nothing(name, store):
    refused(Actions(store, BOB).delete_tree, name)


def test_a_tree_whose_file_has_another_name_than_a_saved_one_would_is_still_its_owners(store):
    folder = tree_library.own_folder()
    folder.mkdir(parents=True)
    (folder / "by.hand.json").write_text('{"name": "r", "owner": "bob@x.edu", "children": [{"name": "a"}]}')
    refused(Actions(store, EVE).delete_tree, "by.hand")
    Actions(store, BOB).delete_tree("by.hand")


def test_viewers_keep_draw_and_get_nothing(store, monkeypatch):
    begun = []
    monkeypatch.setattr(download, "start", begun.append)
    vic, bob = Actions(store, NOBODY), Actions(store, BOB)
    draft = bob.begin_draft(TREE, "A draft", "digits")
    edits = [{"id": 1, "op": "rename", "node": TREE.nodes[0], "name": "other"}]
    for what, *arguments in (
        (vic.keep_tree, TREE, "mine"),
        (vic.save_tree, TREE, "mine"),
        (vic.delete_tree, "mine"),
        (vic.keep_similarity, PLACES, "mine"),
        (vic.keep_names, "digits"),
        (vic.delete_similarity, "mine"),
        (vic.begin_draft, TREE, "A draft"),
        (vic.edit_draft, draft, edits),
        (vic.save_view, views.start(), "mine"),
        (vic.get_data, "cifar10"),
    ):
        refused(what, *arguments)
    assert begun == []
    assert not saved_views.folder().exists()
    assert Draft.load(draft.id).tree == TREE
    assert not tree_library.own_folder().exists()
    assert not similarity_library.own_folder().exists()
    bob.get_data("cifar10")
    assert bob.save_view(views.start(), "mine").name == "mine"
    bob.edit_draft(draft, edits)
    assert begun == ["cifar10"]
    assert Draft.load(draft.id).tree.nodes[0] == "other"


def test_a_tree_says_who_keeps_it_and_is_read_as_before(store):
    entry = Actions(store, BOB).keep_tree(LabelTree.from_edges([("r", "a"), ("r", "b")]), "t", "A title")
    (found,) = [each for each in tree_library.entries() if not each.shipped]
    assert found == entry
    assert (found.owner, found.title) == ("bob@x.edu", "A title")
    assert tree_library.load("t").leaves == ("a", "b")


# Own data sets


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """An archive; and imports are read at once, not by another process."""
    monkeypatch.delenv("HIERAPP_DATA", raising=False)
    monkeypatch.setattr(import_job, "start", import_job.work)
    return pack(tmp_path / "lot.zip", classes(5))


def test_a_viewer_brings_no_pictures_and_a_runner_reads_no_folder_of_the_server(store, pictures):
    upload = pictures.read_bytes()
    refused(Actions(store, NOBODY).import_upload, upload, "lot.zip", Options())
    refused(Actions(store, limited(upload_mb=0.001)).import_upload, upload, "lot.zip", Options())
    for person in (NOBODY, BOB):
        assert "may read folders" in refused(Actions(store, person).import_path, str(pictures), Options())
    assert not (store.folder / "data" / "own").exists()
    for person in (ADA, LOCAL):
        assert import_job.status(Actions(store, person).import_path(str(pictures), Options())).state == "ready"


def test_an_import_belongs_to_whoever_began_it(store, pictures):
    token = Actions(store, BOB).import_upload(pictures.read_bytes(), "lot.zip", Options())
    for what in (lambda who: (who.keep_data, token, "lot"), lambda who: (who.discard_import, token)):
        for person in (EVE, NOBODY):
            refused(*what(Actions(store, person)))
    assert Actions(store, BOB).keep_data(token, "lot").owner == "bob@x.edu"
    assert tree_library.own("lot").owner == "bob@x.edu"
    other = Actions(store, BOB).import_upload(pictures.read_bytes(), "lot.zip", Options())
    Actions(store, ADA).discard_import(other)


def test_a_runner_deletes_their_own_data_alone(store, pictures):
    bob = Actions(store, BOB)
    for name in ("one", "two"):
        bob.keep_data(bob.import_upload(pictures.read_bytes(), "lot.zip", Options()), name)
    for person in (EVE, NOBODY, Person(None, Role.VIEWER)):
        refused(Actions(store, person).delete_data, "one")
    assert "may delete downloaded data sets" in refused(bob.delete_data, "cifar10")
    bob.delete_data("one")
    Actions(store, ADA).delete_data("two")
    assert list(datasets.catalogue()) == list(datasets.DATASETS)


# The pages

CHANGES = (
    r"\b(execution\.submit|tree_library\.(keep|save|delete)|similarity_library\.(keep|delete)|Draft\.begin|draft\.(ask|do)|download\.(start|get)"
    r"|(import_)?job\.(begin|start|work|discard|clean)|finalize\.finalize|data_deletion\.delete|saved_views\.keep|slots\.set_slots|request_cancel|set_setting|tags\.put|notes\.put|runner\.(begin|start|stop|halt)|journal\.begin|settings\.(choose|set_retries)"
    r"|store(\(\))?\.(add|end|hold|release|move|resume|claim))\b"
)


@pytest.mark.parametrize(
    "page", sorted((project_folder() / "pages").rglob("*.py")), ids=lambda path: "/".join(path.parts[-2:])
)
def test_pages_change_things_through_actions_alone(page):
    found = re.findall(CHANGES, page.read_text(encoding="utf-8"))
    assert found == [], "call common.actions() instead"


def test_what_pages_must_not_call_is_found_where_it_stands():
    source = (project_folder() / "hierapp" / "access" / "actions.py").read_text(encoding="utf-8")
    assert len(re.findall(CHANGES, source)) >= 10
    assert actions.BACKWARDS == ("later", "last")
