"""The WordNet dictionary: where it is, and how to get it from Debian's package, without installing it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from hierapp import paths
from hierapp.data.mirrors import run_command
from hierapp.errors import DatasetError, TreeError
from hierapp.trees.wordnet import FILES, WordNet
from hierapp.utils import parts

PACKAGE, INSTALLED = "wordnet-base", Path("/usr/share/wordnet")
FOLDER = "wordnet"  # of the data folder
HOW_TO_GET = "run `python -m hierapp tree wordnet`, or install Debian's package wordnet-base"


def folder() -> Path | None:
    """Return the folder of the dictionary: that of the data folder, else the installed one; None if there is none."""
    for each in (paths.data_folder() / FOLDER, INSTALLED):
        if all((each / name).is_file() for name in FILES):
            return each
    return None


def load() -> WordNet:
    """Return the dictionary.

    Raises:
        DatasetError: if it is not on this machine; says how to get it.
    """
    found = folder()
    if found is None:
        raise DatasetError(f"The WordNet dictionary is not on this machine; to get it, {HOW_TO_GET}.")
    return WordNet(found)


def get() -> Path:
    """Download Debian's package (6 MB) by apt, unpack its nouns into the data folder, and return their folder.

    Needs no root: nothing is installed. Does nothing if the dictionary is there.

    Raises:
        DatasetError: if this machine has no apt, or it fails; says what to do.
        OSError: if the disk is full.
    """
    if (known := folder()) is not None:
        return known
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg")
    if not (apt and dpkg):
        raise DatasetError(
            "WordNet is downloaded by apt, which this machine does not have; put"
            f" {' and '.join(FILES)} of WordNet 3.0 into {paths.data_folder() / FOLDER}."
        )
    target = paths.data_folder() / FOLDER
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wordnet-") as made:
        box = Path(made)
        try:
            run_command([apt, "-q", "download", PACKAGE], box)
            for archive in box.glob("*.deb"):
                run_command([dpkg, "-x", str(archive), str(box)], box)
        except (RuntimeError, subprocess.SubprocessError) as error:
            raise DatasetError(
                f"WordNet could not be downloaded: {error}; check the network and try again, or install {PACKAGE}."
            ) from None
        try:
            WordNet(box / INSTALLED.relative_to("/"))
        except TreeError:
            raise DatasetError(f"Debian's {PACKAGE} has no WordNet dictionary; install it in another way.") from None
        side = parts.beside(target)
        side.mkdir()
        try:
            for name in FILES:
                shutil.copyfile(box / INSTALLED.relative_to("/") / name, side / name)
            side.replace(target)
        finally:
            parts.remove(side)
    return target
