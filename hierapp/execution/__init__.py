"""Submit runs and process the queue: one scheduler, one process per run, on this machine or a Ray cluster."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.execution.submission import resume, submit
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"submission": ["resume", "submit"]})

__all__ = [
    "estimate",
    "logs",
    "planned",
    "resume",
    "scheduler",
    "settings",
    "slots",
    "submission",
    "submit",
    "system_status",
    "tracking",
]
