"""Bundles of real runs: what is in them, and that their own script trains the same runs again."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load

from hierapp import LabelTree, execution
from hierapp.cli import main as cli
from hierapp.errors import ConfigError, StoreError
from hierapp.execution import scheduler, worker
from hierapp.export import bundle as export, reproduce_script
from hierapp.export.bundle import ExportOptions
from hierapp.runs import Store
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.similarities import formats as similarity_formats
from hierapp.training import RunConfig, predictions
from hierapp.trees import library as tree_library
from tests.store_states import end

PROJECT = Path(__file__).resolve().parents[2]
TREE = tree_library.load("digits")
SECRET = "/home/ann/trees/mine.json"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two finished runs, one with a similarity; a failed and a waiting one."""
    home = tmp_path_factory.mktemp("home")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIERAPP_HOME", str(home))
        patch.setattr(scheduler, "ensure_scheduler", lambda store: None)
        made = Store()
        ordinal = {"similarity": "ordinal:0.5"}
        configs = [
            RunConfig.make(data="digits", tree=SECRET, loss="hierarchical", epochs=2),
            RunConfig.make(data="digits", tree="digits", loss="simloss", epochs=1, options=ordinal, seed=3),
            RunConfig.make(data="digits", tree="digits", loss="hxe"),
            RunConfig.make(data="digits", tree="digits", loss="hxe", seed=1),
        ]
        ids = execution.submit(made, configs, TREE, owner="ann@example.org")
        for run in ids[:2]:
            claimed = made.claim()
            writer = SQLiteRunWriter(made.database, int(run), claimed.attempt)
            writer.take(os.getpid(), "")
            assert worker.work(writer, claimed, claimed.folder)
            claimed.log_file.write_text(f"in {home}\n")
        end(made, ids[2], "failed", error=f"The file {home}/runs/3/x is broken.")
        yield made
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bundle(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all runs, unpacked."""
    folder = tmp_path_factory.mktemp("bundle")
    export.write(store, ["2", "1", "3", "4", "1"], folder / "runs.zip")
    with zipfile.ZipFile(folder / "runs.zip") as opened:
        assert opened.testzip() is None
        opened.extractall(folder / "out")
    return folder / "out"


def names(packed: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(packed)).namelist()


def test_a_bundle_has_everything_of_a_finished_run_and_the_similarity_only_where_there_is_one(bundle):
    common = {
        *("run.json", "config.json", "tree.json", "metrics.csv", "metrics.parquet", "confusion_validation.csv"),
        *("confusion_test.csv", "test.json", "predictions.csv", "outputs.safetensors", "model.safetensors"),
        "validation_outputs.safetensors",
    }
    found = {run: {file.name for file in (bundle / "runs" / run).iterdir()} for run in ("1", "2")}
    assert found == {"1": common, "2": common | {"similarity.csv"}}


def test_figures_in_a_bundle_are_those_of_the_store(bundle, store):
    run, folder = store.run("1"), bundle / "runs" / "1"
    assert json.loads((folder / "test.json").read_text()) == run.test
    assert LabelTree.load(folder / "tree.json") == TREE
    for part in ("test", "validation"):
        frame = pd.read_csv(folder / f"confusion_{part}.csv", index_col=0)
        assert (frame.index.astype(str).tolist(), frame.columns.tolist()) == (list(TREE.leaves), list(TREE.leaves))
        assert np.array_equal(frame.to_numpy(), store.confusion("1", part).toarray())
    csv, parquet = pd.read_csv(folder / "metrics.csv"), pd.read_parquet(folder / "metrics.parquet")
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    expected = store.metrics(["1"])["1"]
    assert set(csv["metric"]) == set(expected)
    for name, points in expected.items():
        rows = parquet[parquet["metric"] == name]
        assert list(zip(rows["epoch"], rows["value"], strict=True)) == points
    similar = similarity_formats.parse((bundle / "runs/2/similarity.csv").read_text()).over(TREE.leaves)
    assert np.array_equal(similar, store.run("2").similarity)


def test_predictions_are_what_was_said_of_each_test_image(bundle, store):
    said = predictions.read(store.run("1").folder)
    frame = pd.read_csv(bundle / "runs/1/predictions.csv", dtype={"true": str, "predicted": str})
    assert frame["index"].tolist() == list(range(359))
    assert frame["true"].tolist() == [said.classes[place] for place in said.target]
    assert frame["predicted"].tolist() == [said.classes[place] for place in said.probabilities.argmax(1)]
    assert np.array_equal(frame["probability_of_predicted"].to_numpy(np.float16), said.probabilities.max(1))
    true = said.probabilities[np.arange(359), said.target]
    assert np.array_equal(frame["probability_of_true"].to_numpy(np.float16), true)
    assert (frame["true"] == frame["predicted"]).mean() == pytest.approx(store.run("1").test["accuracy"])


def test_weights_are_the_runs_though_their_words_name_no_folder(bundle, store):
    before = load((store.run("1").folder / "model.safetensors").read_bytes())
    packed = (bundle / "runs/1/model.safetensors").read_bytes()
    after = load(packed)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert b"ann" not in packed[: int.from_bytes(packed[:8], "little")]
    assert b"mine.json" in packed


def test_no_user_and_no_folder_of_this_machine_is_in_a_bundle(bundle, store):
    for file in bundle.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for word in (b"/home/ann", b"ann@example.org", str(store.folder).encode(), str(Path.home()).encode()):
                # A bare / or /root stands in no sentence of ours by chance.
                assert len(word) < 3 or word not in content, (file, word)
    readme = (bundle / "README.md").read_text()
    assert "Run 3 is failed" in readme
    assert "HIERAPP\\_HOME/runs/3/x is broken" in readme
    assert "Run 4 is queued" in readme


def test_every_file_is_explained(bundle):
    readme = (bundle / "README.md").read_text()
    for file in bundle.rglob("*"):
        if file.is_file() and file.name != "README.md":
            assert f"`{file.name}`" in readme or f"/{file.name}`" in readme, file.name


def test_the_same_runs_make_the_same_bytes(store):
    assert export.as_bytes(store, ["1", "2"]) == export.as_bytes(store, ["2", "1"])


def test_weights_and_predictions_may_be_left_out_and_a_log_comes_when_asked_for(store, tmp_path):
    bare = names(export.as_bytes(store, ["1"], ExportOptions(weights=False, predictions=False)))
    assert [name for name in bare if name.endswith((".safetensors", "predictions.csv", "log.txt"))] == []
    assert "runs/1/log.txt" in names(export.as_bytes(store, ["1"], ExportOptions(logs=True)))
    (place := tmp_path / "x.zip").write_text("mine")
    with pytest.raises(StoreError, match=r"x\.zip already exists; remove it or choose another name\."):
        export.write(store, ["1"], place)
    assert place.read_text() == "mine"
    for ids, kind, message in ((["99"], StoreError, "There is no run '99'"), ([], ConfigError, "No run is chosen")):
        with pytest.raises(kind, match=message):
            export.write(store, ids, tmp_path / "y.zip")
    with pytest.raises(StoreError, match=r"cannot be written to .*nowhere"):
        export.write(store, ["1"], tmp_path / "nowhere" / "y.zip")
    assert [file.name for file in tmp_path.iterdir()] == ["x.zip"]


def test_the_command_writes_the_same_and_tells_of_runs_that_are_not_finished(store, tmp_path, capsys):
    file = tmp_path / "runs.zip"
    assert cli.main(["export", "1", "3", "--no-weights", "-o", str(file)]) == 0
    assert file.read_bytes() == export.as_bytes(store, ["1", "3"], ExportOptions(weights=False))
    assert "run 3 is failed" in capsys.readouterr().out
    assert cli.main(["export", "1", "-o", str(file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_the_script_of_a_bundle_trains_the_same_runs_bit_for_bit_without_the_app_and_the_store(bundle, tmp_path):
    guard = (
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print(sorted({'streamlit', 'plotly', 'hierapp.runs.store', 'hierapp.execution.worker'}"
        " & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", guard, str(bundle / "reproduce.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "HIERAPP_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "2"},
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("bit for bit, and so are the weights") == 2
    assert "run 3 did not finish" in done.stdout
    assert done.stdout.endswith("2 of 2 runs are the same, bit for bit\n[]\n")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("changed", ["seed", "tree", "similarity", "figure", "weights"])
def test_a_bundle_that_was_changed_does_not_come_out_the_same(bundle, tmp_path, capsys, changed):
    from shutil import copytree

    from safetensors.numpy import load_file, save_file

    copy = copytree(bundle, tmp_path / "bundle")
    folder = copy / "runs" / "2"
    if changed == "seed":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "seed": 4}))
    elif changed == "tree":
        flat = LabelTree.from_edges([("digit", leaf) for leaf in TREE.leaves])
        flat.save(folder / "tree.json")
    elif changed == "similarity":
        text = (folder / "similarity.csv").read_text()
        assert ",0.5" in text
        (folder / "similarity.csv").write_text(text.replace(",0.5", ",0.4"))
    elif changed == "figure":
        test = json.loads((folder / "test.json").read_text())
        (folder / "test.json").write_text(json.dumps({**test, "accuracy": float(np.nextafter(test["accuracy"], 1))}))
    else:
        tensors = load_file(folder / "model.safetensors")
        name = next(iter(tensors))
        save_file({**tensors, name: tensors[name] + np.float32(1e-3)}, folder / "model.safetensors")
    assert reproduce_script.main(["--run", "2"], copy) == reproduce_script.DIFFERS
    told = capsys.readouterr().out
    assert "  differs: " in told
    assert "machine and versions are the same: configuration, tree, data or code must differ" in told


def test_another_machine_is_told_where_figures_differ(bundle, tmp_path, capsys):
    from shutil import copytree

    folder = copytree(bundle, tmp_path / "bundle") / "runs" / "2"
    facts, test = (json.loads((folder / name).read_text()) for name in ("run.json", "test.json"))
    facts["trained_with"]["processor"] = "Another One"
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "test.json").write_text(json.dumps({**test, "loss": 1.5}))
    assert reproduce_script.main(["--run", "2"], folder.parents[1]) == reproduce_script.DIFFERS
    told = capsys.readouterr().out
    assert "loss 1.5 then, " in told
    assert "different conditions, a possible reason: processor 'Another One' then, " in told


def test_what_cannot_be_tried_is_told_in_a_sentence(bundle, tmp_path, capsys):
    assert reproduce_script.main(["--run", "9"], bundle) == 2
    assert capsys.readouterr().err == "reproduce: There is no run '9' in this bundle.\n"
    assert reproduce_script.main(["--run", "3"], bundle) == 2
    assert "nothing to reproduce" in capsys.readouterr().err


def test_figures_are_compared_by_every_bit():
    same = {"a": float("nan"), "b": [1.0, None]}
    assert reproduce_script.compare(same, {**same, "c": 1}) == []
    assert reproduce_script.compare({"a": 0.1}, {"a": 0.1 + 2**-56 * 2}) != []
    assert reproduce_script.compare({"b": [1.0, 2.0]}, {"b": [1.0, 2.5]}) == ["b, by at most 0.5"]
    assert reproduce_script.compare({"a": 1}, {}) == ["a 1 then, None now"]
