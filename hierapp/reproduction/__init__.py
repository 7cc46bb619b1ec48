"""Reproduction of the paper's experiments.

For each figure: what it compared, the runs that repeat it at a quick and a full size, and rules, fixed in advance, that
decide whether the results agree with the paper.

`presets` and `figures` are data; `planning` turns them into configurations, `queueing` finds or queues the runs,
`evidence` reads the results of the runs, `rules` and `judge` decide, and `results` is what is saved to a file.
"""

__all__ = ["figures", "planning", "presets", "queueing", "results", "shapes", "shown", "state", "timing"]
