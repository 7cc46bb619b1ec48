"""No page shows what a person has written as a link, a picture or an icon, or fetches anything that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hierapp.paths import data_folder
from tests.app import hostile
from tests.app.hostile import NAME, TEXT, unescaped
from tests.app.test_pages import PAGES

pytestmark = pytest.mark.slow
COMPONENTS = Path(__file__).resolve().parents[2] / "pages" / "components"
# Every parameter that some page reads from its address.
PARAMETERS = (
    *(
        "model",
        "data",
        "label-tree",
        "loss",
        "draft",
        "import",
        "set",
        "tree",
        "view",
        "lesson",
        "run",
        "image",
        "nodes",
    ),
    *("y", "x", "space", "decoder", "runs", "tag", "on", "under", "groups", "metric", "baseline", "one", "other", "as"),
    *("level", "opened", "closed", "true", "predicted", "search", "varied", "size", "log", "kept", "source", "of-tree"),
    *("simloss.similarity", "level-wise.weights", "optimizer", "epochs", "r", "bound", "distance", "studio-view"),
)


# Views of the pages over a hostile home, by their addresses; values that `fill` returns stand for those ids.
VIEWS: dict[str, list[dict[str, str | list[str]]]] = {
    "data": [{"set": NAME}, {"import": "import"}],
    "trees": [{"tree": NAME}],
    "similarities": [
        {"data": NAME, "source": "kept", "kept": NAME},
        *({"data": NAME, "source": source} for source in ("names", "ordinal")),
    ],
    "studio": [
        {"draft": "draft"},
        *({"draft": "draft", "studio-view": view} for view in ("Compared", "As text", "Siblings")),
    ],
    "lab": [{"view": "view"}, {"run": "run", "image": "0"}, {"run": "run", "image": "0", "y": TEXT, "loss": TEXT}],
    "train": [
        {"data": NAME, "label-tree": NAME, "model": hostile.MODEL},
        {"data": NAME, "model": TEXT + ":x", "simloss.similarity": TEXT, "loss": "simloss"},
    ],
    "search": [{"view": "new", "data": NAME, "label-tree": NAME}, {"view": "results"}],
    "runs": [{"runs": ["run"]}, {"runs": ["imported"]}, {"runs": ["run", "failed", "queued", "interrupted"]}],
    "compare": [
        *({"on": NAME, "view": view} for view in ("metrics", "severity", "outputs", "confusion")),
        {"on": NAME, "view": "tests", "one": "run", "other": "other"},
        {"on": NAME, "view": "confusion", "level": "2"},
        *(
            {"on": f"imported-{NAME}", "view": view}
            for view in ("metrics", "tests", "severity", "outputs", "confusion")
        ),
    ],
    "reproduce": [{"data": NAME}],
}


def check(page, what):
    assert not page.exception, what
    assert unescaped(page) == [], what


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_people_wrote_as_text(name, open_page, store):
    ids = hostile.fill(store, data_folder())

    def real(value):
        return [real(each) for each in value] if isinstance(value, list) else ids.get(value, value)

    for query in [{}, *VIEWS.get(name, [])]:
        check(open_page(name, **{key: real(value) for key, value in query.items()}), query)
    if name == "start":
        page = open_page(name)
        check(page.pills(key="compare-on").set_value(NAME).run(), "the hostile data set")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_address_as_text(name, open_page, home):
    check(open_page(name, **dict.fromkeys(PARAMETERS, TEXT)), name)


def test_components_write_texts_as_text():
    for script in COMPONENTS.glob("*/*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", script.read_text()), script
