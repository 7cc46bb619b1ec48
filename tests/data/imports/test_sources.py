"""Which pictures are of which class and part, by folders and by names."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from hierapp.data.imports import build, folders, sources
from hierapp.data.imports.options import Options
from hierapp.errors import DatasetError
from tests.data.imports.conftest import classes, png, write


def touch(folder: Path, *names: str) -> Path:
    """Files without pictures: none is opened here."""
    return write(folder, dict.fromkeys(names, b""))


def found(folder: Path, **options: object) -> sources.Source:
    return sources.find(folder, Options(**options))


def told(folder: Path, **options: object) -> str:
    with pytest.raises(DatasetError) as caught:
        found(folder, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def by_class(source: sources.Source) -> dict[str, list[tuple[str, str | None]]]:
    lists: dict[str, list[tuple[str, str | None]]] = {name: [] for name in source.classes}
    for picture in source.pictures:
        lists[source.classes[picture.label]].append((picture.shown, picture.part))
    return lists


def test_folders_are_classes_in_the_order_of_people(tmp_path):
    touch(tmp_path, "class 10/a.png", "class 2/10.png", "class 2/9.png", "class 2/x.JPG")
    assert by_class(found(tmp_path)) == {
        "class 2": [("class 2/9.png", None), ("class 2/10.png", None), ("class 2/x.JPG", None)],
        "class 10": [("class 10/a.png", None)],
    }


@pytest.mark.parametrize("top", ["", "flowers/", "a/b/"])
def test_train_and_test_may_stand_above_and_a_folder_around_everything(tmp_path, top):
    touch(tmp_path, f"{top}Train/cat/1.png", f"{top}Train/dog/1.png", f"{top}val/cat/2.png", f"{top}test/cat/3.png")
    source = found(tmp_path)
    assert [picture.part for picture in source.pictures] == ["test", "train", "train", "train"]
    assert by_class(source)["cat"] == [
        (f"{top}test/cat/3.png", "test"),
        (f"{top}Train/cat/1.png", "train"),
        (f"{top}val/cat/2.png", "train"),
    ]
    assert source.layout == "train and test folders"


def test_a_train_folder_alone_leaves_the_test_part_to_be_drawn(tmp_path):
    touch(tmp_path, "train/cat/1.png", "train/dog/1.png")
    source = found(tmp_path)
    assert source.classes == ["cat", "dog"]
    assert {picture.part for picture in source.pictures} == {None}


def test_a_class_called_test_among_others_is_a_class(tmp_path):
    touch(tmp_path, "test/1.png", "exam/1.png")
    assert found(tmp_path).classes == ["exam", "test"]


def test_folders_of_class_folders_are_groups_and_equal_names_are_told_apart(tmp_path):
    touch(tmp_path, "animals/cat/1.png", "animals/other/1.png", "things/car/1.png", "things/other/1.png", "sky/1.png")
    source = found(tmp_path)
    groups = dict(zip(source.classes, source.groups, strict=True))
    assert groups == {
        "cat": ("animals",),
        "animals/other": ("animals",),
        "sky": (),
        "car": ("things",),
        "things/other": ("things",),
    }


def test_an_empty_folder_is_a_class_and_hidden_files_are_not_there(tmp_path):
    touch(tmp_path, "cat/1.png", "dog/.DS_Store", "__MACOSX/cat/1.png", ".git/x.png", "cat/notes.txt")
    source = found(tmp_path)
    assert source.classes == ["cat", "dog"]
    assert (source.left_out.names, source.left_out.count) == (["cat/notes.txt"], 1)


def test_links_to_pictures_of_an_archive_are_read_and_others_named(tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as out:
        for name, picture in classes(6).items():
            info, content = tarfile.TarInfo(name), png(picture)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
        for name, target in [(f"ruby/{i}.png", f"../red/{i}.png") for i in range(6)] + [
            ("ruby/gone.png", "/any/1.png")
        ]:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            out.addfile(link)
    report = build.build(tmp_path / "set.tar", "set", tmp_path / "built", Options(side=8), lambda *_: None)
    assert list(report.classes) == ["blue", "green", "red", "ruby"]
    assert report.passed_over == ["ruby/gone.png (a link)"]
    assert sum(report.train) + sum(report.test) == 24


def test_links_are_not_followed(tmp_path):
    secret = touch(tmp_path / "secret", "1.png")
    folder = touch(tmp_path / "mine", "cat/1.png", "dog/1.png")
    (folder / "linked").symlink_to(secret)
    (folder / "cat" / "2.png").symlink_to(secret / "1.png")
    source = found(folder)
    assert source.classes == ["cat", "dog"]
    assert len(source.pictures) == 2
    assert source.left_out.names == ["cat/2.png (a link)", "linked (a link)"]


def test_what_cannot_be_classes_is_told(tmp_path):
    assert "contains no images" in told(touch(tmp_path / "none", "notes.txt"))
    assert "are not in class folders" in told(touch(tmp_path / "flat", "1.png", "2.png"))
    assert "UTKFace" in told(touch(tmp_path / "faces", "26_0_2_2017.jpg", "3_1_0_2017.jpg"))
    assert "a class and a group" in told(touch(tmp_path / "both", "a/1.png", "a/b/1.png", "c/1.png"))
    assert "cannot be read" in told(tmp_path / "nowhere")


def test_pictures_beside_the_class_folders_are_named(tmp_path):
    source = found(touch(tmp_path, "cat/1.png", "dog/1.png", "stray.png"))
    assert [file for file, _ in source.no_class] == ["stray.png"]


def test_too_many_classes_are_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_CLASSES", 5)
    for number in range(6):
        (tmp_path / str(number)).mkdir()
    assert told(tmp_path).startswith("There are 6 class folders, but at most 5 ")


def test_folders_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FILES", 5)
    assert "more than 5 files" in told(touch(tmp_path / "many", *(f"a/{i}.png" for i in range(6))))
    monkeypatch.undo()
    assert "nested" in told(touch(tmp_path / "deep", "x/1.png", "/".join("y" * 30) + "/1.png"))


# UTKFace


def test_ages_are_put_into_bins_in_their_order(tmp_path):
    touch(tmp_path, "part1/100_0_0_2017.jpg", "part1/9_1_0_2017.jpg.chip.jpg", "part2/10_0_0_2017.jpg", "part2/x.jpg")
    source = found(tmp_path, utkface=True, bin=10)
    assert by_class(source) == {
        "0-9": [("part1/9_1_0_2017.jpg.chip.jpg", None)],
        "10-19": [("part2/10_0_0_2017.jpg", None)],
        "100-109": [("part1/100_0_0_2017.jpg", None)],
    }
    assert source.ordinal
    assert [file for file, _ in source.no_class] == ["part2/x.jpg"]
    assert found(tmp_path, utkface=True, bin=1).classes == ["9", "10", "100"]


def test_faces_have_train_and_test_folders_too(tmp_path):
    source = found(touch(tmp_path, "train/1_0.jpg", "test/2_0.jpg"), utkface=True, bin=1)
    assert [(source.classes[each.label], each.part) for each in source.pictures] == [("1", "train"), ("2", "test")]


def test_faces_without_ages_are_told(tmp_path):
    assert "has an age in its name" in told(touch(tmp_path, "anna.jpg", "b/otto.jpg"), utkface=True)


@pytest.mark.parametrize("wrong", [{"side": 7}, {"side": 257}, {"test_share": 0}, {"test_share": 0.6}, {"bin": 0}])
def test_options_out_of_range_are_told(wrong):
    with pytest.raises(DatasetError, match=r"^Expected .* but got .*\.$"):
        Options(**wrong)
