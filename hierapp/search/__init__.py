"""Hyper-parameter search: Optuna asks for configurations, and ordinary runs of the queue answer.

A search is kept as what was asked (`plan`) and a journal of lines to which is only ever added (`journal`); how its
trials stand is read from the journal and the runs each time anew (`trials`). Optuna is given that history at every
question (`sampling`), so that it has nothing to keep, and whoever dies on the way loses and doubles nothing. `runner`
asks, queues and prunes, in a process of its own.

All of it looks at the validation part alone.
"""

__all__ = ["journal", "plan", "report", "runner", "sampler", "space", "trials"]
