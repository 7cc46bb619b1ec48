"""The pages, without a browser: what they say and do over every kind of store."""

import functools
import json
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest

from hierapp import execution
from hierapp.data import download, registry as datasets
from hierapp.errors import StoreError
from hierapp.execution import slots
from hierapp.lab import views
from hierapp.losses import LOSSES
from hierapp.plots import curves as curve_plots
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.utils.recent import Recent
from pages.shared import common
from tests.app.conftest import add_run, chosen_rows, figures, texts
from tests.finished_runs import add_finished
from tests.store_states import end

PAGES = (
    "start",
    "data",
    "trees",
    "similarities",
    "studio",
    "lab",
    "findings",
    "losses",
    "train",
    "search",
    "runs",
    "compare",
    "studies",
    "predictions",
    "reproduce",
    "settings",
)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_over_an_empty_store_and_leaves_no_file(name, open_page, home):
    page = open_page(name)
    assert not page.exception
    assert not page.error
    assert len(page.title) == 1
    assert not home.exists()


@pytest.mark.parametrize("name", ["start", "losses", "settings"])
def test_glossary_is_on_the_page(name, open_page):
    assert "| slot | Capacity for one run" in texts(open_page(name))


@pytest.mark.slow
@pytest.mark.parametrize("state", ["queued", "running", "finished", "failed", "cancelled", "interrupted"])
def test_every_page_opens_over_a_run_in_any_state(state, open_page, store):
    add_run(store, state)
    for name in PAGES:
        page = open_page(name)
        assert not page.exception, name


@pytest.mark.slow
def test_pages_do_not_import_torch(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from tests.app.conftest import APP, add_run\n"
        "from hierapp.runs import Store\n"
        "add_run(Store())\n"
        "app = AppTest.from_file(str(APP), default_timeout=240).run()\n"
        "for page in 'runs trees similarities studio train search compare reproduce settings losses start'.split():\n"
        "    app.switch_page(f'pages/{page}/page.py').run()\n"
        "    assert not app.exception, page\n"
        "    assert 'torch' not in sys.modules, page\n"
        "    assert 'sklearn' not in sys.modules, page\n"
        "app.switch_page('pages/data/page.py').run()\n"  # this reads the digits, and scikit-learn has them
        "assert not app.exception and 'torch' not in sys.modules\n"
    )
    import os

    environment = {**os.environ, "HIERAPP_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


# Start


@pytest.mark.parametrize(
    ("label", "losses"),
    [
        ("Compare three losses on Digits", ["cross-entropy", "conditional", "hierarchical"]),
        (f"Compare all {len(LOSSES)} losses", list(LOSSES)),
    ],
)
def test_start_compares_losses_on_the_best_data_set_with_one_click(label, losses, open_page, store):
    page = open_page("start")
    next(b for b in page.button if b.label == label).click().run()
    assert not page.exception
    queued = store.runs()
    assert [run.config.loss for run in queued] == losses
    assert {run.config.data for run in queued} == {"digits"}
    assert page.query_params["runs"] == [run.id for run in queued]


def test_start_leads_to_a_story_of_the_lab(open_page):
    links = {link.proto.label: link.proto.query_string for link in open_page("start").get("page_link")}
    opened = views.from_params(dict(parse_qsl(links["The cat that became a truck"])))
    assert (opened.state.story, opened.complaints) == ("cat-truck", ())


def test_start_goes_on_with_what_was_begun(open_page, store):
    assert "Continue" not in texts(open_page("start"))
    draft = Draft.begin(tree_library.load("digits"), "Digits by shape")
    add_finished(store)
    going = add_run(store, "queued")
    links = {link.proto.label: link.proto.query_string for link in open_page("start").get("page_link")}
    assert links["1 run queued or running"] == f"runs={going}"
    assert links["The tree that was drawn last: Digits by shape"] == f"draft={draft.id}"
    assert links["Compare the finished runs"] == ""


def test_start_offers_to_get_what_is_not_there(open_page, monkeypatch):
    begun = []
    monkeypatch.setattr(download, "start", begun.append)
    page = open_page("start")
    page.button(key="get-fashion-mnist-card").click().run()
    assert begun == ["fashion-mnist"]
    assert "Download CIFAR-10 (170 MB)" in [button.label for button in page.button]


def test_start_tells_of_a_download_that_failed_and_offers_it_again(open_page, monkeypatch):
    error = "Could not download cifar10: no network; try again."
    failed = download.Progress(0, 10, "Failed", running=False, error=error)
    monkeypatch.setattr(download, "progress_of", lambda name: failed if name == "cifar10" else None)
    page = open_page("start")
    assert error in texts(page)
    assert page.button(key="get-cifar10-card")


def test_start_tells_of_a_broken_data_set(open_page, monkeypatch):
    real = datasets.status
    broken = datasets.Status("broken", "CIFAR-10 is broken: a file is missing; get it again.")
    monkeypatch.setattr(
        datasets, "status", lambda name, folder=None: broken if name == "cifar10" else real(name, folder)
    )
    page = open_page("start")
    assert broken.detail in texts(page)
    assert "Download CIFAR-10 again (170 MB)" in [button.label for button in page.button]


# Trees


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in tree_library.entries()])
def test_every_shipped_tree_is_shown_by_its_address(name, open_page):
    page = open_page("trees", tree=name)
    assert not page.exception
    assert page.selectbox(key="tree").value == name
    tree = tree_library.load(name)
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["Classes"] == str(len(tree.leaves))
    assert shown["Outputs of a conditional loss"] == str(len(tree.nodes) - 1)
    assert ("Uniform depth." if tree.is_uniform_depth else "Ragged.") in texts(page)


def test_a_mangled_address_shows_the_default_tree(open_page):
    assert open_page("trees", tree="no-such-tree").selectbox(key="tree").value == "cifar10"


BAD_TREES = {
    "cycle.csv": ("parent,child\na,b\nb,c\nc,a\n", "form a cycle"),
    "roots.csv": ("parent,child\na,b\nc,d\n", "all roots"),
    "twice.json": ('{"name": "r", "children": [{"name": "a"}, {"name": "a"}]}', "used twice"),
    "broken.json": ('{"name": "r", "children": [', "line 1"),
    "wrong.json": ("no tree at all", "wrong.json"),
    "tree.csv": ("just\nnames\n", "lines of parent,child"),
    "other.csv": ("parent,child\n" + "".join(f"r,{leaf}\n" for leaf in (*range(9), "cat")), "does not fit"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_TREES)
def test_a_bad_upload_is_told_in_one_sentence_and_nothing_is_kept(name, open_page, home):
    text, message = BAD_TREES[name]
    page = open_page("trees")
    page.file_uploader(key="upload").upload(name, text.encode(), "text/plain").run()
    assert not page.exception
    (error,) = page.error
    assert message in error.value.replace("\\", "")
    assert "\n" not in error.value
    assert "Traceback" not in error.value
    assert not home.exists()


def test_a_file_that_can_be_read_in_several_ways_is_asked_about(open_page):
    page = open_page("trees")
    page.file_uploader(key="upload").upload("pets.csv", b"cat,animal\ndog,animal\n", "text/csv").run()
    assert "read in several ways" in page.warning[0].value
    page.selectbox(key="upload-as").set_value("child-parent no-header").run()
    assert not page.exception
    assert "Its leaves are the classes of" in [box.label for box in page.selectbox]


def test_nodes_of_one_name_are_named_by_their_parents_where_it_is_chosen(open_page):
    page = open_page("trees")
    content = b'{"r": {"animal": ["cat", "other"], "vehicle": ["bus", "other"]}}'
    page.file_uploader(key="upload").upload("pets.json", content, "application/json").run()
    assert "other" in page.error[0].value
    page.checkbox(key="upload-disambiguate").check().run()
    assert not page.exception
    assert "Its leaves are the classes of" in [box.label for box in page.selectbox]


def test_a_good_upload_is_kept_chosen_and_offered_for_training(open_page, home):
    tree = tree_library.load("digits")
    edges = "parent,child\n" + "".join(
        f"{tree.nodes[parent]},{tree.nodes[node]}\n" for node, parent in enumerate(tree.parents) if parent >= 0
    )
    page = open_page("trees")
    page.file_uploader(key="upload").upload("my digits.csv", edges.encode(), "text/csv").run()
    (keep,) = [button for button in page.button if button.label == "Save this tree"]
    keep.click().run()
    assert not page.exception
    assert page.selectbox(key="tree").value == "my-digits"
    assert tree_library.load("my-digits") == tree
    train = open_page("train", data="digits", **{"label-tree": "my-digits"})
    assert train.selectbox(key="label-tree").value == "my-digits"


def test_an_upload_is_matched_to_the_data_set_that_it_is_over(open_page):
    text = "parent,child\n" + "".join(f"root,{name}\n" for name in datasets.find("cifar10").class_names)
    page = open_page("trees")
    page.file_uploader(key="upload").upload("flat.csv", text.encode(), "text/csv").run()
    (choice,) = [box for box in page.selectbox if box.label == "Its leaves are the classes of"]
    assert choice.value == "cifar10"
    assert not page.error


# Train


def test_the_form_says_what_it_queues_and_queues_that(open_page, store):
    page = open_page("train", data="digits", loss=["simloss", "hierarchical"], **{"label-tree": "digits-flat"})
    page.number_input(key="epochs").set_value(7)
    page.number_input(key="seeds").set_value(3)
    page.number_input(key="hierarchical.mass").set_value(0.0)
    page.run()
    assert "**6 runs**: 2 losses × 3 seeds, 7 epochs each" in texts(page)
    (start,) = [button for button in page.button if button.label == "Start 6 runs"]
    start.click().run()
    assert not page.exception
    runs = store.runs()
    assert [(run.config.loss, run.config.seed) for run in runs] == [
        (loss, seed) for seed in range(3) for loss in ("simloss", "hierarchical")
    ]
    assert {run.config.tree for run in runs} == {"digits-flat"}
    assert runs[1].config.options["mass"] == 0.0
    assert page.query_params["runs"] == [run.id for run in runs]


def test_the_form_without_a_loss_says_so(open_page):
    page = open_page("train")
    page.multiselect(key="loss").set_value([]).run()
    assert "No loss is chosen" in texts(page)
    assert not [button for button in page.button if button.label.startswith("Start ")]


def test_the_form_for_a_data_set_that_is_not_there_says_how_to_get_it(open_page):
    page = open_page("train", data="cifar10")
    assert "CIFAR-10 is not on this machine" in texts(page)
    assert all(button.disabled for button in page.button if button.label.startswith("Start "))


def test_the_estimate_comes_from_runs_of_this_machine_when_there_are_some(open_page, store):
    assert "on a machine with two cores" in texts(open_page("train", data="digits"))
    add_run(store)
    assert "by earlier runs on this machine" in texts(open_page("train", data="digits"))


# Runs


def test_without_a_run_the_page_says_what_to_do(open_page):
    assert "There are no runs yet." in texts(open_page("runs"))


def test_runs_are_chosen_by_the_address_and_by_default_the_last_click(open_page, store, monkeypatch):
    first = add_run(store, loss="simloss")
    monkeypatch.setattr("hierapp.runs.store.time.time", lambda: 4e9)
    second, third = add_run(store), add_run(store, loss="cross-entropy")
    assert chosen(open_page("runs")) == [second, third]
    assert chosen(open_page("runs", runs=[first, "999"])) == [first]


def chosen(page):
    """The runs that are chosen, and that the browser is told to show as chosen."""
    rows = chosen_rows(page)
    listed = list(page.session_state["runs-rows"].values())
    assert sorted(run for row in rows for run in listed[row]) == sorted(page.session_state["runs"])
    return page.session_state["runs"]


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_process_that_was_stopped_is_told(open_page, store, state):
    """Whether it has begun to train or not."""
    run = add_run(store, "queued" if state == "starting" else "running")
    if state == "starting":
        store.claim()
    with store.database.write() as db:
        db.execute("UPDATE runs SET heartbeat = heartbeat - 100 WHERE id = ?", (int(run),))
    page = open_page("runs", run=run)
    (found,) = page.dataframe[0].value["state"]
    assert found.startswith(f"{state}, no update for ")


def test_a_finished_run_shows_all_its_figures(open_page, store):
    add_run(store)
    page = open_page("runs")
    assert {"Validation accuracy", "Training loss", "Confusion matrix"} <= {h.value for h in page.header}
    assert "uniform depth" in texts(page)
    assert page.dataframe[0].value["state"].tolist() == ["finished"]
    page.multiselect(key="columns").set_value(["run", "weighted class accuracy"]).run()
    assert page.dataframe[0].value["weighted class accuracy"].notna().all()
    assert page.slider(key="confusion-epoch").value == 3


def test_the_slider_goes_back_to_an_earlier_epoch(open_page, store):
    add_run(store)
    page = open_page("runs")
    page.slider(key="confusion-epoch").set_value(1).run()
    assert not page.exception
    assert page.slider(key="confusion-epoch").value == 1


def test_test_images_can_be_chosen_once_the_run_is_finished(open_page, store):
    add_run(store, "running")
    assert page_parts(open_page("runs")) == ["validation"]
    end(store, "1", "finished", test=json.loads('{"accuracy": 0.5}') | full_report(store))
    assert page_parts(open_page("runs")) == ["validation", "test"]


def page_parts(page):
    (control,) = [group for group in page.segmented_control if group.label == "Images"]
    return [option.content if hasattr(option, "content") else option for option in control.options]


def full_report(store):
    from hierapp.metrics import report

    run = store.run("1")
    return report(store.confusion("1", "validation"), run.tree)


@pytest.mark.slow
def test_runs_are_tagged_on_their_page_and_found_by_the_tag(open_page, store):
    first, second = add_run(store), add_run(store, loss="simloss")
    app = open_page("runs", runs=[first, second])
    app.multiselect(key=f"tags-{first}").set_value(["paper"]).run()
    assert [run.tags for run in store.runs()] == [("paper",), ()]
    app.multiselect(key=f"tags-{first}").set_value(["paper", "two words"]).run()
    assert "'two words' is not a valid tag" in texts(app)
    assert store.run(first).tags == ("paper",)
    found = open_page("runs", tag="paper")
    assert chosen(found) == [first]
    assert found.dataframe[0].value["tags"].tolist() == ["#paper"]


def test_all_shown_runs_are_tagged_at_once_and_keep_their_own_tags(open_page, store):
    first, second, third = add_run(store), add_run(store, loss="simloss"), add_run(store, loss="hxe")
    app = open_page("runs", runs=[first, second])
    app.multiselect(key=f"tags-{first}").set_value(["mine"]).run()
    app.selectbox(key="noted").set_value("all").run()
    assert app.multiselect(key="tags-all").label == "Tags of all runs"
    app.multiselect(key="tags-all").set_value(["paper"]).run()
    assert [store.run(run).tags for run in (first, second, third)] == [("mine", "paper"), ("paper",), ()]
    app.selectbox(key="noted").set_value(second).run()
    assert app.multiselect(key=f"tags-{second}").value == ["paper"]
    app.session_state["runs"] = [first]
    app.run()
    assert app.multiselect(key=f"tags-{first}").value == ["mine", "paper"]
    assert not app.exception


def test_two_tabs_on_the_note_and_the_tags_of_a_run_lose_nothing(open_page, store):
    run = add_run(store)
    one, other = open_page("runs", runs=[run]), open_page("runs", runs=[run])
    one.text_area(key=f"note-{run}").set_value("of one").run()
    other.text_area(key=f"note-{run}").set_value("of the other").run()
    assert store.run(run).own_note == "of one"
    assert "was changed elsewhere meanwhile and is now 'of one'" in texts(other)
    assert other.text_area(key=f"note-{run}").value == "of the other"
    other.text_area(key=f"note-{run}").set_value("of one, of the other").run()
    assert store.run(run).own_note == "of one, of the other"
    one.multiselect(key=f"tags-{run}").set_value(["first"]).run()
    other.multiselect(key=f"tags-{run}").set_value(["second"]).run()
    assert store.run(run).tags == ("second", "first")
    assert "both changes are kept" in other.toast[0].value
    assert not one.exception
    assert not other.exception


def test_a_note_is_written_on_the_runs_page_and_shown_letter_by_letter(open_page, store):
    first, second = add_run(store), add_run(store, loss="simloss")
    app = open_page("runs", runs=[first, second])
    assert not app.text
    app.text_area(key=f"note-{first}").set_value("# Not a *title*\n<b>nor</b> bold\n").run()
    assert [run.own_note for run in store.runs()] == ["# Not a *title*\n<b>nor</b> bold", ""]
    assert [text.value for text in app.text] == ["# Not a *title*\n<b>nor</b> bold"]
    app.text_area(key=f"note-{first}").set_value("red \x1b[31m").run()
    assert "The note contains the character U+001B" in texts(app)
    assert store.run(first).own_note.startswith("# Not")
    app.text_area(key=f"note-{first}").set_value("").run()
    assert store.run(first).own_note == ""
    assert not app.text
    assert not app.exception


def test_a_failed_run_says_why(open_page, store):
    add_run(store, "failed")
    assert "It went wrong for a reason." in texts(open_page("runs"))


def test_runs_of_different_trees_are_shown_but_their_classes_not_compared(open_page, store):
    add_run(store, tree="digits")
    add_run(store, tree="digits-flat", loss="simloss")
    page = open_page("runs", runs=["1", "2"])
    assert not page.exception
    assert "different trees" in texts(page)


def test_cancel_stops_a_waiting_run_and_asks_a_running_one(open_page, store):
    add_run(store, "running")
    add_run(store, "queued")
    page = open_page("runs", runs=["1", "2"])
    page.button(key="cancel-2").click().run()
    assert store.run("2").state == "cancelled"
    page.button(key="cancel-1").click().run()
    assert store.run("1").cancel_requested is not None
    assert not page.exception


def test_the_number_of_runs_at_once_is_kept(open_page, store):
    add_run(store, "running")
    page = open_page("runs")
    field = page.number_input(key="slots-cpu")
    assert field.value == 1
    field.set_value(3).run()
    assert not page.exception
    assert slots.slots(store, "cpu") == 3


def test_stopped_runs_are_resumed(open_page, store):
    add_run(store, "failed")
    add_run(store, "cancelled")
    page = open_page("runs", runs=["1", "2"])
    page.button(key="resume-1").click().run()
    assert [run.state for run in store.runs()] == ["queued", "cancelled"]
    assert "It went wrong" not in texts(page)
    page.button(key="resume-2").click().run()
    assert [run.state for run in store.runs()] == ["queued", "queued"]
    assert not page.exception


def test_a_run_that_cannot_be_resumed_any_more_is_told_in_one_sentence(open_page, store):
    add_run(store, "failed")
    page = open_page("runs")
    store.resume("1")
    page.button(key="resume-1").click().run()
    assert "Run 1 is queued; only a failed, cancelled or interrupted run can be resumed." in texts(page)


def test_the_queue_is_ordered_by_buttons(open_page, store):
    for _ in range(3):
        add_run(store, "queued")
    page = open_page("runs")
    page.button(key="move-later-1").click().run()
    assert [run.id for run in store.queue()] == ["2", "1", "3"]
    page.button(key="move-first-3").click().run()
    page.button(key="hold-2").click().run()
    assert [(run.id, run.held) for run in store.queue()] == [("3", False), ("2", True), ("1", False)]
    assert page.button(key="move-first-3").disabled
    assert page.button(key="move-last-1").disabled
    assert not page.button(key="move-later-3").disabled
    page.button(key="release-2").click().run()
    assert not store.run("2").held
    assert not page.exception


def test_the_note_of_a_run_is_shown(open_page, store):
    add_run(store, "running")
    store.writer("1").restarted_at(1.5, 0.5, "Training resumes from epoch 1.50.")
    assert "Training resumes from epoch 1" in texts(open_page("runs"))


# Errors


def test_a_store_that_cannot_be_written_is_told_in_one_sentence(open_page, monkeypatch):
    def refuse(*arguments, **named):
        raise StoreError("The store in /nowhere cannot be written (read-only); make it writable.")

    monkeypatch.setattr(execution, "submit", refuse)
    page = open_page("start")
    next(b for b in page.button if b.label.startswith("Compare")).click().run()
    assert not page.exception
    assert [error.value for error in page.error] == [
        "The store in /nowhere cannot be written (read-only); make it writable."
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_home_that_is_no_folder_is_told_in_one_sentence(name, open_page, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "file" / "home"))
    page = open_page(name)
    assert not page.exception
    if name == "start":
        next(b for b in page.button if b.label.startswith("Compare")).click().run()
    if name in ("start", "runs"):
        assert len(page.error) <= 1
    assert "Traceback" not in texts(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("free", "told"), [(49 << 20, "is full: runs wait"), (51 << 20, "has 51.0 MiB left"), (1 << 30, "")]
)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_when_the_disk_with_the_runs_is_nearly_full(name, free, told, open_page, home, monkeypatch):
    def usage(folder):
        if not folder.exists():
            raise FileNotFoundError
        return SimpleNamespace(total=1 << 40, free=free)

    monkeypatch.setattr("hierapp.utils.disk.shutil.disk_usage", usage)
    page = open_page(name)
    assert not page.exception
    notices = [each.value for each in (*page.error, *page.warning) if "The disk with the runs" in each.value]
    assert [told in notice for notice in notices] == ([True] if told else [])
    assert not home.exists()


def test_a_broken_store_is_told_and_left_as_it_is(open_page, home):
    home.mkdir()
    (home / "store.sqlite").write_bytes(b"this is no database" * 100)
    page = open_page("runs")
    assert not page.exception
    assert "cannot be read" in page.error[0].value
    assert (home / "store.sqlite").read_bytes() == b"this is no database" * 100


def test_of_very_many_runs_the_latest_are_drawn(open_page, store, monkeypatch):
    monkeypatch.setattr("hierapp.plots.curves.DASHES", ("solid", "dot"))
    runs = [add_run(store) for _ in range(3)]
    page = open_page("runs", runs=runs)
    assert not page.exception
    assert "The latest 2 of the 3 chosen runs are drawn" in texts(page)
    names = {
        trace["meta"] for figure in figures(page) for trace in figure["data"] if trace.get("mode") == "lines+markers"
    }
    assert len(names) == 2


def test_plots_are_drawn_once_for_all_who_show_the_same_and_again_when_there_is_more(open_page, store, monkeypatch):
    drawn: list[int] = []

    @functools.wraps(curve_plots.curves_plot)
    def counting(curves, *arguments):
        drawn.append(len(curves))
        return original(curves, *arguments)

    original = curve_plots.curves_plot
    monkeypatch.setattr(curve_plots, "curves_plot", counting)
    monkeypatch.setattr(common, "_DRAWN", Recent(most=40))
    first, second = add_run(store), add_run(store, loss="hxe")
    pages = [open_page("runs", runs=[first, second]) for _ in range(2)]
    assert not any(page.exception for page in pages)
    assert [len(figures(page)) for page in pages] == [4, 4]
    assert drawn == [2, 2]  # accuracy and loss
    open_page("runs", runs=[first])
    assert drawn == [2, 2, 1, 1]
