"""Runs as a table, for your own analyses. pandas is imported when the function is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hierapp.utils import extras

if TYPE_CHECKING:
    import pandas as pd


def load_runs(home: Path | str | None = None) -> pd.DataFrame:
    """Return all runs of a store, with one row per run.

    Args:
        home: the folder of the store, by default HIERAPP_HOME.

    Returns:
        A table with id, state, every field of the configuration and every metric of the test part, named like the
        fields and metrics. A metric with the name of a field has the prefix `test_`, as in `test_loss`. Values that a
        run does not have are missing, as the fields of training of imported predictions. Runs in the trash are left
        out.

    Raises:
        StoreError: if the store cannot be read.
        MissingPackageError: if pandas or another package of the extra `app` is not installed.

    >>> import tempfile
    >>> load_runs(tempfile.mkdtemp()).columns[:4].tolist()
    ['id', 'state', 'data', 'tree']
    """
    try:
        import pandas as pd

        from hierapp.runs import Store
        from hierapp.training import RunConfig
    except ModuleNotFoundError as error:
        if (missing := extras.explained(error)) is None:
            raise
        raise missing from None
    fields = list(RunConfig.model_fields)
    rows = [
        {
            "id": run.id,
            "state": run.state,
            **run.config_values,
            **{f"test_{name}" if name in fields else name: value for name, value in (run.test or {}).items()},
        }
        for run in Store(None if home is None else Path(home)).runs()
    ]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in ("id", "state", *fields))
    return pd.DataFrame(rows, columns=["id", "state", *fields, *metrics])
