"""Locations of state, data sets and shipped files on this machine."""

import os
from pathlib import Path


def home() -> Path:
    """Return the folder of the store, the runs and the user's trees: HIERAPP_HOME, by default ~/.hierapp."""
    return Path(os.environ.get("HIERAPP_HOME") or "~/.hierapp").expanduser()


def trash_folder() -> Path:
    """Return the folder of deleted trees, similarities and searches under home(); deleted runs stay where they are."""
    return home() / "trash"


def data_folder() -> Path:
    """Return the folder of the data sets: HIERAPP_DATA, by default data/ under home()."""
    return Path(os.environ.get("HIERAPP_DATA") or home() / "data").expanduser()


def package_folder() -> Path:
    """Return the folder of the package hierapp, in a checkout or an installation."""
    return Path(__file__).resolve().parent


def project_folder() -> Path:
    """Return the folder that contains hierapp/: the checkout, with trees/ and app.py, or the site-packages."""
    return package_folder().parent


def is_installed() -> bool:
    """Check whether hierapp is installed from a wheel, with the app and trees inside the package, not a checkout."""
    return (package_folder() / "_app").is_dir()


def app_folder() -> Path:
    """Return the folder of app.py, which also contains pages/, assets/, .streamlit/ and the glossary."""
    return package_folder() / "_app" if is_installed() else project_folder()


def citation() -> Path:
    """Return the file that describes how to cite hierapp."""
    return app_folder() / "CITATION.cff"


def shipped_trees() -> Path:
    """Return the folder of the shipped trees."""
    return package_folder() / "trees" / "data" if is_installed() else project_folder() / "trees"


def shipped_similarities() -> Path:
    """Return the folder of the shipped similarities."""
    return package_folder() / "similarities" / "data"


def shipped_results() -> Path:
    """Return the folder of the shipped results of the report."""
    return package_folder() / "reproduction" / "data"
