"""To be written."""

from __future__ import annotations

from benchmarks.gpu.session import Session


def run(session: Session) -> None: ...
