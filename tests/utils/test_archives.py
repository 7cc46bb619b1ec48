"""Archives of strangers: each trick is a real file made here, and nothing of a refused one is left behind."""

from __future__ import annotations

import io
import os
import random
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from hierapp.errors import ArchiveError
from hierapp.utils import archives
from hierapp.utils.archives import Limits, unpack
from tests import strategies as profile  # noqa: F401 - no deadline

RANDOM = random.Random(0)
WAYS = {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz", "tar.bz2": "w:bz2"}
Names = Iterable[tuple[str, bytes]]


def zip_of(file: Path, content: Names, **about: object) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in content:
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: ZipInfo cuts at a NUL
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in about.items():
                setattr(info, key, value)
            out.writestr(info, data)
    return file


def tar_of(file: Path, content: Names, way: str = "w", **about: object) -> Path:
    with tarfile.open(file, way) as out:
        for name, data in content:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in about.items():
                setattr(info, key, value)
            out.addfile(info, io.BytesIO(data))
    return file


def archive_of(kind: str, file: Path, content: Names) -> Path:
    return zip_of(file, content) if kind == "zip" else tar_of(file, content, WAYS[kind])


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder of its own for what is unpacked."""
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


@pytest.fixture
def refused(box: Path) -> Callable[..., str]:
    """Sees that an archive is refused in one sentence and that nothing is left; the sentence."""

    def see(archive: Path, limits: Limits | None = None) -> str:
        before = sorted(path for path in box.parent.rglob("*"))
        with pytest.raises(ArchiveError) as caught:
            unpack(archive, box / "refused", limits)
        assert sorted(path for path in box.parent.rglob("*")) == before
        said = str(caught.value)
        assert "\n" not in said
        assert said.endswith(".")
        return said

    return see


# Sound ones


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_a_sound_archive_is_unpacked_whole(tmp_path, box, kind):
    content = {
        "cats/1.png": b"a" * 100_000,
        "cats/ü 2.png": RANDOM.randbytes(512),
        "empty": b"",
        "a/b/c/d.txt": b"deep",
    }
    archive = archive_of(kind, tmp_path / "upload", [(f"./{name}", data) for name, data in content.items()])
    unpack(archive, box / "out")
    assert files_in(box / "out") == content
    assert [path.name for path in box.iterdir()] == ["out"]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_in_every_format_of_tar(tmp_path, box, format):
    name = "/".join(["n" * 40] * 4) + ".txt"
    with tarfile.open(tmp_path / "t.tar", "w", format=format) as out:
        out.add(__file__, name, filter=lambda info: info)
    unpack(tmp_path / "t.tar", box / "out")
    assert files_in(box / "out") == {name: Path(__file__).read_bytes()}


def test_folders_are_made_also_empty_ones_and_named_twice(tmp_path, box):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as out:
        for name in ("one/", "one/two/", "one/two/file"):
            out.writestr(name, b"")
        out.writestr("three/", b"")
    unpack(tmp_path / "z.zip", box / "out")
    assert sorted(str(path.relative_to(box / "out")) for path in (box / "out").rglob("*")) == [
        *("one", "one/two", "one/two/file", "three"),
    ]


def test_streams_of_xz_and_gzip_one_after_another_are_one(tmp_path, box):
    import gzip
    import lzma

    plain = tar_of(tmp_path / "plain", [("x", b"x" * 5000)]).read_bytes()
    for pack in (lzma.compress, gzip.compress):
        (tmp_path / "packed").write_bytes(pack(plain[:3000]) + pack(plain[3000:]) + bytes(8))
        unpack(tmp_path / "packed", box / pack.__module__)
        assert files_in(box / pack.__module__) == {"x": b"x" * 5000}


def test_an_archive_in_an_archive_stays_one(tmp_path, box):
    inner = zip_of(tmp_path / "inner.zip", [("../x", b"x")]).read_bytes()
    unpack(zip_of(tmp_path / "outer.zip", [("inner.zip", inner)]), box / "out")
    assert files_in(box / "out") == {"inner.zip": inner}


def test_what_is_unpacked_can_neither_be_run_nor_is_anybody_elses(tmp_path, box):
    archive = tar_of(tmp_path / "t.tar", [("x", b"#!/bin/sh")], mode=0o6777, uid=12345)
    unpack(archive, box / "out")
    found = (box / "out" / "x").stat()
    assert found.st_mode & 0o7111 == 0
    assert found.st_uid == os.getuid()


# Paths


@pytest.mark.parametrize("kind", ["zip", *WAYS])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("/etc/evil", "points outside its folder"),
        ("../evil", "points outside its folder"),
        ("a/../../evil", "points outside its folder"),
        ("a/..", "points outside its folder"),
        ("C:/evil", "points outside its folder"),
        ("c:evil", "points outside its folder"),
        ("./C:/evil", "points outside its folder"),
        ("..\\evil", "points outside its folder"),
        ("a\\..\\..\\evil", "points outside its folder"),
        ("C:\\evil", "points outside its folder"),
        ("\\\\host\\evil", "points outside its folder"),
    ],
)
def test_a_path_that_leads_out_is_refused(tmp_path, refused, kind, name, says):
    assert says in refused(archive_of(kind, tmp_path / "upload", [("fine", b"x"), (name, b"x")]))


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_backslashes_separate_folders_as_on_windows(tmp_path, kind):
    unpack(archive_of(kind, tmp_path / "upload", [("set\\a\\1", b"x"), ("set/b/2", b"y")]), tmp_path / "out")
    assert files_in(tmp_path / "out") == {"set/a/1": b"x", "set/b/2": b"y"}


def test_folders_with_backslashes_in_a_zip(tmp_path):
    unpack(zip_of(tmp_path / "z.zip", [("set\\", b""), ("set\\a\\", b""), ("set\\a\\1", b"x")]), tmp_path / "out")
    assert files_in(tmp_path / "out") == {"set/a/1": b"x"}


def test_utf_8_without_the_flag_that_says_so_is_read_and_code_page_437_still_is(tmp_path):
    file = zip_of(tmp_path / "z.zip", [("M\u00f6hre/1", b"x"), ("plain/2", b"y")])
    data = file.read_bytes()
    assert data.count(b"M\xc3\xb6hre") == 2
    # Without the flag 0x800 in the entry and in the directory.
    file.write_bytes(data.replace(b"\x14\0\0\x08", b"\x14\0\0\0"))
    unpack(file, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"M\u00f6hre/1": b"x", "plain/2": b"y"}
    file.write_bytes(data.replace(b"\x14\0\0\x08", b"\x14\0\0\0").replace(b"M\xc3\xb6hre", b"M\x94hre_"))
    unpack(file, tmp_path / "old")
    assert files_in(tmp_path / "old") == {"M\u00f6hre_/1": b"x", "plain/2": b"y"}


def test_a_nul_in_a_name_is_refused(tmp_path, refused):
    assert "some systems read" in refused(zip_of(tmp_path / "z.zip", [("evil.png\0.exe", b"x")]))
    with tarfile.open(tmp_path / "t.tar", "w", format=tarfile.PAX_FORMAT) as out:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"path": "evil.png\0.exe"}
        out.addfile(info)
    refused(tmp_path / "t.tar")


def test_a_name_that_is_not_unicode_is_refused(tmp_path, refused):
    with tarfile.open(tmp_path / "t.tar", "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as out:
        out.addfile(tarfile.TarInfo("\xff\xfe"))
    assert "not valid Unicode" in refused(tmp_path / "t.tar")


@pytest.mark.parametrize("kind", ["zip", *WAYS])
@pytest.mark.parametrize(
    "names",
    [
        ("Cat.png", "cat.png"),
        ("a/x", "A/y"),
        ("stra\u00dfe", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("\u1fb2", "\u03b1\u0345\u0300"),
        ("x", "x"),
        ("x", "./x"),
        ("x", "x/y"),
        ("x/y", "x"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_one_on_some_disks_are_refused(tmp_path, refused, kind, names):
    assert "same file on some disks" in refused(archive_of(kind, tmp_path / "upload", [(name, b"") for name in names]))


def test_a_folder_and_a_file_of_one_name_are_refused(tmp_path, refused):
    assert "same file on some disks" in refused(zip_of(tmp_path / "z.zip", [("x", b""), ("x/", b"")]))


def test_names_that_differ_by_case_may_be_allowed_but_not_twice_the_same(tmp_path, box):
    unpack(zip_of(tmp_path / "z.zip", [("Cat", b"1"), ("cat", b"2")]), box / "out", one_spelling=False)
    assert files_in(box / "out") == {"Cat": b"1", "cat": b"2"}
    with pytest.raises(ArchiveError), pytest.warns(UserWarning, match="Duplicate"):
        unpack(zip_of(tmp_path / "z.zip", [("Cat", b"1"), ("Cat", b"2")]), box / "two", one_spelling=False)


@pytest.mark.parametrize(
    ("type", "says"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"Z", "device"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, refused, type, says):
    assert says in refused(tar_of(tmp_path / "t.tar", [("x", b"")], type=type, linkname="target"))


def test_a_symlink_that_a_later_entry_would_follow_is_refused(tmp_path, refused):
    with tarfile.open(tmp_path / "t.tar", "w") as out:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        out.addfile(link)
        out.addfile(tarfile.TarInfo("way/evil"))
    assert "symbolic link" in refused(tmp_path / "t.tar")


@pytest.mark.parametrize(("kind", "says"), [(0o120777, "symbolic link"), (0o020666, "device"), (0o010666, "pipe")])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, refused, kind, says):
    assert says in refused(zip_of(tmp_path / "z.zip", [("x", b"/etc/passwd")], external_attr=kind << 16))


LINKS = {
    "train/cat/1.png": "../../all/7.png",  # to a file
    "train/cat/2.png": "1.png",  # to a link
    "again.png": "./all//7.png",
    "outside": "../secret",
    "absolute": "/etc/passwd",
    "folder": "all",
    "nowhere": "all/8.png",
    "through": "folder/7.png",  # links to folders are not followed
    "circle": "round",
    "round": "circle",
}
FOLLOWED = ("train/cat/1.png", "train/cat/2.png", "again.png")


def with_links(kind: str, file: Path, links: Mapping[str, str]) -> Path:
    """An archive with all/7.png and symbolic links before and after it."""
    before, after = list(links.items())[::2], list(links.items())[1::2]
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as out:
            for entry in (*before, None, *after):
                if entry is None:
                    out.writestr("all/7.png", b"seven")
                else:
                    info = zipfile.ZipInfo(entry[0])
                    info.create_system, info.external_attr = 3, 0o120777 << 16
                    out.writestr(info, entry[1])
        return file
    with tarfile.open(file, "w") as out:
        for entry in (*before, None, *after):
            info = tarfile.TarInfo("all/7.png" if entry is None else entry[0])
            if entry is None:
                info.size = 5
            else:
                info.type, info.linkname = tarfile.SYMTYPE, entry[1]
            out.addfile(info, io.BytesIO(b"seven"))
    return file


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_to_files_of_the_archive_are_copied_and_others_named(tmp_path, box, kind):
    archive, named = with_links(kind, tmp_path / "upload", LINKS), list[str]()
    unpack(archive, box / "out", left_out=named.append)
    assert files_in(box / "out") == dict.fromkeys(["all/7.png", *FOLLOWED], b"seven")
    assert sorted(named) == sorted(set(LINKS) - set(FOLLOWED))
    with pytest.raises(ArchiveError, match="symbolic link"):
        unpack(archive, box / "none")


def test_hard_links_name_their_file_from_the_top_of_the_archive(tmp_path, box):
    with tarfile.open(tmp_path / "t.tar", "w") as out:
        file = tarfile.TarInfo("all/7.png")
        file.size = 5
        out.addfile(file, io.BytesIO(b"seven"))
        for name, target in (("cat/1.png", "all/7.png"), ("cat/2.png", "../all/7.png")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, target
            out.addfile(link)
    named: list[str] = []
    unpack(tmp_path / "t.tar", box / "out", left_out=named.append)
    assert (files_in(box / "out"), named) == ({"all/7.png": b"seven", "cat/1.png": b"seven"}, ["cat/2.png"])


def test_links_count_towards_the_limits_and_are_checked_as_files(tmp_path, box):
    archive = with_links("tar", tmp_path / "upload", {f"{number}.png": "all/7.png" for number in range(100)})
    for limits, says in ((Limits(size=500), "unpacks to more"), (Limits(entries=100), "more than 100")):
        with pytest.raises(ArchiveError, match=says):
            unpack(archive, box / "out", limits, left_out=print)
    for links, says in (({"../evil": "all/7.png"}, "outside"), ({"a": "all/7.png", "A": "a"}, "same file")):
        with pytest.raises(ArchiveError, match=says):
            unpack(with_links("tar", tmp_path / "t", links), box / "out", left_out=print)
    with pytest.raises(ArchiveError, match="path is too long"):
        unpack(with_links("zip", tmp_path / "z", {"a": "x/" * 5000}), box / "out", left_out=print)
    assert not any(box.iterdir())


def test_the_librarys_own_filter_is_asked(tmp_path, refused, monkeypatch):
    def refuse(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
        raise tarfile.OutsideDestinationError(member, folder)

    monkeypatch.setattr(tarfile, "data_filter", refuse, raising=False)
    assert "points outside its folder" in refused(tar_of(tmp_path / "t.tar", [("x", b"")]))


PARTS = st.sampled_from(
    ["..", ".", "", "a", "A", "b", "C:", "~", "\u00e9", "e\u0301", "con", "a\\b", "..\\c", " ", "x" * 300]
)
PATHS = st.one_of(st.lists(PARTS, max_size=6).map("/".join), st.text(max_size=30))


@given(st.lists(PATHS, max_size=6), st.sampled_from(["zip", *WAYS]))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_is_ever_written_outside_the_folder(tmp_path_factory, names, kind):
    place = tmp_path_factory.mktemp("place")
    (place / "box").mkdir()
    try:
        archive_of(kind, place / "upload", [(name, b"evil") for name in names])
    except (ValueError, struct.error):
        return  # not even the library writes such a name
    try:
        unpack(place / "upload", place / "box" / "out")
        made = {"out"}
    except ArchiveError:
        made = set()
    assert {path.name for path in (place / "box").iterdir()} == made
    assert set(files_in(place / "box").values()) <= {b"evil"}
    assert {path.name for path in place.iterdir()} == {"box", "upload"}


# Bombs


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "tar.bz2"])
def test_a_bomb_of_zeros_is_refused_long_before_it_is_unpacked(tmp_path, refused, monkeypatch, kind):
    bomb = archive_of(kind, tmp_path / "bomb", [("zeros", bytes(60_000_000))])
    assert bomb.stat().st_size < 100_000
    written: list[int] = []
    count = archives._Box._count
    monkeypatch.setattr(archives._Box, "_count", lambda box, size: (written.append(size), count(box, size)))
    assert "as archive bombs do" in refused(bomb)
    assert sum(written) < 25_000_000


def test_the_size_is_counted_and_not_believed(tmp_path, refused):
    archive = zip_of(tmp_path / "z.zip", [("x", RANDOM.randbytes(50_000))])
    assert "more than the 0.049999 MB" in refused(archive, Limits(size=49_999))
    lied = archive.read_bytes().replace(struct.pack("<I", 50_000), struct.pack("<I", 10))
    archive.write_bytes(lied)
    refused(archive, Limits(size=49_999))


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_just_as_much_as_allowed_is_unpacked(tmp_path, box, refused, kind):
    archive = archive_of(kind, tmp_path / "upload", [("d/x", b"1" * 600), ("d/y", b"2" * 400)])
    unpack(archive, box / "out", Limits(entries=3, size=1000))
    refused(archive, Limits(entries=3, size=999))
    assert "more than 2 files" in refused(archive, Limits(entries=2, size=1000))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_folders_that_only_paths_name_count_as_entries(tmp_path, refused, kind):
    archive = archive_of(kind, tmp_path / "upload", [("a/" * 500 + "x", b"")])
    assert "more than 400 files" in refused(archive, Limits(entries=400, depth=1_000))


def test_a_directory_of_very_many_entries_is_not_even_read(tmp_path, refused):
    record = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    many = record * 300_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(many), 0, 0)
    (tmp_path / "z.zip").write_bytes(zip_of(tmp_path / "z.zip", [("x", b"")]).read_bytes()[:31] + many + end)
    tracemalloc.start()
    try:
        assert "too many entries" in refused(tmp_path / "z.zip", Limits(entries=1000))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000  # the directory itself is 14 MB; read, it is 150
    finally:
        tracemalloc.stop()


def local(name: bytes, packed: bytes, size: int, crc: int) -> bytes:
    return struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0) + name


def central(name: bytes, packed: int, size: int, crc: int, at: int) -> bytes:
    return (
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, crc, packed, size, len(name), 0, 0, 0, 0, 0, at)
        + name
    )


def end_of(directory: bytes, entries: int, at: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), at, 0)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def test_entries_that_share_their_bytes_are_refused(tmp_path, refused):
    """As Fifield's bomb: two directory records at one local entry."""
    data = b"x" * 1000
    packed = deflated(data)
    crc = zlib.crc32(data)
    body = local(b"a", packed, len(data), crc) + packed
    directory = central(b"a", len(packed), len(data), crc, 0) + central(b"b", len(packed), len(data), crc, 0)
    (tmp_path / "z.zip").write_bytes(body + directory + end_of(directory, 2, len(body)))
    assert "overlap" in refused(tmp_path / "z.zip")


def test_an_entry_that_quotes_the_next_one_is_refused(tmp_path, refused):
    """The other way of overlapping: the first entry's data, stored, are the second one with its header."""
    data = b"y" * 100
    packed = deflated(data)
    crc = zlib.crc32(data)
    inner = local(b"b", packed, len(data), crc) + packed
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, zlib.crc32(inner), len(inner), len(inner), 1, 0)
    outer = struct.pack(
        "<4s6H3I5H2I",
        b"PK\x01\x02",
        20,
        20,
        0,
        0,
        0,
        33,
        zlib.crc32(inner),
        len(inner),
        len(inner),
        1,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    directory = outer + b"a" + central(b"b", len(packed), len(data), crc, len(head) + 1)
    body = head + b"a" + inner
    file = tmp_path / "z.zip"
    file.write_bytes(body + directory + end_of(directory, 2, len(body)))
    with zipfile.ZipFile(file) as opened:
        assert len(opened.infolist()) == 2
    assert "overlap" in refused(file)


def test_an_entry_that_reaches_into_the_directory_is_refused(tmp_path, refused):
    data = b"z" * 100
    packed = deflated(data)
    crc = zlib.crc32(data)
    body = local(b"a", packed, len(data), crc) + packed
    directory = central(b"a", len(packed) + 20, len(data), crc, 0)
    (tmp_path / "z.zip").write_bytes(body + directory + end_of(directory, 1, len(body)))
    assert "overlaps its directory" in refused(tmp_path / "z.zip")


def test_a_header_as_large_as_memory_is_refused_unread(tmp_path, refused):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 4 * 10**9
    (tmp_path / "t.tar").write_bytes(info.tobuf() + bytes(100_000))
    assert "header that is too large" in refused(tmp_path / "t.tar")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2"])
def test_zeros_behind_the_end_of_a_tar_are_a_bomb_too(tmp_path, refused, monkeypatch, kind):
    end = tarfile.TarFile.close

    def close(out: tarfile.TarFile) -> None:
        if out.mode == "w" and not out.closed:
            out.fileobj.write(bytes(30_000_000))
        end(out)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "close", close)
        bomb = archive_of(kind, tmp_path / "bomb", [("x", b"x")])
    assert "as archive bombs do" in refused(bomb)


@pytest.mark.slow
@pytest.mark.parametrize("type", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_what_headers_say_is_not_kept(tmp_path, box, type):
    """Each of 2,000 entries comes with 10 kB of words about it, or about all that follow."""
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz", compresslevel=1) as out:
        for number in range(2000):
            record = f" word{number}=".encode() + (b"x" + RANDOM.randbytes(5).hex().encode()) * 900 + b"\n"
            record = str(len(record) + 5).encode() + record
            info = tarfile.TarInfo("about")
            info.type, info.size = type, len(record)
            out.fileobj.write(info.tobuf() + record.ljust(-(-len(record) // 512) * 512, b"\0"))
            out.addfile(tarfile.TarInfo(str(number)))
    tracemalloc.start()
    try:
        unpack(tmp_path / "t.tar.gz", box / "out")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert len(files_in(box / "out")) == 2000


def test_headers_that_lead_back_or_nest_without_end_are_refused(tmp_path, refused):
    back = tarfile.TarInfo("x")
    back.size = -1024
    (tmp_path / "back.tar").write_bytes(back.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    refused(tmp_path / "back.tar")
    nested = tarfile.TarInfo("x")
    nested.type, nested.size = tarfile.XGLTYPE, 512
    (tmp_path / "nested.tar").write_bytes((nested.tobuf() + b"11 path=abc\n".ljust(512, b"\0")) * 5_000)
    refused(tmp_path / "nested.tar")


def test_a_header_that_old_versions_of_tarfile_search_for_minutes_is_refused(tmp_path, refused):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 15_000
    (tmp_path / "t.tar").write_bytes(info.tobuf() + (b"1" * 15_000).ljust(15_360, b"\0") + bytes(10_240))
    assert "invalid header" in refused(tmp_path / "t.tar")


def test_an_xz_that_asks_for_gigabytes_of_memory_is_refused(tmp_path, refused):
    import lzma

    plain = tar_of(tmp_path / "plain", [("x", b"x")]).read_bytes()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28 + 2**27}]
    (tmp_path / "t.tar.xz").write_bytes(lzma.compress(plain, filters=filters))
    refused(tmp_path / "t.tar.xz")


# Broken ones


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused(tmp_path, refused, flag):
    archive = zip_of(tmp_path / "z.zip", [("x", b"secret")])
    data = bytearray(archive.read_bytes())
    for header, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(header) + at
        data[place : place + 2] = struct.pack("<H", flag)
    archive.write_bytes(bytes(data))
    assert "encrypted" in refused(archive)


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_rare_compression_is_refused(tmp_path, refused, way):
    assert "with deflate" in refused(zip_of(tmp_path / "z.zip", [("x", b"x" * 99)], compress_type=way))


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_an_archive_that_was_cut_short_is_refused_wherever_it_was(tmp_path, refused, kind):
    archive = archive_of(kind, tmp_path / "upload", [("x", RANDOM.randbytes(3000)), ("y", b"y" * 1536)])
    whole = archive.read_bytes()
    # A tar ends with zeros that fill a record; one block of them is enough.
    needed = 512 + 3072 + 512 + 1536 + 512 if kind == "tar" else len(whole)
    for length in {*range(0, needed, 97), needed - 512, needed - 1}:
        archive.write_bytes(whole[:length])
        refused(archive)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "tar.bz2"])
def test_content_that_was_damaged_is_refused(tmp_path, refused, kind):
    archive = archive_of(kind, tmp_path / "upload", [("x", RANDOM.randbytes(20_000))])
    data = bytearray(archive.read_bytes())
    data[10_000] ^= 0xFF
    archive.write_bytes(bytes(data))
    assert "broken or truncated" in refused(archive)


def test_a_tar_with_a_damaged_header_in_the_middle_is_refused(tmp_path, refused):
    archive = tar_of(tmp_path / "t.tar", [("x", b"x" * 512), ("y", b"y" * 512)])
    data = bytearray(archive.read_bytes())
    data[1024 + 100] ^= 0xFF
    archive.write_bytes(bytes(data))
    assert "broken" in refused(archive)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n", b"Rar!\x1a\x07\0", b"x" * 5000])
def test_what_is_no_archive_is_told(tmp_path, refused, content):
    (tmp_path / "photos.zip").write_bytes(content)
    assert "The archive photos.zip is " in refused(tmp_path / "photos.zip")


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_an_empty_archive_is_told(tmp_path, refused, kind):
    assert "is empty" in refused(archive_of(kind, tmp_path / "upload", []))


def test_a_header_that_says_less_or_more_than_there_is_is_refused(tmp_path, refused):
    for claimed in (999, 1001):
        data = b"x" * 1000
        packed = deflated(data)
        crc = zlib.crc32(data)
        body = local(b"a", packed, claimed, crc) + packed
        directory = central(b"a", len(packed), claimed, crc, 0)
        (tmp_path / "z.zip").write_bytes(body + directory + end_of(directory, 1, len(body)))
        assert "broken" in refused(tmp_path / "z.zip")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_archives_mutated_at_random_never_end_in_a_traceback(tmp_path, box, kind):
    chance = random.Random(kind)
    whole = archive_of(
        kind, tmp_path / "upload", [("a/x", b"x" * 300), ("a/y", RANDOM.randbytes(700)), ("b", b"")]
    ).read_bytes()
    unpacked = set()
    for number in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data) if kind != "tar" else 4096)] = chance.randrange(256)
        (tmp_path / "upload").write_bytes(bytes(data))
        try:
            unpack(tmp_path / "upload", box / str(number), Limits(size=100_000))
            unpacked.add(str(number))
        except ArchiveError:
            continue
    assert len(unpacked) < 400
    assert {path.name for path in box.iterdir()} == unpacked


# The destination


def test_what_is_there_is_never_touched(tmp_path, box):
    archive = zip_of(tmp_path / "z.zip", [("x", b"new")])
    for there in (box / "folder", box / "file", box / "link"):
        if there.name == "folder":
            there.mkdir()
            (there / "x").write_text("old")
        elif there.name == "file":
            there.write_text("old")
        else:
            there.symlink_to(box / "nowhere")
    before = files_in(box)
    for there in list(box.iterdir()):
        with pytest.raises(ArchiveError, match="already exists"):
            unpack(archive, there)
    assert files_in(box) == before
    assert sorted(path.name for path in box.iterdir()) == ["file", "folder", "link"]


def test_the_destination_is_looked_at_first(tmp_path, box):
    with pytest.raises(ArchiveError, match="already exists"):
        unpack(tmp_path / "missing.zip", box)


def test_a_folder_that_cannot_be_written_or_an_archive_that_is_not_there_is_told(tmp_path, box):
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(zip_of(tmp_path / "z.zip", [("x", b"")]), tmp_path / "missing" / "out")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(tmp_path / "missing.zip", box / "out")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(zip_of(tmp_path / "z.zip", [("x" * 300, b"")]), box / "out")
    assert list(box.iterdir()) == []


def test_a_check_of_the_caller_stops_it_and_leaves_nothing(tmp_path, refused, box):
    seen: list[tuple[str, bytes]] = []

    def check(file: Path) -> None:
        seen.append((file.name, file.read_bytes()))
        if file.name == "two":
            raise ArchiveError("Not this one.")

    archive = zip_of(tmp_path / "z.zip", [("one", b"1"), ("two", b"2"), ("three", b"3")])
    with pytest.raises(ArchiveError, match="Not this one"):
        unpack(archive, box / "out", check=check)
    assert seen == [("one", b"1"), ("two", b"2")]
    assert list(box.iterdir()) == []


def test_a_pickle_in_an_archive_is_refused(tmp_path, refused):
    assert "Python pickle" in refused(zip_of(tmp_path / "z.zip", [("weights.bin", b"cos\nsystem\n(S'ls'\ntR.")]))


@pytest.mark.parametrize("kind", ["zip", *WAYS])
def test_folders_that_lie_too_deep_are_refused_and_nothing_stays(kind, tmp_path):
    file = archive_of(kind, tmp_path / "deep", [("a/" * 1_000 + "x.txt", b"x")])
    with pytest.raises(ArchiveError, match=r"1,001 folders deep, and up to 32 are read"):
        unpack(file, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    unpack(archive_of(kind, file, [("a/" * 31 + "x.txt", b"x")]), tmp_path / "out")
    assert list(files_in(tmp_path / "out")) == ["a/" * 31 + "x.txt"]
