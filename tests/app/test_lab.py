"""The Loss lab's page without a browser: its switches, its address, what is kept."""

import subprocess
import sys
from urllib.parse import parse_qs

import pytest

from hierapp.access import Person, Role
from hierapp.lab import preload, saved_views, views
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example
from hierapp.lab.run_images import RunImage
from hierapp.lab.stories import STORIES
from hierapp.lab.trees import named
from hierapp.trees import LabelTree, generators, library
from pages.lab import plots as lab_plots, stories as stories_page
from pages.lab.state import Lab
from pages.shared import auth
from tests.app.conftest import texts


@pytest.fixture
def lab(open_page):
    """Open the lab at an address, with the losses there."""
    preload.begin()
    preload._done.wait(60)
    return lambda **query: open_page("lab", **query)


def state_of(page):
    return page.session_state["lab"].state


def address_of(page):
    params = {key: value if isinstance(value, str) else value[0] for key, value in page.query_params.items()}
    return views.from_params(params)


def move(page, **asked):
    """Ask for a move as the board does."""
    lab = page.session_state["lab"]
    lab.ask([{"id": lab.done + 1, **asked}])
    page.run()
    assert not page.exception
    return page


def press(page, label):
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


STEPS = [(story.id, number) for story in STORIES for number in range(1, len(story.steps) + 1)]


@pytest.mark.slow
@pytest.mark.parametrize(("story", "step"), STEPS)
def test_every_step_opens_by_its_address(story, step, lab):
    page = lab(lesson=story, step=str(step))
    assert not page.exception
    assert not page.error
    assert state_of(page) == views.start(story, step)
    at = next(each for each in STORIES if each.id == story).steps[step - 1]
    assert f"{step}. {at.title}" in texts(page)


def test_next_and_back_and_the_list_of_steps_walk_through_a_story(lab):
    page = move(lab(lesson="cat-truck"), op="go", by=1)
    assert state_of(page) == views.start("cat-truck", 2)
    assert address_of(page).state == state_of(page)
    page.radio(key="lab-steps").set_value(7).run()
    assert state_of(page).step == 7
    assert state_of(move(page, op="go", by=-1)).step == 6
    page.selectbox(key="lab-story").set_value("convex").run()
    assert state_of(page) == views.start("convex", 1)
    page.selectbox(key="lab-story").set_value("").run()
    assert state_of(page) == views.start()


def test_switches_change_the_view_and_its_address(lab):
    page = lab()
    page.selectbox(key="lab-tree").set_value("cifar10-flat").run()
    page.selectbox(key="lab-target").set_value(3).run()
    page.button_group(key="lab-losses").set_value(["hierarchical", "cross-entropy"]).run()
    page.multiselect(key="lab-decoders").set_value(["threshold"]).run()
    page.slider(key="lab-threshold").set_value(0.7).run()
    page.number_input(key="lab-0-hierarchical-mass").set_value(0.5).run()
    assert not page.exception
    state = state_of(page)
    assert state.example.tree == named("cifar10-flat")
    assert state.example.target == 3
    assert state.losses == (LossChoice.of("hierarchical", {"mass": 0.5}), LossChoice("cross-entropy"))
    assert state.decoders[0].option_values == {"threshold": 0.7}
    assert address_of(page).state == state


def test_soft_labels_mass_targets_and_the_unbalanced_tree(lab):
    page = lab(lesson="second-term", step="6")
    page.slider(key="lab-unbalance").set_value(3).run()
    page.slider(key="lab-mass").set_value(0.0).run()
    page.button_group(key="lab-targets").set_value("path").run()
    assert not page.exception
    assert state_of(page).tree_name == "lab:unbalanced-3"
    assert state_of(page).losses == (LossChoice.of("hierarchical", {"mass": 0.0}),)
    page = lab(lesson="pushes", step="5")
    page.slider(key="lab-soft").set_value(0.5).run()
    assert state_of(page).losses == (LossChoice.of("hierarchical", {"soft": 0.5}), LossChoice("hierarchical"))


def test_the_end_of_a_story_leads_to_the_next(lab):
    page = move(lab(lesson="one-path", step="4"), op="go", by=1)
    assert state_of(page) == views.start("pushes", 1)
    last = STORIES[-1]
    page = move(lab(lesson=last.id, step=str(len(last.steps))), op="go", by=1)
    assert state_of(page) == views.start(last.id, len(last.steps))
    assert stories_page.ways(page.session_state["lab"]) == {"back": True, "next": ""}
    page = move(lab(lesson="one-path"), op="go", by=-1)
    assert stories_page.ways(page.session_state["lab"]) == {"back": False, "next": "Next"}


def test_a_presentation_is_in_the_address_and_not_in_the_link(lab):
    page = move(lab(lesson="pushes", step="2"), op="present")
    assert page.query_params["present"] in ("1", ["1"])
    own = page.session_state["lab"]
    assert own.presents
    assert "present" not in own.link()["query"]
    assert not any(expander.label == "Saved views" for expander in page.expander)
    page = move(page, op="present")
    assert "present" not in page.query_params
    assert lab(lesson="pushes", step="2", present="1").session_state["lab"].presents


def test_logits_of_a_descent_are_taken_and_reset(lab):
    page = lab(lesson="pushes", step="2")
    start = state_of(page)
    page = move(page, op="logits", values=[1.0] * 7)
    assert state_of(page).example.logits == (1.0,) * 7
    assert state_of(move(page, op="reset")) == start


def test_python_takes_the_steps_on_a_loss_that_the_browser_cannot_compute(lab):
    from hierapp.lab.descent import descend

    page = lab(lesson="pushes", step="2")
    start = state_of(page)
    page = move(page, op="descend", loss=1, steps=3)
    assert state_of(page).example == descend(start.example, start.losses[1], steps=3).last


def test_a_mangled_address_is_told_and_the_rest_of_it_holds(lab):
    page = lab(lesson="cat-truck", step="99", loss="simloss")
    assert "there is no step 99" in page.warning[0].value
    assert state_of(page).losses == (LossChoice("simloss"),)
    assert "no saved view" in lab(view="../store").warning[0].value


@pytest.mark.slow
def test_a_view_is_saved_listed_and_opened_by_its_address(lab, home):
    page = lab(lesson="cat-truck", step="2")
    page.text_input(key="lab-view-name").set_value("my cat").run()
    press(page, "Save this view")
    assert saved_views.load("my-cat") == views.start("cat-truck", 2)
    assert page.query_params["view"] in ("my-cat", ["my-cat"])
    other = lab()
    other.selectbox(key="lab-open").set_value("my-cat").run()
    assert state_of(other) == views.start("cat-truck", 2)
    assert state_of(lab(view="my-cat")) == views.start("cat-truck", 2)


def test_a_viewer_may_play_and_not_save(lab, monkeypatch, home):
    monkeypatch.setattr(auth, "person", lambda: Person("vic@x.edu", Role.VIEWER))
    monkeypatch.setattr("pages.shared.common.person", lambda: Person("vic@x.edu", Role.VIEWER))
    page = move(lab(lesson="cat-truck"), op="go", by=1)
    (save,) = [button for button in page.button if button.label == "Save this view"]
    assert save.disabled


def test_the_boards_moves_are_done_once_and_what_it_may_not_ask_for_is_told():
    lab = Lab(views.start("cat-truck", 1), {})
    lab.ask([{"id": 1, "op": "logit", "node": 2, "value": 1.5, "final": True}, {"id": 2, "op": "target", "node": 3}])
    assert (lab.state.example.logits[1], lab.state.example.target_node, lab.done, lab.message) == (1.5, 3, 2, "")
    lab.ask([{"id": 2, "op": "target", "node": 4}])
    assert lab.state.example.target_node == 3
    before = lab.state
    bad = [
        {"op": "logit", "node": 0, "value": 1},
        {"op": "logit", "node": 99, "value": 1},
        {"op": "logit", "node": 1, "value": float("nan")},
        {"op": "logit", "node": 1, "value": 10**400},
        {"op": "logit", "node": 1, "value": "1"},
        {"op": "target", "node": 1},
        {"op": "target", "node": [2]},
        {"op": "logits", "values": [0.0]},
        {"op": "logits", "values": [float("nan")] * 7},
        {"op": "logits", "values": [True] * 7},
        {"op": "logits", "values": "0000000"},
        {"op": "descend", "loss": 99, "steps": 1},
        {"op": "descend", "loss": 0, "steps": 10**9},
        {"op": "descend"},
        {"op": ["go"]},
        {"op": "delete"},
        {},
    ]
    for number, move in enumerate(bad, 3):
        lab.message = ""
        lab.ask([{"id": number, **move}])
        assert lab.message.endswith("."), move
        assert lab.state == before
    for nonsense in (None, 3, "moves", [None], [{"id": "7"}], [{"id": True}]):
        lab.ask(nonsense)
    assert lab.state == before


def test_a_link_holds_the_tree_and_the_numbers(home):
    """Another machine has neither one's own trees nor one's runs."""
    tree = LabelTree.from_edges([("food", "apple"), ("food", "pear")])
    library.save(tree, "my-food")
    state = views.State(Example(tree, (0.5, -0.5), 1), "my-food")
    assert "tree" in views.to_params(state)
    link = views.link_params(state)
    assert "tree" not in link
    opened = views.from_params(link)
    assert (opened.state.example, opened.complaints) == (state.example, ())
    image = RunImage("7", 3, Example(named("digits"), (0.25,) * (len(named("digits").nodes) - 1), 0), "digits")
    assert views.link_params(views.of_run_image(image)).keys() == {"tree", "x"}


def test_a_link_has_the_public_address_if_there_is_one(home, monkeypatch):
    lab = Lab(views.start("cat-truck", 2), {})
    assert lab.link()["base"] == ""
    monkeypatch.setenv("HIERAPP_PUBLIC_URL", "https://labs.example.org/h/")
    assert lab.link()["base"] == "https://labs.example.org/h/lab"


def test_a_link_is_short_or_none(home):
    lab = Lab(views.start("cat-truck", 2), {})
    assert parse_qs(lab.link()["query"]) == {"lesson": ["cat-truck"], "step": ["2"]}
    lab.put(views.State(Example.random(generators.random([f"class {i}" for i in range(900)], 0), 0), None))
    assert f"more than {views.LONGEST:,}" in lab.link()["refused"]
    lab.view = ("large", lab.state)
    assert parse_qs(lab.link()["query"]) == {"view": ["large"]}
    assert "only this server" in lab.link()["note"]
    tree = named("cifar100")
    lab.put(views.State(Example.level(tree), "cifar100"))
    assert len(lab.link()["query"]) < views.LONGEST


@pytest.mark.parametrize("step", ["1", "2", "3", "4"])
def test_after_a_failed_load_the_page_says_why_and_shows_the_rest(lab, monkeypatch, step):
    monkeypatch.setattr(preload, "_failure", ["The losses cannot be computed here."])

    def never(*arguments: object) -> None:
        raise AssertionError("torch would be needed")

    monkeypatch.setattr("pages.lab.plots.show", lambda name, *rest: never() if name in lab_plots.NEED_TORCH else None)
    page = lab(lesson="convex", step=step)
    assert not page.exception
    assert [error.value for error in page.error] == ["The losses cannot be computed here."]
    assert f"#### {step}. " in texts(page)


@pytest.mark.slow
def test_the_page_is_readable_before_torch_is_there(tmp_path):
    import os

    code = (
        "import sys, threading\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from hierapp.lab import preload as ready\n"
        "from tests.app.conftest import APP, texts\n"
        "threads, held = [], threading.Event()\n"
        "load = ready._load\n"
        "ready._load = lambda: (threads.append(threading.current_thread().name), held.wait(60), load())\n"
        "app = AppTest.from_file(str(APP), default_timeout=240)\n"
        "app.query_params['lesson'] = 'second-term'\n"
        "app.run()\n"
        "app.switch_page('pages/lab/page.py')\n"
        "for step in ('1', '2', '4', '6'):\n"
        "    app.query_params['lesson'], app.query_params['step'] = 'second-term', step\n"
        "    app.run()\n"
        "    assert not app.exception and not app.error, step\n"
        "    assert f'#### {step}. ' in texts(app), texts(app)\n"
        "    assert 'torch' not in sys.modules, step\n"
        "held.set()\n"
        "ready._done.wait(60)\n"
        "app.run()\n"
        "assert not app.exception and ready.failure() is None\n"
        "assert 'torch' in sys.modules and threads == ['hierapp-lab'], threads\n"
    )
    environment = {**os.environ, "HIERAPP_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_surfaces_wait_until_a_bar_is_let_go_and_other_steps_do_not_wait():
    lab = Lab(views.start("convex", 2), {})
    before = lab.state
    assert lab.at_rest(lab.state) == before
    lab.ask([{"id": 1, "op": "logit", "node": 1, "value": 1.5, "final": False}])
    assert lab.state != before
    assert lab.at_rest(lab.state) == before
    lab.ask([{"id": 2, "op": "logit", "node": 1, "value": 1.75, "final": False}])
    assert lab.at_rest(lab.state) == before
    lab.ask([{"id": 3, "op": "logit", "node": 1, "value": 2.0, "final": True}])
    assert lab.at_rest(lab.state) == lab.state
    lab.ask([{"id": 4, "op": "logit", "node": 1, "value": 2.5, "final": False}])
    lab.state = views.start("convex", 3)
    assert lab.at_rest(lab.state) == lab.state
