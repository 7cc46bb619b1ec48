"""The user's own data sets: read from folders and archives, checked, kept, deleted."""

__all__ = ["finalize", "job", "options", "report", "store"]
