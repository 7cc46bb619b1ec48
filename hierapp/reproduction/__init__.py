"""The paper's experiments, run again: what each of its figures compared, the runs that repeat it in a quick and in a
full size, and rules, written down beforehand, that say whether what came out agrees with what the paper saw.

`presets` and `figures` are data; `planning` makes configurations of them, `queueing` finds or queues the runs,
`evidence` reads what these say, `rules` and `judge` decide, `results` is what is kept as a file.
"""

__all__ = ["figures", "planning", "presets", "queueing", "results", "shapes", "shown", "state", "timing"]
