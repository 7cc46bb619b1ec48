"""The user's own data sets: import from folders and archives, check, store, delete."""

__all__ = ["finalize", "job", "options", "report", "store"]
