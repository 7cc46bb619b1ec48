"""Sources of a data set's files: torchvision's mirrors, and the Debian package if there is one."""

from __future__ import annotations

import functools
import gzip
import os
import re
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from hierapp.data.dataset import Dataset, is_intact
from hierapp.errors import DatasetError
from hierapp.utils.background import POLL_SECONDS
from hierapp.utils.disk import is_full

# A server that sends nothing for this many seconds is abandoned; torchvision itself would wait forever.
STALL_SECONDS = 60.0

Report = Callable[[int, str], None]

_NOT_PUBLISHED = "the downloaded file is truncated or not the published one"
# Errors from the network, a server, a truncated archive or apt; any other error is a bug in hierapp.
_FAILURES = (OSError, RuntimeError, HTTPException, EOFError, zlib.error, subprocess.SubprocessError)


class _WayFailedError(Exception):
    """A source failed; the message is the reason."""


def fetch(dataset: Dataset, root: Path, aside: Path, report: Report) -> Path:
    """Try the sources in turn.

    Args:
        root: the data folder; archives in it are used.
        aside: an empty folder for temporary files.
        report: called as report(done_bytes, what) five times per second.

    Returns:
        The folder in `aside` that holds all files by their paths, verified.

    Raises:
        DatasetError: if every source fails; the message gives the reason for each.
        OSError: if the disk is full.
    """
    reasons = []
    if dataset.by_hand is not None:
        raise DatasetError(f"{dataset.title} cannot be downloaded; to get it, {dataset.by_hand}.")
    for way in (_from_installed_package, _by_torchvision, _by_url, _by_apt):
        box = aside / way.__name__
        box.mkdir()
        try:
            if not way(dataset, root, box, report):
                continue
        except _WayFailedError as error:
            reasons.append(str(error))
            continue
        report(dataset.download_bytes, f"Checking {dataset.title}")
        if all(is_intact(file, box / file.path) for file in dataset.files):
            return box
        reasons.append(_NOT_PUBLISHED)
    names = ", ".join(archive.path for archive in dataset.archives)
    raise DatasetError(
        f"Could not download {dataset.name}: {'; '.join(reasons)}; check the network and start the download again, or"
        f" put {names} into {root} and start it again."
    )


# The sources. Each puts the files into `box` by their paths, or returns False if it is not available here.


def _from_installed_package(dataset: Dataset, root: Path, box: Path, report: Report) -> bool:
    if dataset.debian_folder is None or not Path(dataset.debian_folder).is_dir():
        return False
    source = Path(dataset.debian_folder)
    _watch(lambda: _unpack(dataset, source, box), lambda: dataset.download_bytes, dataset, report)
    return True


def _by_url(dataset: Dataset, root: Path, box: Path, report: Report) -> bool:
    """Download the only file of a data set from its address."""
    if dataset.url is None:
        return False
    (file,), (archive,) = dataset.files, dataset.archives
    path = box / file.path
    path.parent.mkdir(parents=True, exist_ok=True)

    def download() -> None:
        if (root / archive.path).exists():  # put there by the user
            shutil.copyfile(root / archive.path, path)
            return
        with urlopen(str(dataset.url), timeout=STALL_SECONDS) as answer, path.open("wb") as out:  # noqa: S310 - https
            shutil.copyfileobj(answer, out)

    _watch(download, lambda: _bytes_in([path]), dataset, report)
    return True


def _by_torchvision(dataset: Dataset, root: Path, box: Path, report: Report) -> bool:
    if dataset.torchvision_class is None:
        return False

    def download() -> None:
        import torchvision.datasets
        from torchvision.datasets import utils

        bar = utils.tqdm
        utils.tqdm = functools.partial(bar, disable=True)
        try:
            getattr(torchvision.datasets, str(dataset.torchvision_class))(box, train=False, download=True)
        finally:
            utils.tqdm = bar

    archives = [box / archive.path for archive in dataset.archives]
    for archive, path in zip(dataset.archives, archives, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        # torchvision treats an existing archive as downloaded, and so do we for one that the user put there.
        if (root / archive.path).exists():
            path.symlink_to((root / archive.path).resolve())
    _watch(download, lambda: _bytes_in(archives), dataset, report)
    return True


def _by_apt(dataset: Dataset, root: Path, box: Path, report: Report) -> bool:
    """Download Debian's package with apt, for machines without other access. Needs no root: nothing is installed."""
    package, installed = dataset.debian_package, dataset.debian_folder
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg")
    if not (package and installed and apt and dpkg):
        return False

    def download() -> None:
        run_command([apt, "-q", "download", package], box)
        for archive in box.glob("*.deb"):
            run_command([dpkg, "-x", str(archive), str(box)], box)
        _unpack(dataset, box / installed.lstrip("/"), box)

    _watch(download, lambda: _bytes_in(box.glob("*.deb")), dataset, report)
    return True


def _unpack(dataset: Dataset, source: Path, box: Path) -> None:
    for file in dataset.files:
        (box / file.path).parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(source / f"{Path(file.path).name}.gz") as packed, (box / file.path).open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)


def run_command(command: list[str], cwd: Path) -> None:
    """Run a program quietly; raise a RuntimeError with the last line of its complaint if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        says = (done.stderr.splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RuntimeError(f"{Path(command[0]).name} says {says!r}")


def _watch(work: Callable[[], None], done: Callable[[], int], dataset: Dataset, report: Report) -> None:
    """Run `work` in a thread and report the bytes done five times per second.

    Raises:
        _WayFailedError: if it fails, or no byte arrives for STALL_SECONDS; the thread is then abandoned.
        OSError: if the disk is full.
    """
    raised: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    before, since = -1, time.monotonic()
    while thread.is_alive():
        now = done()
        if now != before:
            before, since = now, time.monotonic()
        elif now < dataset.download_bytes and time.monotonic() - since > STALL_SECONDS:
            raise _WayFailedError(f"no data for {STALL_SECONDS:.0f} seconds")
        report(now, f"{'Downloading' if now < dataset.download_bytes else 'Unpacking'} {dataset.title}")
        thread.join(POLL_SECONDS)
    for error in raised:
        if isinstance(error, HTTPError):
            error.close()  # the error holds the connection
        if not isinstance(error, _FAILURES) or is_full(error):
            raise error
        raise _WayFailedError(_in_words(error)) from error


def _bytes_in(files: Iterable[Path]) -> int:
    total = 0
    for path in files:
        with suppress(OSError):  # the file may appear or disappear at any time
            total += path.stat().st_size
    return total


def _in_words(error: Exception) -> str:
    """Extract the reason from an exception's text, without urllib's brackets.

    >>> _in_words(OSError("<urlopen error [Errno -2] Name or service not known>"))
    'Name or service not known'
    """
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if "corrupted" in lines[-1]:
        return _NOT_PUBLISHED
    return re.sub(r"<urlopen error |>$|\[Errno -?\d+\] |\.$", "", lines[-1].strip())
