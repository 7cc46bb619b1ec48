"""The command line: one module per group of commands; `main` combines them."""

__all__ = ["main"]
