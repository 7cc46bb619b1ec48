"""The experiment over lower bounds: what it trains, that it goes on where it stopped, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import simloss_bounds
from hierapp.training import trainer


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


ASKED = ["--data", "digits", "--similarity", "ordinal:0.5", "--epochs", "1", "--out", "r.json", "--images", "200"]


@pytest.mark.slow
def test_it_trains_what_is_missing_and_prints_all(home, capsys, monkeypatch):
    assert simloss_bounds.main([*ASKED, "--bounds", "0", "0.5", "--svg", "r.svg"]) == 0
    rows = json.loads((home / "r.json").read_text())["runs"]
    assert [(row["loss"], row["bound"], row["seed"]) for row in rows] == [
        ("cross-entropy", None, 0),
        ("simloss", 0.0, 0),
        ("simloss", 0.5, 0),
    ]
    assert (rows[1]["alike"], rows[2]["alike"]) == (1.0, 0.0)
    # With a bound that leaves nothing alike SimLoss is cross-entropy, and the same seed gives the same.
    assert [rows[2][figure] for figure in ("accuracy", "mean_distance")] == [
        rows[0][figure] for figure in ("accuracy", "mean_distance")
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith(f"| cross-entropy |  | 1 | {rows[0]['accuracy']:.4f} |")
    assert lines[3].startswith("| simloss, ordinal:0.5, lower bound 0 | 100.0% | 1 |")
    drawn = ElementTree.parse(home / "r.svg")
    assert len([each for each in drawn.iter() if each.tag.endswith("circle")]) == 3 * 2

    trained = []
    train = trainer.train
    monkeypatch.setattr(
        trainer, "train", lambda config, *rest, **named: trained.append(config.seed) or train(config, *rest, **named)
    )
    assert simloss_bounds.main([*ASKED, "--bounds", "0", "0.5", "--seeds", "2"]) == 0
    assert trained == [1, 1, 1]
    assert " ± " in capsys.readouterr().out


def test_a_file_of_other_settings_is_left_alone(home, capsys):
    (home / "r.json").write_text('{"settings": {"data": "cifar10"}, "runs": []}')
    assert simloss_bounds.main(ASKED) == 2
    assert "has results of different settings" in capsys.readouterr().err
    assert (home / "r.json").read_text() == '{"settings": {"data": "cifar10"}, "runs": []}'
