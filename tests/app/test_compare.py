"""The Compare page over finished runs with made-up predictions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hierapp.analysis import stored_outputs
from hierapp.analysis.paired_runs import compare_images
from hierapp.training import predictions
from hierapp.trees import generators, library as tree_library
from pages.shared.common import escaped
from tests.app.conftest import add_run, texts
from tests.finished_runs import add_finished

VIEWS = ("metrics", "tests", "severity", "outputs", "confusion")
SEEDS = range(6)


@pytest.fixture
def two_groups(store):
    """Six seeds each; the second group is better."""
    return [
        add_finished(store, loss, seed, skill=2.5 + better)
        for loss, better in (("cross-entropy", 0.0), ("soft-labels", 0.6))
        for seed in SEEDS
    ]


def test_without_a_finished_run_it_says_so_and_links_to_training(open_page, store):
    add_run(store, "running")
    page = open_page("compare")
    assert "no finished runs yet" in page.info[0].value
    assert not page.exception


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_opens_over_one_run_without_stored_outputs(view, open_page, store):
    add_run(store)
    page = open_page("compare", view=view)
    assert not page.exception
    assert not page.error


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_opens_over_two_groups(view, open_page, two_groups):
    page = open_page("compare", view=view)
    assert not page.exception
    assert not page.error


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_opens_over_runs_of_several_trees(view, open_page, store):
    add_finished(store)
    add_finished(store, tree="digits-flat")
    page = open_page("compare", view=view, under="every tree")
    assert not page.exception
    assert not page.error


def test_a_row_a_group_with_mean_deviation_and_n(open_page, two_groups, store):
    page = open_page("compare")
    frame = page.dataframe[0].value
    assert frame["group"].tolist() == ["cross-entropy", "soft-labels"]
    assert frame["n"].tolist() == [6, 6]
    metrics = [store.run(run).test["accuracy"] for run in two_groups[:6]]
    mean = sum(metrics) / 6
    deviation = (sum((metric - mean) ** 2 for metric in metrics) / 5) ** 0.5
    assert frame["accuracy"][0] == f"{mean:.4f} ± {deviation:.4f}"


def test_the_address_says_what_is_shown(open_page, two_groups):
    page = open_page("compare", view="tests", metric="severity", groups=["1", "7"])
    assert page.selectbox(key="metric").value == "severity"
    assert page.multiselect(key="groups").value == ["1", "7"]
    page.multiselect(key="groups").set_value(["7"]).run()
    assert page.query_params["groups"] in ("7", ["7"])
    assert "Only one group" in texts(page)


def test_addresses_of_0_1_0_are_read(open_page, two_groups):
    page = open_page("compare", view="figures", figure="severity", settings=["1"])
    assert page.selectbox(key="metric").value == "severity"
    assert page.multiselect(key="groups").value == ["1"]
    assert page.session_state["view"] == "metrics"
    assert not {"figure", "settings"} & set(page.query_params)


def test_the_sentence_stands_under_the_test(open_page, two_groups):
    page = open_page("compare", view="tests")
    assert page.selectbox(key="baseline").value == "1"
    assert "soft-labels is higher than cross-entropy" in texts(page)
    assert page.dataframe[0].value["n"].tolist() == ["6 pairs"]


def test_two_names_of_one_loss_are_said_to_be_the_same(open_page, store):
    for loss in ("conditional", "cross-entropy"):
        add_finished(store, loss)
    page = open_page("compare", view="tests")
    assert "In theory both are the same loss" in texts(page)
    assert "no difference could have reached" in texts(page)


def test_decoders_of_many_classes_are_applied_to_a_sample_of_the_rows(open_page, store, monkeypatch):
    add_finished(store)
    monkeypatch.setattr(stored_outputs, "MOST_SHOWN", 1_000)
    page = open_page("compare", view="outputs")
    assert not page.exception
    assert not page.error
    assert "Of 100 of the 359 test rows" in texts(page)


def test_runs_without_outputs_are_named_and_left_out(open_page, store):
    add_finished(store, "cross-entropy")
    add_finished(store, "soft-labels", with_outputs=False)
    page = open_page("compare", view="outputs")
    assert "no stored outputs: soft-labels" in texts(page)
    assert page.dataframe[0].value["group"].tolist() == ["cross-entropy"]


def test_another_decoder_is_judged_beside_the_leaf_decoder(open_page, two_groups, store):
    page = open_page("compare", view="outputs", rule="min-risk")
    frame = page.dataframe[0].value
    assert frame["decoder"].tolist() == ["min-risk"] * 2 + ["leaf"] * 2
    leaf = frame[frame["decoder"] == "leaf"]["accuracy"].tolist()
    assert leaf[0].split()[0] == f"{sum(store.run(run).test['accuracy'] for run in two_groups[:6]) / 6:.4f}"


def test_metrics_of_each_level_are_drawn_if_there_are_several(open_page, two_groups, store):
    page = open_page("compare", view="outputs")
    assert "Levels of the tree" in texts(page)
    tree_library.keep(generators.flat(store.run(two_groups[0]).tree.leaves), "flat", data="digits")
    page = open_page("compare", view="outputs", **{"as": "flat"})
    assert not page.exception
    assert page.selectbox(key="as").value == "flat"
    assert "Levels of the tree" not in texts(page)


def test_a_threshold_of_one_predicts_the_root(open_page, two_groups):
    page = open_page("compare", view="outputs", rule="threshold")
    page.number_input(key="threshold.threshold").set_value(1.0).run()
    assert page.dataframe[0].value["mean depth"].tolist()[0].startswith("1.0")


def test_validation_images_calibrate_temperature_and_threshold(open_page, two_groups, store):
    page = open_page("compare", view="outputs", rule="climb")
    share = page.dataframe[0].value["correct: the class or an ancestor"].tolist()
    page.number_input(key="alpha").set_value(0.05).run()
    mended = page.dataframe[0].value["correct: the class or an ancestor"].tolist()
    assert mended != share
    assert all(float(each.split()[0]) == pytest.approx(0.95, abs=0.03) for each in mended)
    assert "Without a guarantee, because the images of the threshold selected the epoch: " in texts(page)
    page.checkbox(key="temperature").check().run()
    assert not page.exception
    for run in two_groups:
        folder = store.run(run).folder
        (folder / predictions.CALIBRATION).write_bytes((folder / predictions.VALIDATION).read_bytes())
    page.number_input(key="alpha").set_value(0.04).run()
    assert "Without a guarantee" not in texts(page)
    (store.run(two_groups[0]).folder / predictions.VALIDATION).unlink()
    page.number_input(key="alpha").set_value(0.3).run()
    assert "no validation outputs; train the run again" in texts(page)


def test_nodes_of_the_matrix_open_and_close(open_page, store):
    run = store.run(add_finished(store))
    page = open_page("compare", view="confusion", level="1")
    top = [run.tree.nodes[node] for node in run.tree.children[0]]
    assert page.selectbox(key="true").options == top
    page.selectbox(key="true").set_value(top[0]).run()
    node = run.tree.children[0][0]
    page.button(key=f"open-{node}").click().run()
    assert len(page.selectbox(key="true").options) == len(top) - 1 + len(run.tree.children[node])
    assert page.query_params["opened"] in (top[0], [top[0]])
    page.button(key=f"close-{node}").click().run()
    assert page.selectbox(key="true").options == top


def test_a_cell_shows_its_images(open_page, store):
    run = store.run(add_finished(store))
    page = open_page("compare", view="confusion", true=run.tree.leaves[0], predicted=run.tree.leaves[0])
    said = predictions.stored(run.folder)
    right = int(((said.target == 0) & (said.probabilities.argmax(1) == 0)).sum())
    assert f"{right} images, as run 1 classified them" in texts(page)


def test_the_difference_of_two_runs_and_an_epoch_of_validation(open_page, two_groups):
    page = open_page("compare", view="confusion", run="1", less="7")
    assert "compared with the other run" in texts(page)
    page.segmented_control(key="images").set_value("validation").run()
    assert page.slider(key="compare-epoch").max == 3
    page.slider(key="compare-epoch").set_value(1).run()
    assert not page.exception


def test_too_many_classes_for_a_matrix_are_said_to_be(open_page, store, monkeypatch):
    monkeypatch.setattr("hierapp.analysis.confusion_tree.MOST", 9)
    add_finished(store, tree="digits-flat")
    page = open_page("compare", view="confusion")
    assert "10 nodes below the root are too many to draw" in texts(page)
    assert not page.exception


def test_what_is_opened_beyond_what_fits_is_closed_again(open_page, store, monkeypatch):
    run = store.run(add_finished(store))
    top = [run.tree.nodes[node] for node in run.tree.children[0]]
    monkeypatch.setattr("hierapp.analysis.confusion_tree.MOST", len(top))
    page = open_page("compare", view="confusion", level="1", opened=top)
    assert "collapsed" in texts(page)
    assert page.selectbox(key="true").options == top


@pytest.mark.slow
def test_no_decoder_imports_torch(tmp_path):
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from hierapp.runs import Store\n"
        "from tests.app.conftest import APP\n"
        "from tests.finished_runs import add_finished\n"
        "add_finished(Store())\n"
        "for view, rule in (('outputs', 'min-risk'), ('outputs', 'threshold'), ('tests', ''), ('confusion', '')):\n"
        "    app = AppTest.from_file(str(APP), default_timeout=240)\n"
        "    app.query_params['view'], app.query_params['rule'] = view, rule\n"
        "    app.run().switch_page('pages/compare/page.py').run()\n"
        "    assert not app.exception, view\n"
        "    assert 'torch' not in sys.modules, (view, rule)\n"
    )
    environment = {**os.environ, "HIERAPP_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_two_single_runs_are_compared_image_by_image_and_by_folds(open_page, two_groups, store):
    page = open_page("compare", view="tests")
    assert [page.selectbox(key=key).value for key in ("one", "other")] == ["1", "7"]
    assert "one" not in page.query_params
    found = compare_images(store.run("1"), store.run("7"))
    assert escaped(found.mcnemar.sentence) in texts(page)
    counts, folds = (frame.value for frame in page.dataframe[1:])
    assert counts.equals(found.counts())
    assert folds.shape == (2, 10)
    assert "say nothing about another seed" in texts(page)
    page.selectbox(key="other").select("2").run()
    assert page.query_params["other"] in ("2", ["2"])
    assert escaped(compare_images(store.run("1"), store.run("2")).mcnemar.sentence) in texts(page)
    page.selectbox(key="one").select("2").run()
    assert "Both are the same run" in texts(page)
    assert not page.exception


@pytest.mark.slow
def test_the_address_says_which_two_single_runs(open_page, two_groups):
    page = open_page("compare", view="tests", one="3", other="8")
    assert [page.selectbox(key=key).value for key in ("one", "other")] == ["3", "8"]


@pytest.mark.slow
def test_two_single_runs_need_two_with_outputs(open_page, store):
    add_finished(store, "cross-entropy")
    add_finished(store, "soft-labels", with_outputs=False)
    page = open_page("compare", view="tests")
    assert "This needs two of the chosen runs" in texts(page)
    assert not page.exception
