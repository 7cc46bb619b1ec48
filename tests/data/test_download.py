"""Getting data sets, from a server on loopback, with torchvision's own code; nothing here needs a network but one
test of apt, which is skipped where apt reaches none."""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.server
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from hierapp.data import download, mirrors, registry as datasets
from hierapp.data.dataset import File
from hierapp.errors import DatasetError
from hierapp.utils import processes
from hierapp.utils.background import Job, Record
from tests.never_started import Gone

ARCHIVE = "cifar-10-python.tar.gz"
NOT_PUBLISHED = "the downloaded file is truncated or not the published one"


@dataclass
class Server:
    """What a server on loopback gives, by path, and how."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    pause: Callable[[int], None] = lambda sent: None  # called with the bytes sent so far
    cut_at: int | None = None
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def spoil(self) -> None:
        """Give something else from now on, as a network that wants a login does."""
        self.content = dict.fromkeys(self.content, b"<html>Please log in</html>")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            state.asked.append(path)
            if path not in state.content:
                self.send_error(404)
                return
            whole = state.content[path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            for start in range(0, len(whole[: state.cut_at]), 4096):
                state.pause(start)
                self.wfile.write(whole[: state.cut_at][start : start + 4096])

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass  # torchvision hangs up on its first request, which only asks for redirections

    with Quiet(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield state
        state.release.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def cifar(tiny_cifar, server: Server, monkeypatch: pytest.MonkeyPatch):
    """The tiny cifar10 as an archive on the server, where torchvision's class finds it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, content in tiny_cifar.content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    server.content[ARCHIVE] = packed.getvalue()
    archive = File(ARCHIVE, len(packed.getvalue()), hashlib.md5(packed.getvalue()).hexdigest())
    names = {Path(file.path).name: file for file in tiny_cifar.entry.files}
    ours = {
        "url": server.url + ARCHIVE,
        "tgz_md5": archive.md5,
        "train_list": [[name, file.md5] for name, file in names.items() if file.part == "train"],
        "test_list": [[name, file.md5] for name, file in names.items() if file.part == "test"],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": names["batches.meta"].md5},
    }
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", type("CIFAR10", (torchvision.datasets.CIFAR10,), ours))
    entry = replace(tiny_cifar.entry, archives=(archive,))
    monkeypatch.setitem(datasets.DATASETS, "cifar10", entry)
    return replace(tiny_cifar, entry=entry)


@pytest.fixture
def fashion(tiny_fashion, server: Server, monkeypatch: pytest.MonkeyPatch):
    """The tiny fashion-mnist as four .gz on the server, where torchvision's class finds them."""
    packed = {Path(path).name + ".gz": gzip.compress(content) for path, content in tiny_fashion.content.items()}
    server.content |= packed
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in packed.items()}
    ours = {"mirrors": [server.url], "resources": list(md5.items())}
    theirs = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", type("FashionMNIST", (theirs,), ours))
    archives = tuple(File(f"FashionMNIST/raw/{name}", len(packed[name]), md5[name]) for name in packed)
    entry = replace(tiny_fashion.entry, archives=archives)
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", entry)
    monkeypatch.setattr(mirrors.shutil, "which", lambda command: None)  # no apt
    return replace(tiny_fashion, entry=entry)


def visible(folder: Path) -> set[str]:
    """The files in a data folder, without those of the lock and the progress; a download aside would be seen."""
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in files if not (path.startswith(".get-") and path.endswith((".lock", ".json", ".log")))}


# Getting


@pytest.mark.parametrize(("kind", "name"), [("cifar", "cifar10"), ("fashion", "fashion-mnist")])
def test_get_makes_it_ready(
    kind: str, name: str, tmp_path: Path, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny = request.getfixturevalue(kind)
    download.get(name, tmp_path / "data")
    assert datasets.status(name, tmp_path / "data").state == "ready"
    assert visible(tmp_path / "data") == {file.path for file in tiny.entry.files}, "no archive is left"
    assert datasets.load(name, "train", tmp_path / "data").labels.tolist() == tiny.labels["train"].tolist()
    assert download.progress_of(name, tmp_path / "data") is None
    assert capfd.readouterr() == ("", ""), "torchvision's own bar is silenced"


def test_get_of_what_is_ready_asks_nobody(cifar, server: Server, tmp_path: Path) -> None:
    cifar.write(tmp_path)
    download.get("cifar10", tmp_path)
    assert server.asked == []
    assert visible(tmp_path) == {file.path for file in cifar.entry.files}
    download.get("digits", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_progress_comes_several_times_a_second(cifar, server: Server, tmp_path: Path) -> None:
    total = len(server.content[ARCHIVE])
    server.pause = lambda sent: time.sleep(0.05)
    seen: list[tuple[float, int, int, str]] = []
    side: list[download.Progress | None] = []

    def progress(done: int, total: int, what: str) -> None:
        seen.append((time.monotonic(), done, total, what))
        side.append(download.progress_of("cifar10", tmp_path))

    download.get("cifar10", tmp_path, progress)
    assert {total for _, _, total, _ in seen} == {total}
    assert [done for _, done, _, _ in seen] == sorted(done for _, done, _, _ in seen)
    assert sum(0 < done < total for _, done, _, _ in seen) >= 3
    assert len(seen) / (seen[-1][0] - seen[0][0]) > 2
    assert seen[-1][1:] == (total, total, "Checking CIFAR-10")
    # Any other process could have seen the same.
    assert [(p.done, p.total, p.what) for p in side if p] == [(*rest,) for _, *rest in seen]
    assert all(p and p.running and p.error is None for p in side)


@pytest.mark.parametrize("fault", ["half", "wrong byte", "missing"])
def test_a_broken_file_is_mended(cifar, tmp_path: Path, fault: str) -> None:
    file = cifar.write(tmp_path) / "cifar-10-batches-py/data_batch_2"
    content = file.read_bytes()
    file.unlink()
    broken = content[:100] if fault == "half" else content[:-1] + b"!"
    if fault != "missing":
        file.write_bytes(broken)
    with pytest.raises(DatasetError):
        datasets.load("cifar10", "train", tmp_path)
    renamed = download.get("cifar10", tmp_path)
    assert file.read_bytes() == content
    assert [path.read_bytes() for path in renamed] == ([] if fault == "missing" else [broken])
    assert len(datasets.load("cifar10", "train", tmp_path)) == 30


def test_a_half_archive_is_replaced(cifar, server: Server, tmp_path: Path) -> None:
    half = server.content[ARCHIVE][:1000]
    (tmp_path / ARCHIVE).write_bytes(half)
    assert datasets.status("cifar10", tmp_path).state == "absent"
    (renamed,) = download.get("cifar10", tmp_path)
    assert datasets.status("cifar10", tmp_path).state == "ready"
    assert not (tmp_path / ARCHIVE).exists()
    assert (renamed, renamed.read_bytes()) == (tmp_path / f"{ARCHIVE}.broken", half)


def test_without_a_network_an_archive_with_wrong_bytes_is_renamed_and_named(cifar, server, tmp_path: Path) -> None:
    server.content.clear()
    for number in range(2):
        (tmp_path / ARCHIVE).write_bytes(b"another %d" % number)
        with pytest.raises(DatasetError) as told:
            download.get("cifar10", tmp_path)
        broken = tmp_path / f"{ARCHIVE}.broken{'' if number == 0 else '-2'}"
        assert f"or put {ARCHIVE} into {tmp_path}" in str(told.value)
        assert str(broken) in str(told.value)
        assert broken.read_bytes() == b"another %d" % number


def test_an_archive_that_is_linked_from_elsewhere_is_never_written_to(cifar, server, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"another")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ARCHIVE).symlink_to(tmp_path / "mine")
    assert download.get("cifar10", tmp_path / "data") == [tmp_path / "data" / f"{ARCHIVE}.broken"]
    assert (tmp_path / "mine").read_bytes() == b"another"


@pytest.mark.parametrize(("kind", "name"), [("cifar", "cifar10"), ("fashion", "fashion-mnist")])
def test_archives_put_there_by_hand_need_no_network(
    kind: str, name: str, server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tiny = request.getfixturevalue(kind)
    for archive in tiny.entry.archives:
        (tmp_path / archive.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / archive.path).write_bytes(server.content[Path(archive.path).name])
    download.get(name, tmp_path)
    assert server.asked == []
    assert datasets.status(name, tmp_path).state == "ready"
    assert (tmp_path / tiny.entry.archives[0].path).exists(), "the user's own file stays"


# Failing


def refused(server: Server, cifar) -> str:
    server.content.clear()
    return "HTTP Error 404: Not Found"


def cut_short(server: Server, cifar) -> str:
    server.cut_at = 10_000
    return NOT_PUBLISHED


def something_else(server: Server, cifar) -> str:
    server.spoil()
    return NOT_PUBLISHED


def nothing_comes(server: Server, cifar) -> str:
    server.pause = lambda sent: None if sent < 8192 else server.release.wait(20)
    return "no data for 1 seconds"


@pytest.mark.parametrize("fault", [refused, cut_short, something_else, nothing_comes])
def test_a_failed_download_is_one_sentence_and_leaves_nothing(
    fault: Callable[..., str], cifar, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "STALL_SECONDS", 1.0)
    reason = fault(server, cifar)
    with pytest.raises(DatasetError) as caught:
        download.get("cifar10", tmp_path)
    server.release.set()
    assert str(caught.value).startswith(f"Could not download cifar10: {reason}; check the network")
    assert f"put {ARCHIVE} into {tmp_path}" in str(caught.value)
    assert datasets.status("cifar10", tmp_path).state == "absent"
    assert visible(tmp_path) == set()
    after = download.progress_of("cifar10", tmp_path)
    assert after is not None
    assert (after.running, after.error) == (False, str(caught.value))


def test_a_failed_get_leaves_the_whole_files_and_renames_the_broken(cifar, server: Server, tmp_path: Path) -> None:
    server.content.clear()
    broken = cifar.write(tmp_path) / cifar.entry.files[0].path
    broken.write_bytes(b"x" * broken.stat().st_size)
    assert datasets.status("cifar10", tmp_path).state == "ready", "by its size"
    with pytest.raises(DatasetError, match="Could not download"):
        download.get("cifar10", tmp_path)
    aside = f"{cifar.entry.files[0].path}.broken"
    assert visible(tmp_path) == {aside, *(file.path for file in cifar.entry.files[1:])}
    assert datasets.status("cifar10", tmp_path).state == "broken"


def test_a_get_that_works_wipes_the_error_of_the_last(cifar, server: Server, tmp_path: Path) -> None:
    kept = server.content.pop(ARCHIVE)
    with pytest.raises(DatasetError):
        download.get("cifar10", tmp_path)
    server.content[ARCHIVE] = kept
    download.get("cifar10", tmp_path)
    assert download.progress_of("cifar10", tmp_path) is None
    (tmp_path / cifar.entry.files[0].path).unlink()
    assert download.progress_of("cifar10", tmp_path) is None, "what goes later was not interrupted"


def test_what_is_ready_shows_no_error(cifar, server: Server, tmp_path: Path) -> None:
    server.content.clear()
    with pytest.raises(DatasetError):
        download.get("cifar10", tmp_path)
    cifar.write(tmp_path)  # by hand
    assert download.progress_of("cifar10", tmp_path) is None


@pytest.mark.parametrize("call", [download.get, download.start])
def test_a_folder_that_cannot_be_written_is_one_sentence(call, cifar, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "data"  # root, too, can make no folder there
    with pytest.raises(DatasetError) as caught:
        call("cifar10", folder)
    assert str(caught.value).startswith(f"Cannot write CIFAR-10 to the data folder {folder} (Not a directory); make it")
    assert str(caught.value).endswith("or set HIERAPP_DATA to another folder.")


def test_a_full_disk_is_no_fault_of_the_network(cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", full)
    with pytest.raises(DatasetError, match=r"^Cannot write CIFAR-10 .*\(No space left on device\).* MB free"):
        download.get("cifar10", tmp_path)
    after = download.progress_of("cifar10", tmp_path)
    assert after is not None
    assert "No space left" in str(after.error)


def test_a_defect_is_not_called_a_network_error(cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*args: object, **options: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", defect)
    with pytest.raises(KeyError, match="defect"):
        download.get("cifar10", tmp_path)


@pytest.mark.parametrize("call", [download.get, download.start, download.progress_of])
def test_an_unknown_name_is_told(call, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Unknown data set 'mnist'"):
        call("mnist", tmp_path)


# Fashion-MNIST by Debian's package


def fake_debian(tiny, folder: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    """Programs named apt-get and dpkg that know one package; its content lies in folder/package."""
    inside = folder / "package" / str(tiny.entry.debian_folder).lstrip("/")
    inside.mkdir(parents=True)
    for path, content in tiny.content.items():
        (inside / f"{Path(path).name}.gz").write_bytes(gzip.compress(content))
    unable = "echo 'E: Unable to locate package dataset-fashion-mnist' >&2; exit 100"
    programs = {
        "apt-get": unable if fails else '[ "$2 $3" = "download dataset-fashion-mnist" ] && echo deb > package.deb',
        "dpkg": f'[ "$1" = -x ] && grep -q deb "$2" && cp -r {folder}/package/. "$3"',
    }
    (folder / "bin").mkdir()
    for name, script in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setattr(mirrors.shutil, "which", lambda command: str(folder / "bin" / command))


def test_apt_helps_where_the_mirrors_fail(
    fashion, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.spoil()
    fake_debian(fashion, tmp_path, monkeypatch)
    download.get("fashion-mnist", tmp_path / "data")
    assert datasets.status("fashion-mnist", tmp_path / "data").state == "ready"
    assert visible(tmp_path / "data") == {file.path for file in fashion.entry.files}
    assert server.asked, "the mirrors come first"


def test_every_reason_is_told(fashion, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.spoil()
    fake_debian(fashion, tmp_path, monkeypatch, fails=True)
    with pytest.raises(DatasetError) as caught:
        download.get("fashion-mnist", tmp_path / "data")
    reasons = f"{NOT_PUBLISHED}; apt-get says 'E: Unable to locate package dataset-fashion-mnist'"
    assert str(caught.value).startswith(f"Could not download fashion-mnist: {reasons}; check the network")
    assert "put FashionMNIST/raw/train-images-idx3-ubyte.gz, " in str(caught.value)
    assert visible(tmp_path / "data") == set()


def test_a_package_with_another_content_is_not_taken(
    fashion, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.spoil()
    fake_debian(fashion, tmp_path, monkeypatch)
    file = next((tmp_path / "package").rglob("t10k-labels*"))
    file.write_bytes(gzip.compress(b"\x00" * 18))
    with pytest.raises(DatasetError, match=f"fashion-mnist: {NOT_PUBLISHED}; {NOT_PUBLISHED}; check"):
        download.get("fashion-mnist", tmp_path / "data")
    assert datasets.status("fashion-mnist", tmp_path / "data").state == "absent"


def test_the_installed_package_is_enough(fashion, server: Server, tmp_path: Path) -> None:
    (tmp_path / "debian").mkdir()
    for path, content in fashion.content.items():
        (tmp_path / "debian" / f"{Path(path).name}.gz").write_bytes(gzip.compress(content))
    download.get("fashion-mnist", tmp_path / "data")
    assert not (tmp_path / "data").exists(), "it is read where it lies"

    # With a broken copy in the data folder, the package mends that.
    fashion.write(tmp_path / "data")
    (tmp_path / "data" / fashion.entry.files[0].path).write_bytes(b"half")
    download.get("fashion-mnist", tmp_path / "data")
    assert server.asked == []
    assert (
        datasets.load("fashion-mnist", "train", tmp_path / "data").labels.tolist() == fashion.labels["train"].tolist()
    )


@pytest.mark.slow
def test_the_real_package_of_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.skip("there is no apt-get and dpkg on this machine")

    def no_mirror(*args: object) -> bool:
        raise mirrors._WayFailedError("not tried")

    monkeypatch.setattr(mirrors, "_by_torchvision", no_mirror)
    try:
        download.get("fashion-mnist", tmp_path)
    except DatasetError as error:
        if "apt-get says" in str(error):
            pytest.skip(f"apt-get cannot download here: {error}")
        raise
    for part in ("train", "test"):
        ours = datasets.load("fashion-mnist", part, tmp_path)
        theirs = torchvision.datasets.FashionMNIST(tmp_path, train=part == "train")
        assert np.array_equal(ours.images.squeeze(3).numpy(), theirs.data.numpy())
        assert ours.labels.tolist() == theirs.targets.tolist()


# Several processes


def test_a_second_get_waits_for_the_first(cifar, server: Server, tmp_path: Path) -> None:
    seen: list[str] = []
    with download.job_of("cifar10", tmp_path).working():
        second = threading.Thread(target=download.get, args=("cifar10", tmp_path, lambda *now: seen.append(now[2])))
        second.start()
        while len(seen) < 2:
            time.sleep(0.01)
        assert server.asked == []
        cifar.write(tmp_path)  # the first get does its work
    second.join()
    assert set(seen) == {"Waiting for another download of CIFAR-10"}
    assert server.asked == []


def test_two_data_sets_do_not_wait_for_each_other(cifar, tmp_path: Path) -> None:
    with download.job_of("cifar100", tmp_path).working():
        download.get("cifar10", tmp_path)
    assert datasets.status("cifar10", tmp_path).state == "ready"


# A get of the real cifar10 that has half of the archive and then hears no more.
HALF_A_DOWNLOAD = """
import sys, time
from hierapp.data import download, mirrors
def half(dataset, root, box, report):
    (box / "cifar-10-python.tar.gz").write_bytes(b"half")
    report(85_000_000, "Downloading CIFAR-10")
    print("half", flush=True)
    time.sleep(60)
mirrors._by_torchvision = half
download.get("cifar10", sys.argv[1])
"""


def test_a_killed_get_is_told_and_mended(cifar, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HALF_A_DOWNLOAD, str(tmp_path)], stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        during = download.progress_of("cifar10", tmp_path)
        assert during == download.Progress(85_000_000, 170_498_071, "Downloading CIFAR-10", True, None)
        child.send_signal(signal.SIGKILL)
    after = download.progress_of("cifar10", tmp_path)
    assert after is not None
    assert (after.running, after.error) == (False, "The download of cifar10 was interrupted; start it again.")
    assert datasets.status("cifar10", tmp_path).state == "absent"
    assert any(path.endswith(ARCHIVE) for path in visible(tmp_path)), "the half archive lies aside"

    download.get("cifar10", tmp_path)
    assert visible(tmp_path) == {file.path for file in cifar.entry.files}
    assert download.progress_of("cifar10", tmp_path) is None


def test_nothing_begun_is_no_progress(tmp_path: Path) -> None:
    assert download.progress_of("cifar10", tmp_path) is None
    assert download.progress_of("cifar10", tmp_path / "nowhere") is None


def test_a_lock_without_a_record_is_a_get_that_begins_or_ends(tiny_cifar, tmp_path: Path) -> None:
    with download.job_of("cifar10", tmp_path).working():
        assert download.progress_of("cifar10", tmp_path) == download.Progress(0, 0, "Starting", True, None)
        tiny_cifar.write(tmp_path)
        assert download.progress_of("cifar10", tmp_path) is None


def test_a_side_file_of_another_version_is_no_progress(tmp_path: Path) -> None:
    for content in ("", "{", "[]", json.dumps({"done": 1})):
        download.job_of("cifar10", tmp_path).record_file.write_text(content)
        assert download.progress_of("cifar10", tmp_path) is None


# The command that `start` runs: it tells how it was called, and ends when told to.
COMMAND = """
import json, os, sys, time
from pathlib import Path
data = Path(os.environ["HIERAPP_DATA"])
print("printed")
facts = {"arguments": sys.argv[1:], "leader": os.getsid(0) == os.getpid(), "pid": os.getpid()}
(data / "facts.tmp").write_text(json.dumps(facts))
(data / "facts.tmp").rename(data / "facts.json")
while not (data / "end").exists():
    time.sleep(0.01)
"""


def test_start_runs_the_command_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, data = tmp_path / "project" / "hierapp", tmp_path / "data"
    (package / "data").mkdir(parents=True)
    # Without these files the installed package would be found instead.
    (package / "__init__.py").touch()
    (package / "data" / "__init__.py").touch()
    (package / "data" / "__main__.py").write_text(COMMAND)
    monkeypatch.setattr(download.paths, "project_folder", lambda: package.parent)
    monkeypatch.chdir(tmp_path)
    download.start("cifar10", "data")  # relative, and the command begins in another folder
    # The command has told nothing yet, but is on its way.
    assert download.progress_of("cifar10", data) == download.Progress(0, 170_498_071, "Starting", True, None)
    wait_for((data / "facts.json").exists)
    facts = json.loads((data / "facts.json").read_text())
    assert facts["arguments"] == ["cifar10", facts["arguments"][1]], "the name, and the descriptor of the lock"
    assert facts["leader"], "it leads a session of its own, so that it outlives the app"
    (data / "facts.json").unlink()
    download.start("cifar10", data)
    record = download.job_of("cifar10", data).record()
    assert record is not None
    assert record.pid == facts["pid"], "one runs already"

    (data / "end").touch()
    wait_for(lambda: not Path(f"/proc/{facts['pid']}").exists())  # reaped, not a zombie
    after = download.progress_of("cifar10", data)
    assert after is not None
    assert (after.running, after.error) == (False, "The download of cifar10 was interrupted; start it again.")
    assert (data / ".get-cifar10.log").read_text() == "printed\n"
    assert not (data / "facts.json").exists(), "no second process ran"


def test_a_get_that_has_failed_before_its_start_is_recorded_says_why(tmp_path: Path, monkeypatch) -> None:
    def fail_at_once(*arguments: object, **named: object) -> Gone:
        download.job_of("cifar10", tmp_path).tell(0, 1, "Failed", "No mirror answers.")
        return Gone()

    monkeypatch.setattr(processes, "spawn", fail_at_once)
    for _ in range(2):
        download.start("cifar10", tmp_path)
        after = download.progress_of("cifar10", tmp_path)
        assert after is not None
        assert (after.running, after.error) == (False, "No mirror answers.")


def test_a_get_that_ends_while_one_looks_is_not_called_interrupted(tmp_path: Path, monkeypatch) -> None:
    lock = download.job_of("cifar10", tmp_path).take()
    assert lock is not None
    download.job_of("cifar10", tmp_path).tell(5, 10, "Downloading")
    really = Job.record

    def ends_meanwhile(job: Job) -> Record | None:
        before = really(job)
        if before is not None and before.error is None:
            job.tell(0, 10, "Failed", "No mirror answers.")
            lock.close()
        return before

    monkeypatch.setattr(Job, "record", ends_meanwhile)
    after = download.progress_of("cifar10", tmp_path)
    assert after is not None
    assert (after.running, after.error) == (False, "No mirror answers.")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
