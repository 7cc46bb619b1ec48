"""Where state, data sets and trees live on this machine."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of the store, the runs and the user's trees: HIERAPP_HOME, by default ~/.hierapp."""
    return Path(os.environ.get("HIERAPP_HOME") or "~/.hierapp").expanduser()


def data_folder() -> Path:
    """The folder where data sets are looked for and downloaded to: HIERAPP_DATA, by default data/ under home()."""
    return Path(os.environ.get("HIERAPP_DATA") or home() / "data").expanduser()


def project_folder() -> Path:
    """The checkout: the folder that holds hierapp/, trees/ and app.py."""
    return Path(__file__).resolve().parent.parent


def shipped_trees() -> Path:
    """The folder of the trees that ship."""
    return project_folder() / "trees"


def shipped_similarities() -> Path:
    """The folder of the similarities that ship."""
    return project_folder() / "similarities"
