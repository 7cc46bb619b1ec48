"""Metrics of a test part, one file each.

To add one, add a file with METRICS, a tuple of `MetricSpec`, and a function `compute` that returns their values for an
`Evaluated`. Runs then store it, and the Compare page, the command line and the table of the documentation show it.
"""
