"""Pipes that stand where files of a home should be: nothing waits for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hierapp import LabelTree
from hierapp.data import download, homes
from hierapp.data.imports import job, store as import_store
from hierapp.errors import HierappError
from hierapp.execution import logs
from hierapp.lab import saved_views
from hierapp.reproduction import results, timing
from hierapp.runs import weights_header
from hierapp.similarities import library as similarity_library
from hierapp.training import predictions
from hierapp.trees import drafts, library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.utils import locks

PATIENCE = 20.0
TOKEN, DRAFT = "0" * 16, "0" * 12
# A file of the home or of the data folder in it, and what reads it.
READERS: dict[str, Callable[[Path], object]] = {
    f"drafts/{DRAFT}.jsonl": lambda file: Draft.load(DRAFT),
    "trees/mine.json": lambda file: tree_library.load(str(file)),
    "similarities/mine.csv": lambda file: similarity_library.load("mine"),
    "views/mine.json": lambda file: saved_views.entries(),
    "data/.get-cifar10.json": lambda file: download.job_of("cifar10", file.parent).record(),
    f"data/own/.stage-{TOKEN}/request.json": lambda file: job.status(TOKEN, file.parents[2]),
    "data/own/mine/report.json": lambda file: import_store.report_of("mine", file.parents[2]),
    "data/own/mine/dataset.json": lambda file: import_store._read(file, 0, 0),
    "data/own/mine/hashes.json": lambda file: import_store._kept_hashes(file.parent),
    "results.json": results.load,
    "runs/1/model.safetensors": weights_header.header,
    "runs/1/outputs.safetensors": lambda file: predictions.stored(file.parent),
    "launcher.log": logs.tail,
    "launcher.lock": locks.silent_for,
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)
    found: list[object] = []

    def read() -> None:
        try:
            found.append(READERS[name](file))
        except HierappError as error:
            found.append(str(error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(PATIENCE)
    assert found, "it waits for the pipe"


def test_a_list_of_homes_and_a_timing_pass_over_pipes(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    homes.register(tmp_path / "home", tmp_path)
    (registered,) = (file for file in tmp_path.iterdir() if file.name.startswith(homes._PREFIX))
    kept = timing._file("quick", "digits")
    kept.parent.mkdir()
    for file in (registered, kept):
        file.unlink(missing_ok=True)
        os.mkfifo(file)
    assert homes.others(tmp_path, tmp_path) == []
    assert timing.kept("quick", "digits") is None


def test_a_draft_whose_file_became_a_pipe_refuses_edits(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    draft = Draft.begin(LabelTree.from_edges([("root", "a"), ("root", "b")]), "Mine")
    drafts._file(draft.id).unlink()
    os.mkfifo(drafts._file(draft.id))
    with pytest.raises(HierappError, match="pipe"):
        draft.do("rename", {"node": "a", "name": "c"})
