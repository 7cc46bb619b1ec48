"""Execute runs on a Ray cluster; only this package imports ray."""

__all__ = ["backend", "ready"]
