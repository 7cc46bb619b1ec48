"""Runs of several kinds, for the tests of tables of runs."""

from __future__ import annotations

import pytest

from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library


@pytest.fixture(scope="module")
def listed_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Runs 1 and 2 differ in their seeds; 3 to 5 are of a search; 6 waits, has tags and a note."""
    store = Store(tmp_path_factory.mktemp("listed"))
    tree = tree_library.load("digits")

    def config(loss: str, seed: int, **values: object) -> RunConfig:
        return RunConfig.make(data="digits", tree="digits", loss=loss, seed=seed, **values)

    store.add([config("hxe", 0), config("hxe", 1)], tree)
    store.add([config("simloss", 0, learning_rate=rate) for rate in (0.1, 0.01, 0.001)], tree, tags=["search:rates"])
    store.add([config("cross-entropy", 7)], tree, owner="a@b.c", tags=["paper", "mine"])
    with store.database.write() as db:
        for run in range(1, 6):
            db.execute(
                "UPDATE runs SET state = 'finished', started = created, ended = created + 10 * id,"
                " test = json_object('accuracy', id / 10.0) WHERE id = ?",
                (run,),
            )
        db.execute("UPDATE runs SET own_note = 'The one from Monday' WHERE id = 6")
    return store.runs()
