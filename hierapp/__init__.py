"""hierapp: label trees and the losses that learn from them.

    from hierapp import LabelTree, make_loss

The names below are imported on first use, so that code without torch or pandas starts without importing them.
"""

from typing import TYPE_CHECKING

from hierapp.version import __version__

if TYPE_CHECKING:
    from hierapp.analysis.tables import load_runs
    from hierapp.errors import TreeError
    from hierapp.execution.tracking import track
    from hierapp.losses import make_loss
    from hierapp.trees import LabelTree
else:
    from hierapp.utils.lazy import names_on_first_use

    _find = names_on_first_use(
        __name__,
        {
            "analysis.tables": ["load_runs"],
            "errors": ["TreeError"],
            "execution.tracking": ["track"],
            "losses": ["make_loss"],
            "trees": ["LabelTree"],
        },
    )

    def __getattr__(name):
        if name in ("compute", "similarity_csv"):  # imported first by the scripts in bundles of version 0.1.0
            from hierapp.export import old_scripts

            return old_scripts.module(name)
        return _find(name)


__all__ = ["LabelTree", "TreeError", "__version__", "load_runs", "make_loss", "track"]
