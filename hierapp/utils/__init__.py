"""Files, processes, devices, archives: nothing about hierarchies."""

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
    "processes",
    "text",
]
