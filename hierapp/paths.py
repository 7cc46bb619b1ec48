"""Where state, data sets and what ships with hierapp live on this machine."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of the store, the runs and the user's trees: HIERAPP_HOME, by default ~/.hierapp."""
    return Path(os.environ.get("HIERAPP_HOME") or "~/.hierapp").expanduser()


def data_folder() -> Path:
    """The folder where data sets are looked for and downloaded to: HIERAPP_DATA, by default data/ under home()."""
    return Path(os.environ.get("HIERAPP_DATA") or home() / "data").expanduser()


def package_folder() -> Path:
    """The package hierapp itself, in a checkout or where it is installed."""
    return Path(__file__).resolve().parent


def project_folder() -> Path:
    """The folder that holds hierapp/: the checkout, with trees/ and app.py, or where packages are installed."""
    return package_folder().parent


def is_installed() -> bool:
    """Whether this is hierapp from a wheel, which has the app and the trees inside the package; not a checkout."""
    return (package_folder() / "_app").is_dir()


def app_folder() -> Path:
    """The folder of app.py, with pages/, assets/ and .streamlit/ beside it."""
    return package_folder() / "_app" if is_installed() else project_folder()


def citation() -> Path:
    """The file that says how hierapp is cited."""
    return app_folder() / "CITATION.cff"


def shipped_trees() -> Path:
    """The folder of the trees that ship."""
    return package_folder() / "trees" / "data" if is_installed() else project_folder() / "trees"


def shipped_similarities() -> Path:
    """The folder of the similarities that ship."""
    return package_folder() / "similarities" / "data"


def shipped_results() -> Path:
    """The folder of the report's results that ship."""
    return package_folder() / "reproduction" / "data"
