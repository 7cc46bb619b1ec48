"""Helpers for files, processes, devices and archives, independent of hierarchies."""

__all__ = [
    "archive_readers",
    "archives",
    "devices",
    "disk",
    "file_validation",
    "files",
    "lazy",
    "named_files",
    "nvml",
    "parts",
    "private",
    "processes",
    "text",
]
