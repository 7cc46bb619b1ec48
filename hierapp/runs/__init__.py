"""The store of runs: runs and their states, the SQLite database and its migrations, curves, backup."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.runs.run import Run
    from hierapp.runs.store import Store
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"run": ["Run"], "store": ["Store"]})

__all__ = [
    "Run",
    "Store",
    "backup",
    "check",
    "curves",
    "data_deletion",
    "data_folders",
    "notes",
    "predictions",
    "records",
    "same_data",
    "selectors",
    "states",
    "store",
    "tags",
    "tracked",
    "trash",
    "weights_header",
    "writer",
]
