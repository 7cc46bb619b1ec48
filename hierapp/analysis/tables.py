"""Runs as a table for one's own analyses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hierapp.runs import Store
from hierapp.training import RunConfig


def load_runs(home: Path | str | None = None) -> pd.DataFrame:
    """All runs of a store, a row a run: id, state, every field of the configuration, every metric of the test part.

    Args:
        home: the folder of the store, by default HIERAPP_HOME.

    Returns:
        A table whose columns have the names of the fields and of the metrics; a metric that is named like a field is
        named `test_` and its name, as `test_loss`. What a run does not have is missing there.

    Raises:
        StoreError: if the store cannot be read.

    >>> import tempfile
    >>> load_runs(tempfile.mkdtemp()).columns[:4].tolist()
    ['id', 'state', 'data', 'tree']
    """
    fields = list(RunConfig.model_fields)
    rows = [
        {
            "id": run.id,
            "state": run.state,
            **run.config.model_dump(),
            **{f"test_{name}" if name in fields else name: value for name, value in (run.test or {}).items()},
        }
        for run in Store(None if home is None else Path(home)).runs()
    ]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in ("id", "state", *fields))
    return pd.DataFrame(rows, columns=["id", "state", *fields, *metrics])
