"""`python -m hierapp data`: check, import and delete, as a shell sees them."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hierapp import execution
from hierapp.cli import main as cli
from hierapp.data import registry as datasets
from hierapp.data.imports import sources
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.data.imports.conftest import classes, noise, odd_lot, pack, write
from tests.feature_rows import npz


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))

    def called(*words: object) -> tuple[int, str, str]:
        status = cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        return status, out, err

    return called


def left(tmp_path: Path) -> list[str]:
    own = tmp_path / "data" / "own"
    return sorted(path.name for path in own.iterdir()) if own.exists() else []


@pytest.mark.slow
def test_pictures_are_checked_imported_listed_and_deleted(call, tmp_path):
    lot = pack(tmp_path / "lot.zip", odd_lot())
    status, out, err = call("data", "check", lot)
    assert (status, err) == (0, "")
    assert "lot.zip: 299 images by class folders, 3 classes, color." in out
    assert "red/2.png: The image 2.png is broken" in out
    assert left(tmp_path) == []

    status, out, err = call("data", "import", lot, "--name", "lot", "--side", 16, "--test-share", 0.5, "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert (report["images"], report["side"], report["broken_count"]) == (299, 16, 1)
    assert abs(sum(report["train"]) - sum(report["test"])) <= 1
    assert left(tmp_path) == ["lot"]
    rows = {row["name"]: row for row in json.loads(call("data", "list", "--json")[1])}
    assert (rows["lot"]["state"], rows["lot"]["own"], rows["digits"]["own"]) == ("ready", True, False)
    listed = call("data", "list")[1]
    assert re.search(r"^lot +ready .*Your own\.", listed, re.MULTILINE)
    assert listed.splitlines()[-1].endswith("python -m hierapp data get NAME")

    status, out, err = call("data", "delete", "lot")
    assert (status, err) == (0, "")
    assert "lot is in the trash" in out
    assert list(datasets.catalogue()) == list(datasets.DATASETS)
    assert left(tmp_path) == [".trash"]
    assert call("trash", "--empty")[0] == 0
    assert list((tmp_path / "data/own/.trash").iterdir()) == []


def test_faces_are_imported_by_age(call, tmp_path):
    faces = write(
        tmp_path / "faces", {f"{age}_0_0_{i}.jpg": noise(age + 100 * i) for age in (3, 8, 21) for i in range(9)}
    )
    assert call("data", "import", faces, "--name", "faces", "--utkface", "--bin", 5)[0] == 0
    entry = datasets.find("faces")
    assert (entry.class_names, entry.ordinal) == (("0-4", "5-9", "20-24"), True)


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/1.png", bytes(60_000_000))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda at: bomb(at / "bomb.zip"), "bomb.zip unpacks to more than 200 times its size"),
        (lambda at: pack(at / "out.zip", {"../../evil.png": noise(0)}), "which points outside its folder"),
        (lambda at: pack(at / "many.zip", {f"{i}/1.png": b"" for i in range(60)}), "There are 60 class folders"),
        (lambda at: write(at / "one", classes(3, ("cat",))), "Only 'cat' has images"),
        (lambda at: at / "nowhere", "There is no file or folder"),
    ],
    ids=["bomb", "out", "many", "one", "nowhere"],
)
def test_what_cannot_be_imported_costs_one_line_and_leaves_nothing(call, tmp_path, monkeypatch, source, message):
    monkeypatch.setattr(sources, "MOST_CLASSES", 50)
    path = source(tmp_path)
    for words in (("import", path, "--name", "mine"), ("check", path)):
        status, out, err = call("data", *words)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert message in err
    assert left(tmp_path) == []


def test_an_empty_class_is_a_warning(call, tmp_path):
    status, out, _ = call("data", "check", write(tmp_path / "s", {**classes(12), "lost/.keep": b""}))
    assert status == 0
    assert "Warning: Classes without a training image: 'lost'; left out." in out


def test_of_many_classes_the_rarest_and_the_most_frequent_are_printed(call, tmp_path):
    rows = np.repeat(np.arange(30), np.arange(30) + 4)
    table = tmp_path / "rows.csv"
    lines = (f"c{label:02},{i % 97},{i % 89}" for i, label in enumerate(rows))
    table.write_text("\n".join(["label,x,y", *lines]))
    named = {f"c{i:02}" for i in (*range(5), *range(25, 30))}
    for words, expected in (((), named), (("--all",), {f"c{i:02}" for i in range(30)})):
        status, out, _ = call("data", "check", table, *words)
        assert status == 0
        assert set(re.findall(r"^  (c\d\d) ", out, re.MULTILINE)) == expected
        assert ("20 between them are left out" in out) is (not words)


def test_a_name_that_is_taken_or_none_is_told_before_pictures_are_read(call, tmp_path):
    for name in ("digits", "../x"):
        status, _, err = call("data", "import", tmp_path / "nowhere", "--name", name)
        assert (status, len(err.splitlines())) == (2, 1)
        assert repr(name) in err


def test_a_set_in_use_is_not_deleted(call, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **named: None)
    call("data", "import", write(tmp_path / "s", classes(5)), "--name", "mine")
    execution.submit(Store(), [RunConfig.make(data="mine", tree="mine", loss="simloss")], tree_library.load("mine"))
    status, _, err = call("data", "delete", "mine")
    assert (status, err) == (
        2,
        "hierapp: Run 1 uses mine; cancel them or wait until they have ended, and delete the data set then.\n",
    )


@pytest.mark.slow
def test_features_are_checked_imported_and_trained_on(call, tmp_path):
    source = npz(tmp_path / "my rows.npz")
    status, out, _ = call("data", "check", source, "--json")
    told = json.loads(out)
    assert (status, told["kind"], told["features"], told["images"]) == (0, "features", 6, 80)
    status, out, _ = call("data", "import", source)
    assert status == 0
    assert "80 rows" in out
    assert datasets.find("my-rows").features == 6
    status, out, err = call("run", "--data", "my-rows", "--loss", "conditional", "--epochs", 1, "--model", "lenet")
    assert status == 2
    assert "linear" in err


def test_toy_pictures_are_drawn_for_a_tree_in_a_file(call, tmp_path):
    (tmp_path / "meals.txt").write_text("food\n  fruit\n    apple\n    pear\n  bread\n")
    status, out, err = call("data", "toy", "--tree", tmp_path / "meals.txt")
    assert (status, out, err) == (0, "meals-toy is ready: 600 training and 150 test images.\n", "")
    assert datasets.find("meals-toy").class_names == ("apple", "pear", "bread")
    status, out, err = call("data", "toy", "--tree", tmp_path / "meals.txt")
    assert status == 2
    assert "already exists" in err
