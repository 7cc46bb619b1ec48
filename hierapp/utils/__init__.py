"""Helpers for files, processes, devices, archives, options and numbers, independent of hierarchies."""

__all__ = [
    "archive_readers",
    "archives",
    "devices",
    "disk",
    "file_validation",
    "files",
    "indices",
    "lazy",
    "named_files",
    "numbers",
    "nvml",
    "options",
    "parts",
    "private",
    "processes",
    "text",
]
