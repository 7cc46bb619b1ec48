"""The studies that ship, those in the home's folder of studies, and those of other files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hierapp import paths
from hierapp.errors import ConfigError
from hierapp.studies import spec
from hierapp.studies.spec import Study

SHIPPED = paths.package_folder() / "studies"


@cache
def shipped() -> dict[str, Study]:
    """Return the studies that ship, by name."""
    return {file.stem: spec.load(file) for file in sorted((SHIPPED / "files").glob("*.toml"))}


def folder() -> Path:
    """Return the folder of this machine's study files and results."""
    return paths.home() / "studies"


def own() -> tuple[dict[str, Study], list[str]]:
    """Return the studies of the files in `folder`, by name, and a sentence for each file that cannot be used.

    A file with the name of a study that ships is not used.
    """
    found, refused = {}, []
    for file in sorted(folder().glob("*.toml")):
        try:
            study = spec.load(file)
        except ConfigError as error:
            refused.append(str(error))
            continue
        if study.name in shipped():
            refused.append(f"The study {file} has the name of one that ships; rename it.")
        else:
            found[study.name] = study
    return found, refused


def find(name_or_file: str) -> Study:
    """Return a study that ships or is in the home's folder, or that of a file.

    Raises:
        ConfigError: if there is neither, or the file is not a study.
    """
    if name_or_file in shipped():
        return shipped()[name_or_file]
    if Path(name_or_file).suffix == ".toml":
        return spec.load(Path(name_or_file))
    mine, _ = own()
    if name_or_file in mine:
        return mine[name_or_file]
    known = ", ".join([*shipped(), *mine])
    raise ConfigError(f"There is no study {name_or_file!r}; choose {known}, or give a .toml file.")


def own_csv(study: Study) -> Path:
    """Return the file with this machine's results of a study; it may not exist."""
    return folder() / f"{study.name}.csv"


def shipped_csv(study: Study) -> Path:
    """Return the file with the results that ship for a study; it may not exist."""
    return SHIPPED / "results" / f"{study.name}.csv"


def results_file(study: Study) -> Path | None:
    """Return the file with the results of a study: this machine's, else those that ship, else None."""
    return next((file for file in (own_csv(study), shipped_csv(study)) if file.is_file()), None)
