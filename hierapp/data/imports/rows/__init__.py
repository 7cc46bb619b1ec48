"""Data sets of features: rows of numbers with labels, from arrays (npz, npy) and tables (CSV, Parquet)."""

__all__ = ["arrays", "build", "kinds", "labels", "rows", "tables"]
