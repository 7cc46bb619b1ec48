"""The app in AppTest, over a store of its own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from hierapp.metrics import report
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.never_started import NeverStarted

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HIERAPP_HOME in a new folder, and no process started from a page."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(processes, "spawn", NeverStarted())
    monkeypatch.setattr("pages.runs.results.FIRST_SECONDS", 0.0)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


@pytest.fixture
def open_page(home: Path) -> Callable[..., AppTest]:
    """Open a page by its name, as "runs", with query parameters."""

    def opened(name: str, **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=240)
        for key, value in query.items():
            app.query_params[key] = value
        app._page_hash = calc_hash(name)  # AppTest.switch_page would have to run the first page before
        app.run()
        assert app._finished_page_script_hash == calc_hash(name)
        return app

    return opened


def shown(markdown: str) -> str:
    """What is seen of a text that was escaped for Markdown."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


def texts(app: AppTest) -> str:
    """All the words on the page."""
    kinds = (
        app.title,
        app.header,
        app.subheader,
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.success,
    )
    return shown("\n".join(str(element.value) for kind in kinds for element in kind))


def figures(app: AppTest) -> list[dict[str, Any]]:
    """The plots on the page, as Plotly draws them."""
    found = [element.proto for element in app.get("bidi_component")]
    return [json.loads(json.loads(proto.json)["figure"]) for proto in found if proto.component_name == "hierapp.plot"]


def start(app: AppTest) -> None:
    """Press the button of the Train form that queues the runs."""
    (button,) = (each for each in app.button if each.label.startswith("Start "))
    button.click().run()


def chosen_rows(app: AppTest) -> list[int]:
    """The places of the chosen rows in the table of runs."""
    number = app.session_state["runs-table-number"]
    return app.session_state[f"runs-table-{number}"]["selection"]["rows"]


def add_run(
    store: Store, state: str = "finished", loss: str = "hierarchical", tree: str = "digits", epochs: int = 3
) -> str:
    """A run with made-up metrics, as if a worker had recorded them."""
    epochs = 3
    config = RunConfig.make(data="digits", tree=tree, loss=loss, epochs=epochs)
    label_tree = tree_library.load(tree)
    (run,) = store.add([config], label_tree)
    if state == "queued":
        return run
    assert store.claim().id == run
    writer = store.writer(run)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    writer.begin("cpu", "0")
    counts = np.random.default_rng(int(run)).integers(0, 9, (10, 10)) + 20 * np.eye(10, dtype=np.int64)
    done = epochs if state == "finished" else 2
    for epoch in range(1, done + 1):
        writer.report(epoch, {"train_loss": 2.0 / epoch}, epoch / epochs)
        writer.end_epoch(epoch, {"val_accuracy": 0.2 * epoch, "val_loss": 1.0, "epoch_seconds": 2.0}, counts)
    if state == "finished":
        writer.finish(epochs, report(counts, label_tree), counts)
    elif state != "running":
        writer.end(state, error="It went wrong for a reason." if state != "cancelled" else None)
    return run
