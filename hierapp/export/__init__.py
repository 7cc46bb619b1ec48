"""Export of runs: a bundle with its script, an HTML report, TensorBoard event files."""

__all__ = ["bundle", "report", "tensorboard"]
