"""Hyper-parameter search: Optuna proposes configurations, which run as ordinary runs of the queue.

A search is stored as its settings (`plan`) and a study in Optuna's `JournalStorage` (`journal`, `storage`); the status
of its trials is read from the study and the runs each time (`trials`), so that a crash at any point neither loses nor
duplicates a trial. `sampler` asks Optuna; `runner` queues and prunes, in a separate process.

The search uses the validation part only.
"""

__all__ = ["journal", "plan", "report", "runner", "sampler", "space", "storage", "trials"]
