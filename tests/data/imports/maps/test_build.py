"""Import of pictures with label maps: arrays, report, tree, and one sentence for each fault."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hierapp.cli.main import main
from hierapp.data import registry as datasets
from hierapp.data.imports import finalize
from hierapp.data.imports.maps import writing
from hierapp.errors import DatasetError
from hierapp.trees import LabelTree, library as tree_library
from tests import label_maps
from tests.label_maps import CLASSES, HEIGHT, VOID, WIDTH, checked, files, own, pack, scene, table, write


def test_arrays_are_those_of_the_source(tmp_path: Path) -> None:
    entry = own(tmp_path)
    assert (entry.kind, entry.class_names, entry.image_shape) == ("segmentation", CLASSES, (HEIGHT, WIDTH, 3))
    images, maps = datasets.arrays("streets", "train")
    drawn = [scene(seed) for seed in range(16)]
    by_content = {pixels.tobytes(): labels for pixels, labels in drawn}
    assert len(images) == 16
    assert all((by_content[image.tobytes()] == each).all() for image, each in zip(images, maps, strict=True))
    part = datasets.load("streets", "test")
    assert part.has_maps
    assert part.content_hash
    assert datasets.class_counts("streets")["test"].tolist() == [
        sum(int((scene(seed)[1] == label).sum()) for seed in range(16, 22)) for label in range(4)
    ]


def test_an_archive_is_told_by_its_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = pack(tmp_path / "streets.zip", {**files(), "classes.csv": table()})
    assert main(["data", "check", str(archive), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["kind"] == "segmentation"
    assert (report["images"], report["num_test"], report["height"], report["width"]) == (22, 6, HEIGHT, WIDTH)
    assert report["train"] == [16, 16, 16, 8]
    assert main(["data", "import", str(archive)]) == 0
    assert "person" in capsys.readouterr().out
    folder = write(tmp_path / "folder", files())
    with tarfile.open(tmp_path / "streets.tar", "w") as out:
        out.add(folder, "streets")
    assert checked(tmp_path / "streets.tar")[1].kind == "segmentation"


def test_colors_of_a_table(tmp_path: Path) -> None:
    palette = {0: (1, 2, 3), 1: (4, 5, 6), 2: (7, 8, 9), 3: (10, 11, 12), VOID: (0, 0, 0)}
    made = files()
    for name, image in made.items():
        if "labels" in name:
            labels = np.asarray(image)
            colored = np.zeros((*labels.shape, 3), np.uint8)
            for value, color in palette.items():
                colored[labels == value] = color
            made[name] = Image.fromarray(colored)
    rows = [f"{name},{r},{g},{b}" for name, (r, g, b) in zip((*CLASSES, "void"), palette.values(), strict=True)]
    source = write(tmp_path / "colored", {**made, "class_dict.csv": "name,r,g,b\n" + "\n".join(rows)})
    token, report = checked(source)
    assert report.unknown == {}
    finalize.finalize(token, "colored")
    own(tmp_path)
    assert (datasets.arrays("colored", "test")[1] == datasets.arrays("streets", "test")[1]).all()


def test_a_smaller_height(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {**files(), "classes.csv": table()})
    _, report = checked(source, height=9)
    assert (report.height, report.width, report.resized) == (9, 12, 22)


def test_camvid_by_the_names_of_its_pictures(tmp_path: Path) -> None:
    made = files("{part}/images/0001TP_{number}.png", "{part}/labels/0001TP_{number}.png")
    report = checked(write(tmp_path / "source", made))[1]
    assert report.classes == ["sky", "building", "pole", "road"]
    assert set(tree_library.load("camvid").leaves) > set(report.classes)


def test_cityscapes(tmp_path: Path) -> None:
    picture = "leftImg8bit/{part}/ulm/ulm_{number}_leftImg8bit.png"
    made = files(picture, "gtFine/{part}/ulm/ulm_{number}_gtFine_labelIds.png", {"train": 4, "val": 2, "test": 1})
    ids = {0: 23, 1: 7, 2: 26, 3: 24, VOID: 3}
    for name, image in made.items():
        if "gtFine" in name:
            new = np.vectorize(ids.get)(np.asarray(image)).astype(np.uint8)
            made[name] = Image.fromarray(np.zeros_like(new) if "/test/" in name else new)
    token, report = checked(write(tmp_path / "cityscapes", made))
    assert report.classes == ["road", "sky", "person", "car"]
    assert (report.num_train, report.num_test) == (4, 2)
    tree = tree_library.load(finalize.finalize(token, "city").default_tree)
    assert tree.nodes[tree.parents[tree.nodes.index("car")]] == "vehicle"
    assert set(tree.leaves) == set(report.classes)


def test_the_tree_of_a_table(tmp_path: Path) -> None:
    text = "name,value,parent\nsky,0,far\nroad,1,near\ncar,2,near\nperson,3,near\n"
    entry = finalize.finalize(checked(write(tmp_path / "source", {**files(), "classes.csv": text}))[0], "streets")
    assert tree_library.load(entry.default_tree) == LabelTree.from_edges(
        [("root", "far"), ("far", "sky"), ("root", "near"), ("near", "road"), ("near", "car"), ("near", "person")]
    )


def faulty(tmp_path: Path, **changes: object) -> Path:
    made: dict[str, object] = {**files(), "classes.csv": table()}
    for name, content in changes.items():
        path = name.replace("__", "/") + ".png"
        if content is None:
            del made[path]
        else:
            made[path] = content
    return write(tmp_path / "faulty", made)  # type: ignore[arg-type]


def test_missing_pairs_and_other_sizes_are_left_out(tmp_path: Path) -> None:
    small = Image.fromarray(np.zeros((6, 8), np.uint8))
    void = Image.fromarray(np.full((HEIGHT, WIDTH), VOID, np.uint8))
    source = faulty(
        tmp_path, train__labels__0=None, train__images__1=None, train__labels__2=small, train__labels__3=void
    )
    report = checked(source)[1]
    assert report.broken_count == 4
    why = dict(report.broken)
    assert "no label map" in why["train/images/0.png"]
    assert "no picture" in why["train/labels/1.png"]
    assert "16 x 12" in why["train/images/2.png"]
    assert "8 x 6" in why["train/images/2.png"]
    assert "No pixel" in why["train/images/3.png"]
    assert report.num_train == 12
    assert any("cannot be used" in warning for warning in report.warnings)


def test_unknown_values_count_as_void(tmp_path: Path) -> None:
    labels = scene(0)[1].copy()
    labels[0, :5] = 77
    report = checked(faulty(tmp_path, train__labels__0=Image.fromarray(labels)))[1]
    assert report.unknown == {"77": 5}
    assert any("77 (5 pixels)" in warning for warning in report.warnings)


def test_tiny_and_empty_classes(tmp_path: Path) -> None:
    text = table() + "tram,4\n"
    report = checked(write(tmp_path / "source", {**files(), "classes.csv": text}))[1]
    assert report.empty == ["tram"]
    assert report.tiny == ["person"]


def test_without_a_table_classes_are_numbered(tmp_path: Path) -> None:
    report = checked(write(tmp_path / "source", files()))[1]
    assert report.classes == ["class 0", "class 1", "class 2", "class 3"]


@pytest.mark.parametrize("mode", ["P", "LA", "I;16"])
def test_modes_of_maps(tmp_path: Path, mode: str) -> None:
    made = dict(files())
    for name, image in made.items():
        if "labels" in name and mode == "P":
            image.putpalette([3 * value % 256 for value in range(768)])
        elif "labels" in name:
            made[name] = image.convert("LA") if mode == "LA" else Image.fromarray(np.asarray(image).astype(np.uint16))
    finalize.finalize(checked(write(tmp_path / "source", {**made, "classes.csv": table()}))[0], "modes")
    own(tmp_path)
    assert (datasets.arrays("modes", "train")[1] == datasets.arrays("streets", "train")[1]).all()


def test_black_and_white_masks_have_two_classes(tmp_path: Path) -> None:
    made = dict(files("images/{number}.png", "masks/{number}.png"))
    for name, image in made.items():
        if "masks" in name:
            made[name] = Image.fromarray(np.where(np.asarray(image) == 1, 255, 0).astype(np.uint8))
    report = checked(write(tmp_path / "source", made))[1]
    assert report.classes == ["class 0", "class 255"]
    assert report.void_pixels == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": "images/a{number}.png", "labels": "labels/b{number}.png"}, "label map"),
        ({"constant": True}, "at least two classes"),
        ({"color": True}, r"classes\.csv"),
    ],
)
def test_sources_that_cannot_be_used(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    made = files(str(changes.get("images", "images/{number}.png")), str(changes.get("labels", "labels/{number}.png")))
    for name, image in made.items():
        if "labels" in name and ("constant" in changes or "color" in changes):
            labels = np.asarray(image)
            made[name] = Image.fromarray(
                np.zeros_like(labels) if "constant" in changes else np.array(label_maps.COLORS)[labels % 4].astype("u1")
            )
    with pytest.raises(DatasetError, match=message):
        checked(write(tmp_path / "source", made))


def test_too_many_classes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_MAP_CLASSES", 3)
    with pytest.raises(DatasetError, match="4 classes, but at most 3"):
        checked(write(tmp_path / "source", files()))


def test_jpeg_maps_are_refused(tmp_path: Path) -> None:
    made: dict[str, bytes | str | Image.Image] = dict(files(parts={"train": 3, "test": 2}))
    jpeg = tmp_path / "map.jpg"
    Image.fromarray(scene(0)[1]).save(jpeg)
    del made["train/labels/0.png"]
    made["train/labels/0.jpg"] = jpeg.read_bytes()
    report = checked(write(tmp_path / "source", made))[1]
    assert "not exact" in report.broken[0][1]


def test_limits_of_the_height() -> None:
    with pytest.raises(DatasetError, match="8 to 1024"):
        checked(Path(), height=4)
