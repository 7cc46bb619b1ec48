"""How much room is left, and when that is too little."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from hierapp.utils import disk


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_nearest_one_that_is(tmp_path):
    (tmp_path / "file").write_text("no folder")
    here = disk.disk_of(tmp_path)
    assert here.total > here.free > 0
    for folder in (tmp_path / "a" / "b" / "c", tmp_path / "file" / "below"):
        found = disk.disk_of(folder)
        assert (found.folder, found.total) == (folder, here.total)
        assert not folder.exists()


@pytest.mark.parametrize(
    ("free", "room"),
    [(0, "full"), ((50 << 20) - 1, "full"), (50 << 20, "low"), ((1 << 30) - 1, "low"), (1 << 30, "enough")],
)
def test_below_a_gibibyte_room_is_low_and_below_50_mebibytes_there_is_none(free, room, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free, total=1 << 40))
    assert disk.disk_of(Path("/anywhere")).room == room


def test_a_disk_that_does_not_answer_is_no_error(monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disk.shutil, "disk_usage", refuse)
    assert disk.disk_of(Path("/anywhere")) is None


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (25 * 1024**3 // 10, "2.5 GiB")]
)
def test_sizes_are_told_in_powers_of_1024(count, words):
    assert disk.in_words(count) == words
