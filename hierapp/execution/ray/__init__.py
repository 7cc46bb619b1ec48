"""Runs on a Ray cluster: nothing but this package imports ray."""

__all__ = ["backend", "ready"]
