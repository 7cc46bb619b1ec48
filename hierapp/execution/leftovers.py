"""Remove what killed processes left in the home and the data folder: half a backup, restore or download."""

from __future__ import annotations

import os
from pathlib import Path

from hierapp import paths
from hierapp.data.imports import job
from hierapp.runs import Store
from hierapp.utils import parts


def clean(store: Store) -> list[Path]:
    """Remove what is left, and return it without the imports; nothing of a living process is removed.

    It is called when the app and the scheduler start. What is left of an export in any other folder is removed by the
    next one there.
    """
    data = paths.data_folder().absolute()
    removed = parts.remove_left(data, own=True)
    for folder, folders, _ in os.walk(store.folder):
        removed += parts.remove_left(Path(folder), own=True)
        folders[:] = [each for each in folders if not each.endswith(parts.SUFFIX) and Path(folder, each) != data]
    job.clean(data)
    return removed
