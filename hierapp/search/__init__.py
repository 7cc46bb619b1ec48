"""Hyper-parameter search: Optuna proposes configurations, which run as ordinary runs of the queue.

A search is stored as its settings (`plan`) and an append-only journal (`journal`); the status of its trials is read
from the journal and the runs each time (`trials`). Optuna receives that history with every question (`sampler`), so it
stores nothing, and a crash at any point neither loses nor duplicates a trial. `runner` asks, queues and prunes, in a
separate process.

The search uses the validation part only.
"""

__all__ = ["journal", "plan", "report", "runner", "sampler", "space", "trials"]
