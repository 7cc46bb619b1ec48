"""Every page at hostile addresses: it is shown, writes nothing, and makes no more than text of what it is given."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from streamlit.testing.v1 import AppTest

from hierapp.paths import data_folder
from hierapp.runs import Store
from tests.app import hostile
from tests.app.conftest import APP
from tests.app.hostile import unescaped
from tests.app.test_hostile_texts import PARAMETERS
from tests.app.test_pages import PAGES
from tests.fuzz.values import NUMBERS, name
from tests.fuzz.watch import Watch

ADDRESSES = 2_300
NUMERIC = (
    *(
        "epochs",
        "batch-size",
        "learning-rate",
        "seeds",
        "first-seed",
        "momentum",
        "weight-decay",
        "step-epochs",
        "mixup",
    ),
    *(
        "step-factor",
        "warmup-epochs",
        "crop",
        "cutout",
        "label-smoothing",
        "patience",
        "hierarchical.mass",
        "r",
        "bound",
    ),
    *("hxe.alpha", "soft-labels.beta", "simloss.lower_bound", "image", "step"),
)


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, pytest.param(ADDRESSES, marks=pytest.mark.fuzz)])
def test_hostile_addresses_are_shown_as_text(count, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pages.runs.results.FIRST_SECONDS", 0.0)
    monkeypatch.chdir(APP.parent)  # where Streamlit finds its settings
    ids = hostile.fill(Store(), data_folder())
    generator = Random(21)
    before = files(watch)
    for number in range(count):
        page, query = PAGES[number % len(PAGES)], drawn(generator, ids)
        app = AppTest.from_file(str(APP), default_timeout=600)
        for key, values in query.items():
            app.query_params[key] = values
        if page != "start":
            app.switch_page(f"pages/{page}/page.py")
        with watch.call((page, query)):
            app.run()
        assert not app.exception, (page, query)
        assert unescaped(app) == [], (page, query)
    print(f"addresses: {count}")
    assert files(watch) == before


def drawn(generator: Random, ids: dict[str, str]) -> dict[str, str | list[str]]:
    """Draw the parameters of an address, some of them of an address that there is."""
    query: dict[str, str | list[str]] = {}
    for key in generator.sample((*PARAMETERS, *NUMERIC), generator.randrange(1, 7)):
        if key in NUMERIC and generator.random() < 0.7:
            query[key] = generator.choice(NUMBERS)
        elif generator.random() < 0.25:
            query[key] = generator.choice((*ids.values(), hostile.NAME, "digits", "simloss", "hierarchical"))
        elif generator.random() < 0.1:
            query[key] = [as_received(name(generator)), as_received(name(generator))]
        else:
            query[key] = as_received(name(generator))
    return query


def as_received(value: str) -> str:
    """A value as the server decodes it: half of a surrogate pair has no UTF-8, and becomes U+FFFD."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def files(watch: Watch) -> dict[str, int]:
    """The size of every file but the store's own, which notes who reads it."""
    found = (file for file in Path(watch.folder).rglob("*") if file.is_file() and "store.sqlite" not in file.name)
    return {str(file): file.stat().st_size for file in found}
