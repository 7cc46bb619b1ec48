"""Files are placed or replaced completely or not at all, whatever comes between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hierapp.errors import StoreError
from hierapp.utils import files, locks, parts, private


@pytest.fixture(params=["links", "no links"], autouse=True)
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks with and without hard links."""

    def no_links(*arguments: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", no_links)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_new_file_is_placed_and_an_existing_one_never_replaced(tmp_path: Path) -> None:
    files.place(b"first", tmp_path / "a")
    with pytest.raises(FileExistsError):
        files.place(b"second", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


def test_of_many_that_place_one_file_at_once_one_succeeds(tmp_path: Path) -> None:
    done: list[int] = []

    def place(number: int) -> None:
        try:
            files.place(b"%d" % number * 1000, tmp_path / "a")
            done.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=place, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = done
    assert (tmp_path / "a").read_bytes() == b"%d" % winner * 1000
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", [files.place, files.replace])
@pytest.mark.parametrize("fails", ["fsync", "rename"])
def test_a_write_that_fails_leaves_what_was_there(
    call, fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if call is files.replace:
        files.place(b"before", tmp_path / "a")
    before = names(tmp_path)
    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
        monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="No space left"):
        call(b"after", tmp_path / "a")
    assert names(tmp_path) == before
    assert not before or (tmp_path / "a").read_bytes() == b"before"


def test_replace_keeps_the_mode_and_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    files.replace(b"after", tmp_path / "link")
    assert (tmp_path / "a").read_bytes() == b"after"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link").is_symlink()
    files.replace(b"nowhere", Path(os.devnull))
    assert Path(os.devnull).is_char_device()


def test_a_folder_is_placed_and_never_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "side").mkdir()
    (tmp_path / "side" / "x").touch()
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreError, match="there already exists"):
        files.commit(tmp_path / "side", tmp_path / "there")
    assert names(tmp_path / "there") == []
    files.commit(tmp_path / "side", tmp_path / "new")
    assert names(tmp_path / "new") == ["x"]


def test_a_file_of_no_use_is_set_aside_under_a_free_name(tmp_path: Path) -> None:
    for content in (b"1", b"2", b"3"):
        (tmp_path / "a.gz").write_bytes(content)
        assert files.set_aside(tmp_path / "a.gz").read_bytes() == content
    (tmp_path / "a.gz").mkdir()
    files.set_aside(tmp_path / "a.gz")
    (tmp_path / "a.gz").symlink_to("nowhere")
    files.set_aside(tmp_path / "a.gz")
    assert names(tmp_path) == [f"a.gz.broken{end}" for end in ("", "-2", "-3", "-4", "-5")]
    assert (tmp_path / "a.gz.broken-5").is_symlink()


def test_what_a_user_names_is_told(tmp_path: Path) -> None:
    files.create(b"x", tmp_path / "a")
    with pytest.raises(StoreError, match=r"a already exists; remove it or choose another name\.$"):
        files.create(b"y", tmp_path / "a")
    with pytest.raises(StoreError, match=r"none/a cannot be written \(No such file or directory\)\.$"):
        files.create(b"y", tmp_path / "none" / "a")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    inside: list[int] = []

    def hold(number: int) -> None:
        with locks.holding(tmp_path / "lock"):
            inside.append(number)
            assert inside == [number]
            inside.remove(number)

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []


# Parts that killed processes left


def left_by_a_killed_process(folder: Path) -> Path:
    """Return a part, a folder with a file, whose process was killed."""
    code = "import sys; from pathlib import Path; from hierapp.utils import parts; print(parts.beside(Path('x')).name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    part = folder / done.stdout.strip()
    part.mkdir()
    (part / "backup.zip").write_bytes(b"half")
    return part


def test_the_parts_of_a_killed_process_are_removed_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    left, ours = left_by_a_killed_process(tmp_path), parts.beside(tmp_path / "x")
    ours.touch()
    for name in ("x.part", ".x.part", ".abcdefgh.part", ".12345678-theirs.part", "mine"):
        (tmp_path / name).touch()
    assert parts.remove_left(tmp_path) == [left]
    assert ours.exists()
    assert len(names(tmp_path)) == 6
    assert parts.remove_left(tmp_path / "none") == []


def test_the_parts_of_before_a_restart_and_of_other_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = parts.processes.identity(os.getpid())
    assert here is not None
    host, boot, namespace, pid, start = here.split(" ")

    def part_of(*identity: str) -> Path:
        with monkeypatch.context() as patch:
            patch.setattr(parts.processes, "identity", lambda pid: " ".join(identity))
            made = parts.beside(tmp_path / "x")
        made.touch()
        return made

    restarted = part_of(host, "earlier", namespace, pid, start)
    elsewhere = part_of("other", "its-own", namespace, pid, start)
    container = part_of(host, boot, "other", pid, start)
    later = part_of(host, boot, namespace, pid, "1")  # the id was given to another process
    assert set(parts.remove_left(tmp_path)) == {restarted, later}
    os.utime(elsewhere, (0, 0))
    assert parts.remove_left(tmp_path) == [elsewhere]
    assert names(tmp_path) == [container.name]


def test_parts_of_version_0_1_0_are_removed_from_hierapps_own_folders_after_a_week(tmp_path: Path) -> None:
    for name, old in ((".0123456789abcdef.part", True), (".a1_bcdef.part", True), (".fresh_67.part", False)):
        (tmp_path / name).touch()
        if old:
            os.utime(tmp_path / name, (0, 0))
    assert parts.remove_left(tmp_path) == []
    parts.remove_left(tmp_path, own=True)
    assert names(tmp_path) == [".fresh_67.part"]


def test_a_staging_folder_of_a_killed_process_goes_with_the_next(tmp_path: Path) -> None:
    left_by_a_killed_process(tmp_path)
    with files.staging_dir(tmp_path / "b.zip") as folder:
        assert names(tmp_path) == [folder.name]
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "side").write_bytes(b"whole")
        files.commit(folder / "side", tmp_path / "b.zip")
    assert names(tmp_path) == ["b.zip"]
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600


def test_a_folder_is_made_private_with_those_above_and_others_stay(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert tmp_path.stat().st_mode & 0o777 == 0o755
