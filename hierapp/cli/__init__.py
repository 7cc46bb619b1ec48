"""The command line: one file a group of commands; `main` puts them together."""

__all__ = ["main"]
