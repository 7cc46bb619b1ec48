"""Event files, read back by TensorBoard itself and compared with the store."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from hierapp.analysis import groups
from hierapp.cli import main as cli
from hierapp.errors import ConfigError, StoreError
from hierapp.export import tensorboard
from hierapp.runs import Store, notes
from tests.app.conftest import add_run
from tests.finished_runs import add_finished


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A finished run, a failed one with a loss that was NaN, recorded within epochs."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    made = Store()
    add_finished(made, "hxe", options={"alpha": 0.5})
    run = add_run(made, "running")
    writer = made.writer(run)
    writer.report(2.25, {"train_loss": 0.125}, 0.7)
    writer.report(2.5, {"train_loss": math.nan}, 0.8)
    writer.end("failed", error="It would not.")
    notes.put(made, run, "**why**?\nsee run 1")
    return made


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def test_every_figure_is_read_back_at_its_step(store, tmp_path):
    folder = tmp_path / "events"
    written = tensorboard.write(store, ["2", "1", "2"], folder)
    assert [run.id for run in written] == ["1", "2"]
    places = sorted(folder.iterdir())
    assert [place.name for place in places] == ["run-1-hxe-alpha-0.5", "run-2-hierarchical"]
    for run, place in zip(store.runs(), places, strict=True):
        found, expected = read(place), store.metrics([run.id])[run.id]
        tags = {tag for tag in found.Tags()["scalars"] if not tag.startswith("test/")}
        assert tags == {
            "by_1000th_of_epoch/train_loss", *(f"by_epoch/{name}" for name in expected if name != "train_loss"),
        }  # fmt: skip
        for tag in tags:
            parts, name = (1000 if "1000th" in tag else 1), tag.split("/")[1]
            points = [(event.step / parts, event.value) for event in found.Scalars(tag)]
            wanted = [(epoch, float(np.float32(value))) for epoch, value in expected[name]]
            assert str(points) == str(wanted)  # NaN is no NaN
            assert {event.wall_time for event in found.Scalars(tag)} == {run.started}
        test = {tag: found.Scalars(tag) for tag in found.Tags()["scalars"] if tag.startswith("test/")}
        if run.test is None:
            assert test == {}
        else:
            metrics = {name: run.test[name] for name in groups.metrics([run])}
            assert test["test/accuracy"][0].value == np.float32(metrics["accuracy"])
            assert test["test/severity"][0].step == run.test["epoch"] == 3
            assert len(test) > 20
            assert "test/epoch" not in test


def test_configuration_and_note_are_read_back(store, tmp_path):
    tensorboard.write(store, ["1", "2"], tmp_path / "events")
    first, second = (read(place) for place in sorted((tmp_path / "events").iterdir()))
    (said,) = first.Tensors("config")
    assert json.loads(said.tensor_proto.string_val[0]) == store.run("1").config.model_dump()
    (note,) = second.Tensors("note")
    assert note.tensor_proto.string_val[0] == b"    **why**?\n    see run 1"
    assert "note" not in first.Tags()["tensors"]
    about = first.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(about)
    assert start.group_name == "1"
    assert start.hparams["option alpha"].number_value == 0.5
    assert start.hparams["loss"].string_value == "hxe"
    assert start.hparams["flip"].bool_value is False
    ends = [
        metadata.parse_session_end_info_plugin_data(
            each.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
        )
        for each in (first, second)
    ]
    assert [end.status for end in ends] == [1, 2]  # success, failure
    assert ends[0].end_time_secs == store.run("1").ended


def test_the_zip_has_the_same_files_and_the_same_bytes_each_time(store, tmp_path):
    packed = tensorboard.as_bytes(store, ["1", "2"])
    assert packed == tensorboard.as_bytes(store, ["2", "1"])
    tensorboard.write(store, ["1", "2"], tmp_path / "events")
    files = {
        str(file.relative_to(tmp_path / "events")): file.read_bytes() for file in (tmp_path / "events").rglob("events*")
    }
    with zipfile.ZipFile(io.BytesIO(packed)) as unpacked:
        assert {name: unpacked.read(name) for name in unpacked.namelist()} == files


def test_the_command_writes_a_folder_and_never_into_one_that_is_there(store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["tensorboard", "1", "-o", "events"]) == 0
    assert capsys.readouterr().out == "events: 1 run; open with `tensorboard --logdir events`\n"
    assert cli.main(["tensorboard", "1", "-o", "events"]) == 2
    assert "events already exists" in capsys.readouterr().err
    assert cli.main(["tensorboard", "1", "-o", "nowhere/events"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert cli.main(["tensorboard", "9", "-o", "others"]) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["events", "home"]


def test_without_the_package_one_sentence_says_how_to_get_it(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    assert not tensorboard.is_installed()
    with pytest.raises(ConfigError, match="need the package tensorboard; install it with `pip install -r requirements"):
        tensorboard.write(store, ["1"], tmp_path / "events")
    with pytest.raises(ConfigError, match="need the package tensorboard"):
        tensorboard.as_bytes(store, ["1"])
    assert not (tmp_path / "events").exists()


def test_a_disk_that_refuses_leaves_no_folder(store, tmp_path, monkeypatch):
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"cannot be written to .* \(no space left on the disk\); make room"):
        tensorboard.write(store, ["1"], tmp_path / "events")
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


@pytest.mark.slow
def test_neither_torch_nor_tensorflow_is_imported(store, tmp_path):
    code = (
        "import sys\n"
        "from hierapp.export import tensorboard as export_tensorboard\n"
        "from hierapp.runs import Store\n"
        "assert 'tensorboard' not in sys.modules\n"
        "assert export_tensorboard.as_bytes(Store(), ['1'])\n"
        "assert not {'torch', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
