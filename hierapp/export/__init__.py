"""Runs as files for others: a bundle with its script, an HTML report, event files of TensorBoard."""

__all__ = ["bundle", "report", "tensorboard"]
